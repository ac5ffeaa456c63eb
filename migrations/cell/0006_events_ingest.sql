-- Ingest of call records (docs/api/internal.md, "Call record"): idempotent, one transaction.
--
--   batch -> stage (one row per event) -> inbox (ON CONFLICT) -> events + rollup     first arrival
--                                                             -> reconcile + rollup  a further decision
--
-- Each step is a statement of its own: a step that waited for another worker's commit sees its rows in the
-- next. Rows are taken in key order, so that two workers cannot deadlock.
SET ROLE migrator;

-- One decision per event of the batch: a delivered one before all others; where those left differ, 'unknown'
-- (two edges may each have delivered one, when the carrier repeated the event at the second).
CREATE FUNCTION events.stage(batch jsonb) RETURNS SETOF events.events LANGUAGE sql AS $$
    WITH typed AS (
        SELECT r.*, (r.occurred_at AT TIME ZONE 'UTC')::date AS occurred_on,
               bool_or(coalesce(r.delivered, false)) OVER whole AS any_delivered
        FROM ROWS FROM (jsonb_to_recordset(batch) AS (
            tenant text, event_id text, event text, occurred_at timestamptz, call_id text, kind text,
            direction text, "from" text, "to" text, sequence bigint, source text, decision_id text,
            plan_version bigint, flow text, flow_version bigint, carrier_key text, giver text,
            attempt integer, delivered boolean, received_at timestamptz, processing_us bigint,
            actions jsonb)) WITH ORDINALITY AS r
        WINDOW whole AS (PARTITION BY r.tenant, (r.occurred_at AT TIME ZONE 'UTC')::date, r.event_id)
    ), told AS (
        SELECT typed.*,
               row_number() OVER (PARTITION BY tenant, occurred_on, event_id ORDER BY ordinality) AS position,
               min(source) OVER whole <> max(source) OVER whole AS sources_differ,
               min(decision_id) OVER whole <> max(decision_id) OVER whole AS decisions_differ
        FROM typed WHERE delivered OR NOT any_delivered
        WINDOW whole AS (PARTITION BY tenant, occurred_on, event_id)
    )
    SELECT tenant, occurred_on, event_id, event, occurred_at, call_id, kind, direction,
           nullif("from", ''), nullif("to", ''), coalesce(sequence, 0),
           CASE WHEN sources_differ THEN 'unknown' ELSE source END,
           CASE WHEN decisions_differ THEN 'unknown' ELSE decision_id END,
           coalesce(plan_version, 0), nullif(flow, ''), flow_version, nullif(carrier_key, ''), giver,
           coalesce(attempt, 0), coalesce(delivered, false), received_at, coalesce(processing_us, 0),
           coalesce(actions, '[]')
    FROM told WHERE position = 1
$$;

CREATE FUNCTION events.ingest(batch jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
    staged events.events[];
    fresh events.inbox[];
    inserted bigint;
    reconciled bigint;
BEGIN
    SELECT array_agg(s ORDER BY s.tenant_id, s.occurred_on, s.event_id) INTO staged
    FROM events.stage(batch) s;

    WITH arrived AS (
        INSERT INTO events.inbox (tenant_id, occurred_on, event_id)
        SELECT s.tenant_id, s.occurred_on, s.event_id FROM unnest(staged) s
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
    SELECT s.* FROM unnest(staged) s JOIN unnest(fresh) f USING (tenant_id, occurred_on, event_id);
    GET DIAGNOSTICS inserted = ROW_COUNT;

    INSERT INTO events.rollup AS held (tenant_id, day, event, count, processing_us)
    SELECT s.tenant_id, s.occurred_on, s.event, count(*), sum(s.processing_us)
    FROM unnest(staged) s JOIN unnest(fresh) f USING (tenant_id, occurred_on, event_id)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, day, event) DO UPDATE
        SET count = held.count + excluded.count,
            processing_us = held.processing_us + excluded.processing_us;

    reconciled := 0;
    IF inserted < coalesce(array_length(staged, 1), 0) THEN
        reconciled := events.reconcile(staged, fresh);
    END IF;
    RETURN jsonb_build_object('accepted', jsonb_array_length(batch), 'inserted', inserted,
                              'reconciled', reconciled);
END
$$;

-- A further decision for an event that is kept already: a delivered one replaces one that is not; of two
-- that are equal in this, what differs becomes 'unknown'.
CREATE FUNCTION events.reconcile(staged events.events[], fresh events.inbox[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    WITH further AS (
        SELECT s.* FROM unnest(staged) s
        WHERE NOT EXISTS (SELECT FROM unnest(fresh) f
                          WHERE (f.tenant_id, f.occurred_on, f.event_id)
                              = (s.tenant_id, s.occurred_on, s.event_id))
    ), before AS (
        SELECT e.* FROM events.events e JOIN further USING (tenant_id, occurred_on, event_id)
        WHERE further.delivered OR NOT e.delivered
        ORDER BY e.tenant_id, e.occurred_on, e.event_id FOR UPDATE OF e
    ), replaced AS (
        UPDATE events.events e
        SET source = s.source, decision_id = s.decision_id, plan_version = s.plan_version,
            flow_id = s.flow_id, flow_version = s.flow_version, carrier_key = s.carrier_key,
            giver = s.giver, attempt = s.attempt, delivered = true, received_at = s.received_at,
            processing_us = s.processing_us, actions = s.actions
        FROM further s JOIN before b USING (tenant_id, occurred_on, event_id)
        WHERE (e.tenant_id, e.occurred_on, e.event_id) = (s.tenant_id, s.occurred_on, s.event_id)
          AND s.delivered AND NOT b.delivered
        RETURNING e.tenant_id, e.occurred_on, e.event, e.processing_us - b.processing_us AS more_us
    ), doubted AS (
        UPDATE events.events e
        SET source = CASE WHEN b.source = s.source THEN e.source ELSE 'unknown' END,
            decision_id = CASE WHEN b.decision_id = s.decision_id THEN e.decision_id ELSE 'unknown' END
        FROM further s JOIN before b USING (tenant_id, occurred_on, event_id)
        WHERE (e.tenant_id, e.occurred_on, e.event_id) = (s.tenant_id, s.occurred_on, s.event_id)
          AND s.delivered = b.delivered
          AND (b.source <> s.source OR b.decision_id <> s.decision_id)
        RETURNING 1
    ), counted AS (
        UPDATE events.rollup r SET processing_us = r.processing_us + d.more_us
        FROM (SELECT tenant_id, occurred_on, event, sum(more_us) AS more_us FROM replaced
              GROUP BY 1, 2, 3) d
        WHERE (r.tenant_id, r.day, r.event) = (d.tenant_id, d.occurred_on, d.event)
    )
    SELECT (SELECT count(*) FROM replaced) + (SELECT count(*) FROM doubted) INTO changed;
    RETURN changed;
END
$$;

REVOKE ALL ON FUNCTION events.stage(jsonb), events.reconcile(events.events[], events.inbox[]),
    events.ingest(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION events.ingest(jsonb) TO events;

RESET ROLE;
