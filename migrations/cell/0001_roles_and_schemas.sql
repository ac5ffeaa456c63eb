-- Roles of a cell and the schema of each service. Passwords are set by the control plane.
-- migrator owns everything and nobody logs in as it in normal running; each service has a role of its own
-- that sees one tenant at a time (row-level security by callcell.tenant).
DO $$
DECLARE
    service text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'migrator') THEN
        CREATE ROLE migrator NOLOGIN;
    END IF;
    FOREACH service IN ARRAY ARRAY['calls', 'events', 'directory'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', service);
        END IF;
    END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS directory AUTHORIZATION migrator;
CREATE SCHEMA IF NOT EXISTS events AUTHORIZATION migrator;
GRANT USAGE ON SCHEMA directory TO directory, calls;
GRANT USAGE ON SCHEMA events TO events;
