-- Deleting a number that is deleted already answers as it did the first time: a delete whose outcome was
-- unknown is repeated, and workers that were not told then are told now.
SET ROLE migrator;

CREATE OR REPLACE FUNCTION directory.delete_number(old_number text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant CONSTANT text := current_setting('callcell.tenant', true);
    version bigint;
BEGIN
    IF directory.lock_tenant() IS NULL THEN
        RETURN jsonb_build_object('error', 'not_found', 'detail', 'no such tenant');
    END IF;
    DELETE FROM directory.numbers WHERE tenant_id = tenant AND number = old_number;
    IF FOUND THEN
        version := directory.next_version();
        UPDATE directory.call_plans SET plan = NULL, flow_id = NULL, row_version = version
        WHERE tenant_id = tenant AND number = old_number;
    ELSE
        SELECT row_version INTO version FROM directory.call_plans
        WHERE tenant_id = tenant AND number = old_number AND plan IS NULL;
        IF version IS NULL THEN
            RETURN jsonb_build_object('error', 'not_found', 'detail', 'no such number');
        END IF;
    END IF;
    RETURN jsonb_build_object('number', old_number, 'row_version', version,
                              'changed', jsonb_build_array(old_number));
END
$$;

RESET ROLE;
