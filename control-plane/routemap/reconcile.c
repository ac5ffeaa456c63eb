/* Rim: writes the registry, asks cells. */
#include "control-plane/routemap/reconcile.h"

#include <stdlib.h>

#include "control-plane/cell_api.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/compose.h"

enum { PAGE = 1000 };

/* held: one row per thing, key and content as text; ours: the same of the registry. */
#define COMPARE                                                                                    \
    ", both_ AS (SELECT coalesce(held.key, ours.key) AS key, held.content AS h, ours.content "     \
    "AS o FROM held FULL JOIN ours ON held.key = ours.key WHERE held.content IS DISTINCT FROM "    \
    "ours.content) SELECT count(*) FILTER (WHERE o IS NULL), count(*) FILTER (WHERE h IS NULL), "  \
    "count(*) FILTER (WHERE h IS NOT NULL AND o IS NOT NULL), (SELECT string_agg(key, ', ') "      \
    "FROM (SELECT key FROM both_ ORDER BY key LIMIT 10) few) FROM both_"

#define HELD_NUMBERS                                                                               \
    "SELECT split_part(l, E'\\t', 1) AS number, split_part(l, E'\\t', 2) AS tenant, "              \
    "split_part(l, E'\\t', 3) AS kind, nullif(split_part(l, E'\\t', 4), '-') AS fallback "         \
    "FROM regexp_split_to_table($2, E'\\n') l WHERE l <> ''"

static const char *const compare_sql[CC_PUBLICATION_KINDS] = {
    [CC_PUBLICATION_MAP] =
        "WITH held AS (SELECT 'slots ' || (r->>0) || '-' || (r->>1) AS key, r->>2 AS content "
        "FROM jsonb_array_elements($2::jsonb->'slots') r UNION ALL SELECT 'pin of ' || k, v "
        "FROM jsonb_each_text(coalesce($2::jsonb->'pins', '{}')) e(k, v)), "
        "ours AS (SELECT 'slots ' || first_slot || '-' || last_slot AS key, cell AS content "
        "FROM slot_ranges WHERE country = $1 UNION ALL SELECT 'pin of ' || tenant, pinned_cell "
        "FROM tenants WHERE country = $1 AND pinned_cell IS NOT NULL)" COMPARE,
    [CC_PUBLICATION_NUMBERS] =
        "WITH list AS (" HELD_NUMBERS
        "), held AS (SELECT number AS key, tenant || ' ' || kind || ' ' || coalesce(fallback, '') "
        "AS content FROM list), ours AS (SELECT number AS key, tenant || ' ' || kind || ' ' || "
        "coalesce(fallback_target, '') AS content FROM numbers WHERE country = $1 AND state = "
        "'written')" COMPARE,
    [CC_PUBLICATION_CARRIERS] =
        "WITH held AS (SELECT k->>'id' AS key, md5(concat(k->'tenants', k->'mode', k->'secrets')) "
        "AS content FROM jsonb_array_elements($2::jsonb->'keys') k), ours AS (SELECT key_id AS "
        "key, md5(concat(to_jsonb(tenants), to_jsonb(mode), to_jsonb(secrets))) AS content FROM "
        "carrier_keys WHERE country = $1)" COMPARE,
    [CC_PUBLICATION_SEALING] =
        "WITH held AS (SELECT k->>'id' AS key, md5(k->>'key') AS content FROM "
        "jsonb_array_elements($2::jsonb->'keys') k), ours AS (SELECT key_id::text AS key, "
        "md5(translate(encode(key, 'base64'), E'\\n', '')) AS content FROM sealing_keys "
        "WHERE country = $1)" COMPARE,
};

enum cc_error cp_reconcile_compare(struct cp_context *context, const char *country,
                                   enum cc_publication_kind kind, const struct cp_held_file *file,
                                   struct cp_difference *out)
{
    PGresult *result;
    const char *payload = cp_copy(context, file->publication.payload);
    *out = (struct cp_difference){.examples = ""};
    enum cc_error error =
        cp_sql(context, &result, compare_sql[kind], CP_PARAMETERS(country, payload));
    if (error)
        return error;
    out->only_held = cp_sql_integer(result, 0, 0);
    out->only_registry = cp_sql_integer(result, 0, 1);
    out->changed = cp_sql_integer(result, 0, 2);
    out->examples = cp_sql_value(result, 0, 3);
    return CC_OK;
}

enum cc_error cp_reconcile_store(struct cp_context *context, const struct cp_held_file *file)
{
    const struct cc_publication *publication = &file->publication;
    const char *kind = cc_publication_kind_name(publication->kind);
    const char *epoch = cp_format(context, "%lld", (long long)publication->epoch);
    return cp_sql_run(
        context,
        "SELECT publish($1, $2, $3::bigint, $4::bytea, $5::bytea, $6) WHERE NOT EXISTS (SELECT "
        "FROM publications WHERE country = $1 AND kind = $2 AND epoch >= $3::bigint)",
        CP_PARAMETERS(publication->country, kind, epoch, cp_sql_bytes(context, file->bytes),
                      cp_sql_bytes(context, file->signature), publication->sha256));
}

