-- Call events, kept once each. A day is the UTC day of occurred_at; absurd days go to the default
-- partitions.
SET ROLE migrator;

-- Says which events have arrived: what makes shipping idempotent. Kept 35 days.
CREATE TABLE events.inbox (
    tenant_id text NOT NULL,
    occurred_on date NOT NULL,
    event_id text NOT NULL,
    arrived_on date NOT NULL DEFAULT current_date,
    PRIMARY KEY (tenant_id, occurred_on, event_id)
) PARTITION BY RANGE (occurred_on);

CREATE TABLE events.events (
    tenant_id text NOT NULL,
    occurred_on date NOT NULL,
    event_id text NOT NULL,
    event text NOT NULL,
    occurred_at timestamptz NOT NULL,
    call_id text NOT NULL,
    kind text NOT NULL,
    direction text NOT NULL,
    from_number text,
    to_number text,
    sequence bigint NOT NULL,
    source text NOT NULL,
    decision_id text NOT NULL,
    plan_version bigint NOT NULL,
    flow_id text,
    flow_version bigint,
    carrier_key text,
    giver text NOT NULL,
    attempt integer NOT NULL,
    delivered boolean NOT NULL,
    received_at timestamptz NOT NULL,
    processing_us bigint NOT NULL,
    actions jsonb NOT NULL,
    PRIMARY KEY (tenant_id, occurred_on, event_id)
) PARTITION BY RANGE (occurred_on);
CREATE INDEX events_by_call ON events.events (tenant_id, call_id);

CREATE TABLE events.rollup (
    tenant_id text NOT NULL,
    day date NOT NULL,
    event text NOT NULL,
    count bigint NOT NULL,
    processing_us bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, event)
);

-- Rows are read by tenant; only the functions below, which run as migrator, read and write across tenants.
CREATE FUNCTION events.secure(of_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', of_table);
    EXECUTE format('CREATE POLICY own_tenant ON %s FOR SELECT TO events '
                   'USING (tenant_id = current_setting(''callcell.tenant'', true))', of_table);
    EXECUTE format('CREATE POLICY ingest ON %s TO migrator USING (true) WITH CHECK (true)', of_table);
END
$$;
REVOKE ALL ON FUNCTION events.secure(regclass) FROM PUBLIC;

CREATE TABLE events.inbox_default PARTITION OF events.inbox DEFAULT;
CREATE TABLE events.events_default PARTITION OF events.events DEFAULT;
SELECT events.secure(t) FROM unnest(ARRAY['events.inbox', 'events.events', 'events.rollup',
    'events.inbox_default', 'events.events_default']::regclass[]) t;
GRANT SELECT ON events.inbox, events.events, events.rollup TO events;

RESET ROLE;
