-- The monitor of pg_auto_failover 2.0 reads a node's row before it takes the group's lock, and decides with what
-- it read: a primary that reports at the moment in which the other node's report begins the failover is then
-- told `wait_primary`, although its goal is already to drain. It would stop waiting for its replica, acknowledge
-- writes, and be demoted two seconds later: an acknowledged loss. Such a decision is refused here: the report fails,
-- and the node's next one, a moment later, sees what is decided.
CREATE FUNCTION public.refuse_stale_goal() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other_has_it boolean;
BEGIN
    SELECT bool_or(other.goalstate IN ('prepare_promotion', 'stop_replication', 'wait_primary', 'join_primary',
                                       'primary', 'apply_settings', 'single'))
        INTO other_has_it FROM pgautofailover.node other
        WHERE other.formationid = NEW.formationid AND other.groupid = NEW.groupid AND other.nodeid <> NEW.nodeid;
    IF OLD.goalstate IN ('draining', 'demote_timeout', 'demoted')
       AND NEW.goalstate IN ('wait_primary', 'join_primary', 'primary', 'apply_settings') AND other_has_it THEN
        RAISE EXCEPTION '% is to be %, not %: another node is being promoted', NEW.nodename, OLD.goalstate,
            NEW.goalstate;
    END IF;
    -- The other way round: who was told to catch up may lack what the primary has acknowledged alone since.
    IF OLD.goalstate = 'catchingup' AND NEW.goalstate = 'prepare_promotion' THEN
        RAISE EXCEPTION '% is catching up: it cannot be promoted', NEW.nodename;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER refuse_stale_goal BEFORE UPDATE OF goalstate ON pgautofailover.node FOR EACH ROW
    WHEN (OLD.goalstate IS DISTINCT FROM NEW.goalstate) EXECUTE FUNCTION public.refuse_stale_goal();
