-- Which `serve` does what only one of them should do. The lock is what decides: a session lock, gone with its
-- session. A leader that is frozen keeps its session and its lock; the row is its heartbeat.
CREATE TABLE leader (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    instance text NOT NULL,
    backend integer NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    renewed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO leader (instance, backend, since, renewed_at) VALUES ('', 0, '-infinity', '-infinity');

-- Asked once a second by every `serve`; true for the leader. Whoever finds that the leader has not renewed for
-- patience_ms ends its session, and leads from the next question on. The row is locked first, so that a leader
-- of this moment is not taken for one of the past.
CREATE FUNCTION lead(of_instance text, patience_ms integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    holder integer;
    last leader%ROWTYPE;
BEGIN
    SELECT * INTO last FROM leader FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 7300 AND objid = 1
                       AND objsubid = 2 AND granted AND pid = pg_backend_pid());
    END IF;
    SELECT pid INTO holder FROM pg_locks WHERE locktype = 'advisory' AND classid = 7300 AND objid = 1
        AND objsubid = 2 AND granted;
    IF holder IS DISTINCT FROM pg_backend_pid() AND NOT pg_try_advisory_lock(7300, 1) THEN
        IF last.renewed_at < clock_timestamp() - patience_ms * interval '1 ms' THEN
            PERFORM pg_terminate_backend(holder);
        END IF;
        RETURN false;
    END IF;
    UPDATE leader SET instance = of_instance, backend = pg_backend_pid(), renewed_at = clock_timestamp(),
        since = CASE WHEN last.backend = pg_backend_pid() AND last.instance = of_instance THEN last.since
                     ELSE clock_timestamp() END;
    RETURN true;
END
$$;