/* Statements with the country as $1 and the payload as $2, until the first that fails. */
static enum cc_error run_all(struct cp_context *context, const char *country, const char *payload,
                             const char *const *statements)
{
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && statements[i]; i++)
        error = cp_sql_run(context, statements[i], CP_PARAMETERS(country, payload));
    return error;
}

/* A cell that the registry forgot has its number in its workers' ports. Template and target are
 * those of another cell of the country. */
static enum cc_error adopt_map(struct cp_context *context, const char *country, const char *payload)
{
    const char *port_base = cp_format(context, "%d", cp_port(context, cp_ports_worker(0, 0)));
    enum cc_error error = cp_sql_run(
        context,
        "INSERT INTO cells (cell, country, number, template, target, state) "
        "SELECT c->>'id', $1, (split_part(c#>>'{sites,0,endpoints,0}', ':', 2)::int - $3::int) / "
        "100, coalesce((SELECT template FROM countries WHERE country = $1), 'demo'), 'local', "
        "'ready' FROM jsonb_array_elements($2::jsonb->'cells') c "
        "ON CONFLICT (cell) DO UPDATE SET state = 'ready'",
        CP_PARAMETERS(country, payload, port_base));
    static const char *const statements[] = {
        "DELETE FROM slot_ranges WHERE country = $1 AND $2 <> ''",
        "INSERT INTO slot_ranges (country, first_slot, last_slot, cell) SELECT $1, (r->>0)::int, "
        "(r->>1)::int, r->>2 FROM jsonb_array_elements($2::jsonb->'slots') r",
        "INSERT INTO tenants (country, tenant, name, state) SELECT $1, k, k, 'ready' FROM "
        "jsonb_object_keys(coalesce($2::jsonb->'pins', '{}')) k ON CONFLICT DO NOTHING",
        "UPDATE tenants SET pinned_cell = $2::jsonb->'pins'->>tenant WHERE country = $1",
        "UPDATE countries SET policy = $2::jsonb->'policy' WHERE country = $1",
        NULL};
    return error ? error : run_all(context, country, payload, statements);
}

static enum cc_error adopt_numbers(struct cp_context *context, const char *country,
                                   const char *payload)
{
    static const char *const statements[] = {
        "WITH list AS (" HELD_NUMBERS ") INSERT INTO tenants (country, tenant, name, state) "
        "SELECT DISTINCT $1, tenant, tenant, 'ready' FROM list ON CONFLICT DO NOTHING",
        "WITH list AS (" HELD_NUMBERS ") DELETE FROM numbers n WHERE n.country = $1 AND NOT "
        "EXISTS (SELECT FROM list WHERE list.number = n.number) AND NOT EXISTS (SELECT FROM runs r "
        "WHERE r.finished_at IS NULL AND r.subject = $1 || '/' || n.number)",
        "WITH list AS (" HELD_NUMBERS ") INSERT INTO numbers AS n (country, number, tenant, kind, "
        "fallback_target, document, state) SELECT $1, number, tenant, kind, fallback, '{}', "
        "'written' FROM list ON CONFLICT (country, number) DO UPDATE SET document = CASE WHEN "
        "(n.tenant, n.kind) = (EXCLUDED.tenant, EXCLUDED.kind) AND n.fallback_target IS NOT "
        "DISTINCT FROM EXCLUDED.fallback_target THEN n.document ELSE '{}' END, tenant = "
        "EXCLUDED.tenant, kind = EXCLUDED.kind, fallback_target = EXCLUDED.fallback_target, "
        "state = 'written'",
        NULL};
    return run_all(context, country, payload, statements);
}

static enum cc_error adopt_carriers(struct cp_context *context, const char *country,
                                    const char *payload)
{
    static const char *const statements[] = {
        "DELETE FROM carrier_keys WHERE country = $1 AND key_id NOT IN (SELECT k->>'id' FROM "
        "jsonb_array_elements($2::jsonb->'keys') k)",
        "INSERT INTO carrier_keys (country, key_id, tenants, mode, secrets) SELECT $1, k->>'id', "
        "ARRAY(SELECT jsonb_array_elements_text(k->'tenants')), k->>'mode', "
        "ARRAY(SELECT jsonb_array_elements_text(k->'secrets')) "
        "FROM jsonb_array_elements($2::jsonb->'keys') k ON CONFLICT (country, key_id) DO UPDATE "
        "SET tenants = EXCLUDED.tenants, mode = EXCLUDED.mode, secrets = EXCLUDED.secrets",
        "INSERT INTO cell_tokens (cell, country, edge_token) SELECT e.k, $1, e.v FROM "
        "jsonb_each_text($2::jsonb->'cells') e(k, v) JOIN cells ON cells.cell = e.k "
        "ON CONFLICT (cell) DO UPDATE SET edge_token = EXCLUDED.edge_token",
        NULL};
    return run_all(context, country, payload, statements);
}

