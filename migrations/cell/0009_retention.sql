-- The purge of the inbox in bounded steps ("more": call again), and nothing purged from the default
-- partition that ingest would not hold against the events: a day's rows count as forgotten only from 35 days
-- on, before today or after.
SET ROLE migrator;

CREATE OR REPLACE FUNCTION events.ensure_partitions(days integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partitions_at_once CONSTANT integer := 8;
    rows_at_once CONSTANT integer := 5000;
    today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
    made integer := 0;
    dropped integer := 0;
    purged bigint := 0;
    day date;
    old record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('events.ensure_partitions'));
    FOR day IN SELECT today + g FROM generate_series(-1, least(greatest(days, 0), 62)) g LOOP
        made := made + events.add_partition('inbox', day)::integer
                     + events.add_partition('events', day)::integer;
    END LOOP;
    FOR old IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'events.inbox'::regclass AND c.relname ~ '^inbox_[0-9]{8}$'
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < today - 35
        ORDER BY c.relname LIMIT partitions_at_once
    LOOP
        EXECUTE format('DROP TABLE events.%I', old.relname);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM events.inbox_default WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM events.inbox_default
        WHERE arrived_on < today - 35 AND abs(occurred_on - today) >= 35 LIMIT rows_at_once));
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN jsonb_build_object('made', made, 'dropped', dropped, 'purged', purged, 'more',
                              dropped = partitions_at_once OR purged = rows_at_once);
END
$$;

RESET ROLE;
