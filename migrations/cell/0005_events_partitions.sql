-- Day partitions: made ahead, and those of the inbox dropped after 35 days.
SET ROLE migrator;

-- A partition cannot be attached while the default one holds rows of its day: they move in first.
CREATE FUNCTION events.add_partition(parent text, day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    name CONSTANT text := parent || '_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass('events.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE events.%I IN ACCESS EXCLUSIVE MODE', parent || '_default');
    EXECUTE format('CREATE TABLE events.%I (LIKE events.%I INCLUDING ALL)', name, parent);
    PERFORM events.secure(('events.' || name)::regclass);
    EXECUTE format('WITH moved AS (DELETE FROM events.%I WHERE occurred_on = %L RETURNING *) '
                   'INSERT INTO events.%I SELECT * FROM moved', parent || '_default', day, name);
    EXECUTE format('ALTER TABLE events.%I ATTACH PARTITION events.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, name, day, day + 1);
    RETURN true;
END
$$;

-- From yesterday to the given number of days ahead. Answers how many were made and dropped.
CREATE FUNCTION events.ensure_partitions(days integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
    made integer := 0;
    dropped integer := 0;
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
    LOOP
        EXECUTE format('DROP TABLE events.%I', old.relname);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM events.inbox_default WHERE arrived_on < today - 35;
    RETURN jsonb_build_object('made', made, 'dropped', dropped);
END
$$;

REVOKE ALL ON FUNCTION events.add_partition(text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION events.ensure_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION events.ensure_partitions(integer) TO events;
SELECT events.ensure_partitions(7);

RESET ROLE;