/* Only ever added: a dialogue that is under way was sealed with one of them. */
static enum cc_error adopt_sealing(struct cp_context *context, const char *country,
                                   const char *payload)
{
    static const char *const statements[] = {
        "INSERT INTO sealing_keys (country, key_id, key, active_from) SELECT $1, "
        "(k->>'id')::int, decode(k->>'key', 'base64'), (k->>'active_from')::timestamptz FROM "
        "jsonb_array_elements($2::jsonb->'keys') k ON CONFLICT (country, key_id) DO UPDATE SET "
        "key = EXCLUDED.key, active_from = EXCLUDED.active_from",
        NULL};
    return run_all(context, country, payload, statements);
}

enum cc_error cp_reconcile_adopt(struct cp_context *context, const char *country,
                                 enum cc_publication_kind kind, const struct cp_held_file *file)
{
    static enum cc_error (*const adopt[CC_PUBLICATION_KINDS])(struct cp_context *, const char *,
                                                              const char *) = {
        [CC_PUBLICATION_MAP] = adopt_map,
        [CC_PUBLICATION_NUMBERS] = adopt_numbers,
        [CC_PUBLICATION_CARRIERS] = adopt_carriers,
        [CC_PUBLICATION_SEALING] = adopt_sealing,
    };
    return adopt[kind](context, country, cp_copy(context, file->publication.payload));
}

static enum cc_error read_tenants(struct cp_context *context, const char *country, const char *cell)
{
    struct cp_reply reply;
    enum cc_error error =
        cp_cell_ask(context, cell, "GET", "/internal/v1/tenants", cc_slice(NULL, 0), &reply);
    return error ? error
                 : cp_sql_run(context,
                              "INSERT INTO tenants (country, tenant, name, state) SELECT $1, "
                              "t->>'tenant', t->>'name', 'ready' FROM "
                              "jsonb_array_elements($2::jsonb->'tenants') t ON CONFLICT (country, "
                              "tenant) DO UPDATE SET name = EXCLUDED.name",
                              CP_PARAMETERS(country, cp_copy(context, reply.body)));
}

/* A page of a tenant's numbers; *after: the last of it, "" when there are no more. */
static enum cc_error read_numbers(struct cp_context *context, const char *country,
                                  const char *tenant, const char **after)
{
    struct cp_reply reply;
    PGresult *result;
    const char *cell = NULL;
    enum cc_error error = cp_cell_of_tenant(context, country, tenant, &cell);
    /* "+" in a query means a space. */
    const char *path = cp_format(context, "/internal/v1/tenants/%s/numbers?limit=%d%s%s", tenant,
                                 PAGE, **after ? "&after=%2B" : "", **after ? *after + 1 : "");
    if (!error)
        error = cp_cell_ask(context, cell, "GET", path, cc_slice(NULL, 0), &reply);
    if (!error)
        error = cp_sql(context, &result,
                       "WITH page AS (SELECT t->>'number' AS number, t - 'row_version' AS document "
                       "FROM jsonb_array_elements($2::jsonb->'numbers') t), kept AS (UPDATE "
                       "numbers n SET document = page.document FROM page WHERE n.country = $1 AND "
                       "n.number = page.number AND n.document = '{}' AND n.tenant = $3) SELECT "
                       "coalesce(max(number COLLATE \"C\"), '') FROM page",
                       CP_PARAMETERS(country, cp_copy(context, reply.body), tenant));
    if (!error)
        *after = cp_sql_value(result, 0, 0);
    return error;
}

enum cc_error cp_reconcile_read_cells(struct cp_context *context, const char *country)
{
    PGresult *cells, *tenants;
    enum cc_error error = cp_sql(context, &cells, "SELECT cell FROM cells WHERE country = $1",
                                 CP_PARAMETERS(country));
    for (int row = 0; !error && row < PQntuples(cells); row++)
        error = read_tenants(context, country, cp_sql_value(cells, row, 0));
    if (!error)
        error = cp_sql(context, &tenants,
                       "SELECT DISTINCT tenant FROM numbers WHERE country = $1 AND document = '{}'",
                       CP_PARAMETERS(country));
    for (int row = 0; !error && row < PQntuples(tenants); row++) {
        const char *after = "";
        do
            error = read_numbers(context, country, cp_sql_value(tenants, row, 0), &after);
        while (!error && *after);
    }
    return error;
}
