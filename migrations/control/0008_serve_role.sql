-- What `serve` may do over TCP, with a password: read what it gives away, take reports, and ask who leads.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'serve') THEN
        CREATE ROLE serve LOGIN CONNECTION LIMIT 40;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO serve', current_database());
END
$$;
-- A frozen client in the middle of a transaction must not hold up the others.
ALTER ROLE serve SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE serve SET lock_timeout = '3s';
GRANT SELECT ON publication_index, publications, source_tokens, facts, reports, leader TO serve;
GRANT INSERT, UPDATE ON reports TO serve;
GRANT UPDATE ON leader TO serve;
