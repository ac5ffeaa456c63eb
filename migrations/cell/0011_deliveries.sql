-- Which of several deliveries of an event got which answer. A carrier that repeats an event may be answered by
-- both edges, and takes one of the answers: which one, nobody tells us. Each delivery has the request id of the
-- edge that took it, in the record that a worker spools and in the entry that the edge journals.
--
--   of one request   a delivered decision (the edge's journal) counts before all others; those left that differ
--                    are 'unknown'
--   of one event     what all its requests agree in; else 'unknown'
--
-- Both are joins of a semilattice: in whatever order records come, and however often, the outcome is the same.
-- Records without a request id (spooled by a worker, or sent by an edge, of before) count as of one request,
-- and so do all others of their event.
SET ROLE migrator;

-- request_id: of the decision that the row shows. deliveries: of events with more than one request, else null:
-- {request id: [delivered, source, decision id]}.
ALTER TABLE events.events ADD COLUMN request_id uuid, ADD COLUMN deliveries jsonb;

-- A row per record, in its table's shape.
CREATE OR REPLACE FUNCTION events.stage(batch jsonb) RETURNS SETOF events.events LANGUAGE sql AS $$
    SELECT tenant, (occurred_at AT TIME ZONE 'UTC')::date, event_id, event, occurred_at, call_id, kind,
           direction, nullif("from", ''), nullif("to", ''), coalesce(sequence, 0), source, decision_id,
           coalesce(plan_version, 0), nullif(flow, ''), flow_version, nullif(carrier_key, ''), giver,
           coalesce(attempt, 0), coalesce(delivered, false), received_at, coalesce(processing_us, 0),
           coalesce(actions, '[]'), request_id, NULL::jsonb
    FROM jsonb_to_recordset(batch) AS (
        tenant text, event_id text, event text, occurred_at timestamptz, call_id text, kind text,
        direction text, "from" text, "to" text, sequence bigint, source text, decision_id text,
        plan_version bigint, flow text, flow_version bigint, carrier_key text, giver text, attempt integer,
        request_id uuid, delivered boolean, received_at timestamptz, processing_us bigint, actions jsonb)
$$;

-- As before (0006): batch -> stage -> inbox -> events + rollup -> reconcile. Now "first" is the record that an
-- event's row begins with; the event's other records, and all of an event that is there already, go through
-- reconcile.
CREATE OR REPLACE FUNCTION events.ingest(batch jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
    staged events.events[];
    first events.events[];
    fresh events.inbox[];
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
        SELECT events.reconcile(array_agg(w.record)) INTO reconciled
        FROM (SELECT s::events.events AS record, s.tenant_id, s.occurred_on, s.event_id,
                     count(*) OVER (PARTITION BY s.tenant_id, s.occurred_on, s.event_id) AS records
              FROM unnest(staged) s) w
        WHERE w.records > 1
           OR NOT EXISTS (SELECT FROM unnest(fresh) f
                          WHERE (f.tenant_id, f.occurred_on, f.event_id)
                              = (w.tenant_id, w.occurred_on, w.event_id));
    END IF;
    RETURN jsonb_build_object('accepted', jsonb_array_length(batch), 'inserted', inserted,
                              'reconciled', reconciled);
END
$$;

CREATE FUNCTION events.agreed(lowest text, highest text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN lowest = highest THEN lowest ELSE 'unknown' END
$$;

-- What becomes of the rows of these records' events; only rows that change. A row that shows what was not
-- delivered shows the delivered record once there is one. Each row is found by its key (the OFFSET keeps the
-- planner from reading whole partitions).
CREATE FUNCTION events.judge(records events.events[]) RETURNS TABLE (
    held events.events, shown events.events, source text, decision_id text, delivered boolean,
    request_id uuid, deliveries jsonb) LANGUAGE sql AS $$
    WITH held AS (
        SELECT h.row, a.tenant_id, a.occurred_on, a.event_id
        FROM (SELECT DISTINCT r.tenant_id, r.occurred_on, r.event_id FROM unnest(records) r ORDER BY 1, 2, 3) a
        CROSS JOIN LATERAL (
            SELECT e AS row FROM events.events e
            WHERE e.tenant_id = a.tenant_id AND e.occurred_on = a.occurred_on AND e.event_id = a.event_id
            OFFSET 0) h
    ), said AS (
        SELECT r.tenant_id, r.occurred_on, r.event_id, r.request_id, r.delivered, r.source, r.decision_id
        FROM unnest(records) r
        UNION ALL
        SELECT h.tenant_id, h.occurred_on, h.event_id, (h.row).request_id, (h.row).delivered,
               (h.row).source, (h.row).decision_id
        FROM held h WHERE (h.row).deliveries IS NULL
        UNION ALL
        SELECT h.tenant_id, h.occurred_on, h.event_id, d.key::uuid, (d.value ->> 0)::boolean, d.value ->> 1,
               d.value ->> 2
        FROM held h CROSS JOIN LATERAL jsonb_each((h.row).deliveries) d
    ), asked AS (
        SELECT s.*, CASE WHEN NOT bool_or(s.request_id IS NULL) OVER event THEN s.request_id END AS request
        FROM said s WINDOW event AS (PARTITION BY s.tenant_id, s.occurred_on, s.event_id)
    ), weighed AS (
        SELECT a.*, bool_or(a.delivered) OVER request AS any_delivered
        FROM asked a WINDOW request AS (PARTITION BY a.tenant_id, a.occurred_on, a.event_id, a.request)
    ), of_request AS (
        SELECT w.tenant_id, w.occurred_on, w.event_id, w.request, w.any_delivered AS delivered,
               events.agreed(min(w.source), max(w.source)) AS source,
               events.agreed(min(w.decision_id), max(w.decision_id)) AS decision_id
        FROM weighed w WHERE w.delivered OR NOT w.any_delivered GROUP BY 1, 2, 3, 4, 5
    ), of_event AS (
        SELECT o.tenant_id, o.occurred_on, o.event_id, bool_or(o.delivered) AS delivered,
               events.agreed(min(o.source), max(o.source)) AS source,
               events.agreed(min(o.decision_id), max(o.decision_id)) AS decision_id,
               count(*) > 1 AS several, (array_agg(o.request))[1] AS request,
               jsonb_object_agg(o.request, jsonb_build_array(o.delivered, o.source, o.decision_id))
                   FILTER (WHERE o.request IS NOT NULL) AS by_request
        FROM of_request o GROUP BY 1, 2, 3
    ), delivered AS (
        SELECT DISTINCT ON (r.tenant_id, r.occurred_on, r.event_id)
               r::events.events AS row, r.tenant_id, r.occurred_on, r.event_id
        FROM unnest(records) r WHERE r.delivered
        ORDER BY r.tenant_id, r.occurred_on, r.event_id, r.received_at, r.giver
    ), outcome AS (
        SELECT h.row AS held, s.shown, o.source, o.decision_id, o.delivered,
               CASE WHEN o.several THEN (s.shown).request_id ELSE o.request END AS request_id,
               CASE WHEN o.several THEN o.by_request END AS deliveries
        FROM of_event o JOIN held h USING (tenant_id, occurred_on, event_id)
        LEFT JOIN delivered d USING (tenant_id, occurred_on, event_id)
        CROSS JOIN LATERAL (SELECT CASE WHEN (h.row).delivered OR d.event_id IS NULL THEN h.row
                                        ELSE d.row END AS shown) s
        ORDER BY o.tenant_id, o.occurred_on, o.event_id
    )
    SELECT * FROM outcome o
    WHERE ((o.held).source, (o.held).decision_id, (o.held).delivered, (o.held).request_id, (o.held).deliveries)
          IS DISTINCT FROM (o.source, o.decision_id, o.delivered, o.request_id, o.deliveries)
$$;

-- Holds records against the rows of their events; answers how many rows that changed. Rows that change are
-- locked, in key order, and judged again. The others are left alone, and wait for nobody: a row only ever
-- gains, so that what changes nothing now changes nothing later.
CREATE FUNCTION events.reconcile(records events.events[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changing events.events[];
    judged record;
    more events.rollup[] := '{}';
    changed bigint := 0;
BEGIN
    changing := ARRAY(SELECT j.held FROM events.judge(records) j);
    IF cardinality(changing) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM FROM unnest(changing) c CROSS JOIN LATERAL (
        SELECT FROM events.events e
        WHERE e.tenant_id = c.tenant_id AND e.occurred_on = c.occurred_on AND e.event_id = c.event_id
        FOR UPDATE) locked;
    FOR judged IN SELECT * FROM events.judge(records) LOOP
        UPDATE events.events e
        SET source = judged.source, decision_id = judged.decision_id, delivered = judged.delivered,
            request_id = judged.request_id, deliveries = judged.deliveries,
            plan_version = (judged.shown).plan_version, flow_id = (judged.shown).flow_id,
            flow_version = (judged.shown).flow_version, carrier_key = (judged.shown).carrier_key,
            giver = (judged.shown).giver, attempt = (judged.shown).attempt,
            received_at = (judged.shown).received_at, processing_us = (judged.shown).processing_us,
            actions = (judged.shown).actions
        WHERE e.tenant_id = (judged.held).tenant_id AND e.occurred_on = (judged.held).occurred_on
          AND e.event_id = (judged.held).event_id;
        more := more || ((judged.held).tenant_id, (judged.held).occurred_on, (judged.held).event, 0,
                         (judged.shown).processing_us - (judged.held).processing_us)::events.rollup;
        changed := changed + 1;
    END LOOP;
    UPDATE events.rollup r SET processing_us = r.processing_us + m.more_us
    FROM (SELECT u.tenant_id, u.day, u.event, sum(u.processing_us) AS more_us FROM unnest(more) u
          GROUP BY 1, 2, 3) m
    WHERE (r.tenant_id, r.day, r.event) = (m.tenant_id, m.day, m.event) AND m.more_us <> 0;
    RETURN changed;
END
$$;

-- Only ingest called it.
DROP FUNCTION events.reconcile(events.events[], events.inbox[]);
REVOKE ALL ON FUNCTION events.agreed(text, text), events.judge(events.events[]), events.reconcile(events.events[])
    FROM PUBLIC;

RESET ROLE;
