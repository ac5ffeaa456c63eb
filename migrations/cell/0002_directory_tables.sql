-- What a tenant is made of: its numbers, its flows, and the call plans compiled from both.
SET ROLE migrator;

-- last_version is the tenant's counter: every write takes the next value under this row's lock, so that
-- the versions of one tenant are in commit order.
CREATE TABLE directory.tenants (
    tenant_id text PRIMARY KEY CHECK (tenant_id ~ '^[a-z][a-z0-9-]{1,30}$'),
    name text NOT NULL,
    row_version bigint NOT NULL,
    last_version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE directory.numbers (
    tenant_id text NOT NULL REFERENCES directory.tenants,
    number text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('mobile', 'pbx')),
    flow_id text,
    document jsonb NOT NULL,
    row_version bigint NOT NULL,
    PRIMARY KEY (tenant_id, number),
    CONSTRAINT number_of_one_tenant UNIQUE (number)
);
CREATE INDEX numbers_by_flow ON directory.numbers (tenant_id, flow_id) WHERE flow_id IS NOT NULL;

-- published_version is the pointer that publishing and rolling back move.
CREATE TABLE directory.flow_drafts (
    tenant_id text NOT NULL REFERENCES directory.tenants,
    flow_id text NOT NULL,
    document jsonb NOT NULL,
    row_version bigint NOT NULL,
    published_version bigint,
    PRIMARY KEY (tenant_id, flow_id)
);

-- Immutable: nobody may update or delete.
CREATE TABLE directory.flow_versions (
    tenant_id text NOT NULL,
    flow_id text NOT NULL,
    version bigint NOT NULL,
    document jsonb NOT NULL,
    row_version bigint NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, flow_id, version),
    FOREIGN KEY (tenant_id, flow_id) REFERENCES directory.flow_drafts
);

-- plan NULL: the number was deleted at row_version. The row stays, so that a replica that has not heard of
-- a number can be told from one that knows that it is gone.
CREATE TABLE directory.call_plans (
    tenant_id text NOT NULL,
    number text NOT NULL,
    row_version bigint NOT NULL,
    flow_id text,
    plan text,
    PRIMARY KEY (tenant_id, number)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'numbers', 'flow_drafts', 'flow_versions', 'call_plans'] LOOP
        EXECUTE format('ALTER TABLE directory.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_tenant ON directory.%I '
                       'USING (tenant_id = current_setting(''callcell.tenant'', true)) '
                       'WITH CHECK (tenant_id = current_setting(''callcell.tenant'', true))', name);
    END LOOP;
END
$$;
-- The list of tenants is the one thing that is read across tenants: ids and names only.
CREATE POLICY list_tenants ON directory.tenants FOR SELECT TO directory USING (true);

GRANT SELECT, INSERT, UPDATE ON directory.tenants, directory.flow_drafts, directory.call_plans TO directory;
GRANT SELECT, INSERT, UPDATE, DELETE ON directory.numbers TO directory;
GRANT SELECT, INSERT ON directory.flow_versions TO directory;
GRANT SELECT ON directory.call_plans, directory.flow_versions TO calls;

RESET ROLE;
