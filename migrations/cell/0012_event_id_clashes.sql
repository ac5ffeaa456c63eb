-- An event id is for one event of a tenant's day. A record clashes when the row that holds its key has another
-- call or another event: a carrier gave the id twice. Until now such a record was taken for a repeat, so that it
-- was nowhere kept and made the decision of the other event "unknown" or its own. Now it has no part in anything,
-- and ingest says where in the batch it stands: the worker keeps it.
SET ROLE migrator;

-- The rows that hold these records' keys. Each is found by its key (the OFFSET keeps the planner from reading
-- whole partitions).
CREATE FUNCTION events.holders(records events.events[]) RETURNS SETOF events.events LANGUAGE sql STABLE AS $$
    SELECT h.* FROM (SELECT DISTINCT r.tenant_id, r.occurred_on, r.event_id FROM unnest(records) r) a
    CROSS JOIN LATERAL (
        SELECT e.* FROM events.events e
        WHERE e.tenant_id = a.tenant_id AND e.occurred_on = a.occurred_on AND e.event_id = a.event_id
        OFFSET 0) h
$$;

-- {"clashes": [positions in the batch, from 0], "held_by": [the call that has the id, of each]}.
CREATE FUNCTION events.clashes(batch jsonb, holders events.events[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('clashes', coalesce(jsonb_agg(r.ordinality - 1 ORDER BY r.ordinality), '[]'),
                              'held_by', coalesce(jsonb_agg(h.call_id ORDER BY r.ordinality), '[]'))
    FROM ROWS FROM (jsonb_to_recordset(batch) AS (
        tenant text, event_id text, event text, occurred_at timestamptz, call_id text)) WITH ORDINALITY r
    JOIN unnest(holders) h ON (h.tenant_id, h.occurred_on, h.event_id)
                            = (r.tenant, (r.occurred_at AT TIME ZONE 'UTC')::date, r.event_id)
    WHERE (r.call_id, r.event) IS DISTINCT FROM (h.call_id, h.event)
$$;

-- As before (0011), but for what clashes. Where nothing is there already, nothing can: no further query.
CREATE OR REPLACE FUNCTION events.ingest(batch jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
    staged events.events[];
    first events.events[];
    fresh events.inbox[];
    further events.events[];
    holders events.events[];
    repeats events.events[];
    clashing jsonb := '{"clashes": []}';
    inserted bigint;
    reconciled bigint := 0;
BEGIN
    SELECT array_agg(s) INTO staged FROM events.stage(batch) s;
    SELECT array_agg(f.record ORDER BY f.tenant_id, f.occurred_on, f.event_id) INTO first
    FROM (SELECT DISTINCT ON (s.tenant_id, s.occurred_on, s.event_id)
                 s::events.events AS record, s.tenant_id, s.occurred_on, s.event_id
          FROM unnest(staged) s
          ORDER BY s.tenant_id, s.occurred_on, s.event_id, s.delivered DESC, s.received_at, s.giver) f;

    WITH arrived AS (
        INSERT INTO events.inbox (tenant_id, occurred_on, event_id)
        SELECT f.tenant_id, f.occurred_on, f.event_id FROM unnest(first) f
        ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING
        RETURNING *
    )
    SELECT array_agg(a::events.inbox) INTO fresh FROM arrived a;

    -- Days whose inbox was dropped, or may have been, are held against the events themselves.
    IF EXISTS (SELECT FROM unnest(fresh) f WHERE abs(f.occurred_on - today) >= 35) THEN
        SELECT array_agg(f) INTO fresh FROM unnest(fresh) f
        WHERE abs(f.occurred_on - today) < 35
           OR NOT EXISTS (SELECT FROM events.events e
                          WHERE (e.tenant_id, e.occurred_on, e.event_id)
                              = (f.tenant_id, f.occurred_on, f.event_id));
    END IF;

    INSERT INTO events.events
    SELECT s.* FROM unnest(first) s JOIN unnest(fresh) f USING (tenant_id, occurred_on, event_id);
    GET DIAGNOSTICS inserted = ROW_COUNT;

    INSERT INTO events.rollup AS held (tenant_id, day, event, count, processing_us)
    SELECT s.tenant_id, s.occurred_on, s.event, count(*), sum(s.processing_us)
    FROM unnest(first) s JOIN unnest(fresh) f USING (tenant_id, occurred_on, event_id)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, day, event) DO UPDATE
        SET count = held.count + excluded.count,
            processing_us = held.processing_us + excluded.processing_us;

    IF inserted < coalesce(array_length(staged, 1), 0) THEN
        further := ARRAY(
            SELECT w.record
            FROM (SELECT s::events.events AS record, s.tenant_id, s.occurred_on, s.event_id,
                         count(*) OVER (PARTITION BY s.tenant_id, s.occurred_on, s.event_id) AS records
                  FROM unnest(staged) s) w
            WHERE w.records > 1
               OR NOT EXISTS (SELECT FROM unnest(fresh) f
                              WHERE (f.tenant_id, f.occurred_on, f.event_id)
                                  = (w.tenant_id, w.occurred_on, w.event_id)));
        holders := ARRAY(SELECT h::events.events FROM events.holders(further) h);
        repeats := ARRAY(
            SELECT f::events.events
            FROM unnest(further) f JOIN unnest(holders) h USING (tenant_id, occurred_on, event_id)
            WHERE (f.call_id, f.event) = (h.call_id, h.event));
        reconciled := events.reconcile(repeats);
        IF cardinality(repeats) < cardinality(further) THEN
            clashing := events.clashes(batch, holders);
        END IF;
    END IF;
    RETURN clashing || jsonb_build_object('accepted', jsonb_array_length(batch), 'inserted', inserted,
                                          'reconciled', reconciled);
END
$$;

REVOKE ALL ON FUNCTION events.holders(events.events[]), events.clashes(jsonb, events.events[]) FROM PUBLIC;

RESET ROLE;
