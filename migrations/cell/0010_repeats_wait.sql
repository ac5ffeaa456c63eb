-- Every write transaction waits for the replica at its commit, also one that turns out to change nothing: a
-- repeat after an unknown outcome finds its work done on the primary, and may be acknowledged only once the
-- replica has it too. Postgres waits only for a transaction that has an id and has written WAL: so each
-- writes a little.
SET ROLE migrator;

CREATE OR REPLACE FUNCTION fencing.require(wanted bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held bigint;
BEGIN
    SELECT t.term INTO STRICT held FROM fencing.term t;
    IF held <> wanted THEN
        RAISE EXCEPTION 'the fencing term is %, not %', held, wanted USING ERRCODE = 'CC001';
    END IF;
    PERFORM pg_logical_emit_message(true, 'callcell', '');
END
$$;

RESET ROLE;
