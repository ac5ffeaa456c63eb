-- Writes of the directory: each one call, one transaction, run as the role directory under row-level
-- security. They answer jsonb: {"error","detail"} when nothing was written, else the resource.
SET ROLE migrator;

-- NULL: no such tenant. Locks the tenant's counter until the transaction ends.
CREATE FUNCTION directory.next_version() RETURNS bigint LANGUAGE sql AS $$
    UPDATE directory.tenants SET last_version = last_version + 1
    WHERE tenant_id = current_setting('callcell.tenant', true)
    RETURNING last_version
$$;

CREATE FUNCTION directory.lock_tenant() RETURNS boolean LANGUAGE sql AS $$
    SELECT true FROM directory.tenants
    WHERE tenant_id = current_setting('callcell.tenant', true) FOR UPDATE
$$;

-- Compiles the call plans of the numbers given, or (numbers NULL) of all that use the flow: one statement
-- however many they are. Returns how many.
CREATE FUNCTION directory.compile(at_version bigint, of_numbers text[], of_flow text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    tenant CONSTANT text := current_setting('callcell.tenant', true);
    compiled bigint;
BEGIN
    INSERT INTO directory.call_plans AS held (tenant_id, number, row_version, flow_id, plan)
    SELECT tenant, n.number, at_version, n.flow_id,
           (jsonb_build_object('format', 1, 'row_version', at_version, 'tenant', tenant,
                               'number', n.number, 'kind', n.kind)
            || CASE n.kind
               WHEN 'mobile' THEN jsonb_build_object('mobile', n.document - 'number' - 'kind')
               ELSE jsonb_build_object(
                    'fallback_target', n.document -> 'fallback_target',
                    'flow', CASE WHEN f.version IS NOT NULL THEN jsonb_build_object(
                        'id', f.flow_id, 'version', f.version, 'program', f.document) END)
               END)::text
    FROM (SELECT unnest(of_numbers) AS number
          UNION
          SELECT number FROM directory.numbers WHERE tenant_id = tenant AND flow_id = of_flow) wanted
    JOIN directory.numbers n ON n.tenant_id = tenant AND n.number = wanted.number
    LEFT JOIN directory.flow_drafts d ON d.tenant_id = n.tenant_id AND d.flow_id = n.flow_id
    LEFT JOIN directory.flow_versions f ON f.tenant_id = d.tenant_id AND f.flow_id = d.flow_id
                                       AND f.version = d.published_version
    ON CONFLICT (tenant_id, number) DO UPDATE
        SET row_version = excluded.row_version, flow_id = excluded.flow_id, plan = excluded.plan;
    GET DIAGNOSTICS compiled = ROW_COUNT;
    RETURN compiled;
END
$$;

CREATE FUNCTION directory.put_tenant(new_name text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant CONSTANT text := current_setting('callcell.tenant', true);
    version bigint;
BEGIN
    INSERT INTO directory.tenants AS held (tenant_id, name, row_version, last_version)
    VALUES (tenant, new_name, 1, 1)
    ON CONFLICT (tenant_id) DO UPDATE
        SET name = excluded.name, last_version = held.last_version + 1, row_version = held.last_version + 1
        WHERE held.name <> excluded.name
    RETURNING row_version INTO version;
    IF version IS NULL THEN
        SELECT row_version INTO version FROM directory.tenants WHERE tenant_id = tenant;
    END IF;
    RETURN jsonb_build_object('tenant', tenant, 'name', new_name, 'row_version', version);
END
$$;

-- documents: checked and normalised number documents. Answers the row_version of each, and in "changed"
-- what was written and compiled. Numbers are taken out of the documents first: under row-level security
-- an index is used only for plain comparisons (leakproof ones), not for n.number = document ->> 'number'.
CREATE FUNCTION directory.put_numbers(documents jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant CONSTANT text := current_setting('callcell.tenant', true);
    given text[];
    changed text[];
    version bigint;
BEGIN
    IF directory.lock_tenant() IS NULL THEN
        RETURN jsonb_build_object('error', 'not_found', 'detail', 'no such tenant');
    END IF;
    SELECT array_agg(d.value ->> 'number') INTO given FROM jsonb_array_elements(documents) d;
    WITH documents_by_number AS MATERIALIZED (
        SELECT d.value ->> 'number' AS number, d.value AS document FROM jsonb_array_elements(documents) d
    )
    SELECT array_agg(d.number) INTO changed
    FROM documents_by_number d
    LEFT JOIN directory.numbers n ON n.tenant_id = tenant AND n.number = d.number
                                 AND n.number = ANY (given)
    WHERE n.document IS DISTINCT FROM d.document;
    IF changed IS NOT NULL THEN
        version := directory.next_version();
        INSERT INTO directory.numbers AS held (tenant_id, number, kind, flow_id, document, row_version)
        SELECT tenant, d.value ->> 'number', d.value ->> 'kind', d.value ->> 'flow', d.value, version
        FROM jsonb_array_elements(documents) d
        JOIN unnest(changed) c (number) ON c.number = d.value ->> 'number'
        ON CONFLICT (tenant_id, number) DO UPDATE
            SET kind = excluded.kind, flow_id = excluded.flow_id, document = excluded.document,
                row_version = excluded.row_version;
        PERFORM directory.compile(version, changed, NULL);
    END IF;
    RETURN (
        SELECT jsonb_build_object(
            'row_version', max(n.row_version),
            'numbers', jsonb_agg(jsonb_build_object('number', n.number, 'row_version', n.row_version)
                                 ORDER BY n.number),
            'changed', coalesce(to_jsonb(changed), '[]'))
        FROM directory.numbers n
        WHERE n.tenant_id = tenant AND n.number = ANY (given));
END
$$;

CREATE FUNCTION directory.delete_number(old_number text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant CONSTANT text := current_setting('callcell.tenant', true);
    version bigint;
BEGIN
    IF directory.lock_tenant() IS NULL THEN
        RETURN jsonb_build_object('error', 'not_found', 'detail', 'no such tenant');
    END IF;
    DELETE FROM directory.numbers WHERE tenant_id = tenant AND number = old_number;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'not_found', 'detail', 'no such number');
    END IF;
    version := directory.next_version();
    UPDATE directory.call_plans SET plan = NULL, flow_id = NULL, row_version = version
    WHERE tenant_id = tenant AND number = old_number;
    RETURN jsonb_build_object('number', old_number, 'row_version', version,
                              'changed', jsonb_build_array(old_number));
END
$$;

CREATE FUNCTION directory.put_flow(new_flow text, new_document jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant CONSTANT text := current_setting('callcell.tenant', true);
    held directory.flow_drafts;
    version bigint;
BEGIN
    IF directory.lock_tenant() IS NULL THEN
        RETURN jsonb_build_object('error', 'not_found', 'detail', 'no such tenant');
    END IF;
    SELECT * INTO held FROM directory.flow_drafts WHERE tenant_id = tenant AND flow_id = new_flow;
    version := held.row_version;
    IF held.document IS DISTINCT FROM new_document THEN
        version := directory.next_version();
        INSERT INTO directory.flow_drafts (tenant_id, flow_id, document, row_version)
        VALUES (tenant, new_flow, new_document, version)
        ON CONFLICT (tenant_id, flow_id) DO UPDATE
            SET document = excluded.document, row_version = excluded.row_version;
    END IF;
    RETURN jsonb_build_object('flow', new_flow, 'row_version', version,
                              'published_version', held.published_version);
END
$$;

-- The draft becomes version n + 1, unless it is the published one already; the call plans of all numbers
-- that use the flow are compiled anew.
CREATE FUNCTION directory.publish_flow(of_flow text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant CONSTANT text := current_setting('callcell.tenant', true);
    draft directory.flow_drafts;
    held directory.flow_versions;
    at_version bigint;
    next bigint;
    compiled bigint;
BEGIN
    IF directory.lock_tenant() IS NULL THEN
        RETURN jsonb_build_object('error', 'not_found', 'detail', 'no such tenant');
    END IF;
    SELECT * INTO draft FROM directory.flow_drafts WHERE tenant_id = tenant AND flow_id = of_flow;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('error', 'not_found', 'detail', 'no such flow');
    END IF;
    SELECT * INTO held FROM directory.flow_versions
    WHERE tenant_id = tenant AND flow_id = of_flow AND version = draft.published_version;
    IF FOUND AND held.document = draft.document THEN
        RETURN jsonb_build_object('flow', of_flow, 'version', held.version,
                                  'row_version', held.row_version, 'compiled', 0);
    END IF;
    at_version := directory.next_version();
    SELECT coalesce(max(version), 0) + 1 INTO next FROM directory.flow_versions
    WHERE tenant_id = tenant AND flow_id = of_flow;
    INSERT INTO directory.flow_versions (tenant_id, flow_id, version, document, row_version)
    VALUES (tenant, of_flow, next, draft.document, at_version);
    UPDATE directory.flow_drafts SET published_version = next WHERE tenant_id = tenant AND flow_id = of_flow;
    compiled := directory.compile(at_version, NULL, of_flow);
    RETURN jsonb_build_object('flow', of_flow, 'version', next, 'row_version', at_version,
                              'compiled', compiled, 'published', true);
END
$$;

RESET ROLE;
