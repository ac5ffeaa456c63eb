-- The fencing term: which term's workers this primary takes writes from (docs/adr/0011). Every write
-- transaction of a worker begins with fencing.require(its term) and holds that share of the lock until it
-- ends; fencing.raise waits for all of them and lets in no more: what an old worker wrote is there before the
-- raise or never.
CREATE SCHEMA fencing AUTHORIZATION migrator;
GRANT USAGE ON SCHEMA fencing TO calls, events, directory;
SET ROLE migrator;

CREATE TABLE fencing.term (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    term bigint NOT NULL CHECK (term > 0),
    raised_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO fencing.term (term) VALUES (1);
GRANT SELECT ON fencing.term TO calls, events, directory;

-- Written by whoever measures how long writes were held up.
CREATE TABLE fencing.probe (
    prober text PRIMARY KEY,
    written_at timestamptz NOT NULL
);

-- VOLATILE: a transaction that waited for a raise sees what was raised.
CREATE FUNCTION fencing.require(wanted bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held bigint;
BEGIN
    SELECT t.term INTO STRICT held FROM fencing.term t;
    IF held <> wanted THEN
        RAISE EXCEPTION 'the fencing term is %, not %', held, wanted USING ERRCODE = 'CC001';
    END IF;
END
$$;

-- Only upwards; answers the term in force.
CREATE FUNCTION fencing.raise(wanted bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held bigint;
BEGIN
    LOCK TABLE fencing.term IN ACCESS EXCLUSIVE MODE;
    UPDATE fencing.term SET term = wanted, raised_at = now() WHERE term < wanted;
    SELECT t.term INTO STRICT held FROM fencing.term t;
    RETURN held;
END
$$;

REVOKE ALL ON FUNCTION fencing.require(bigint), fencing.raise(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fencing.require(bigint) TO calls, events, directory;

RESET ROLE;
