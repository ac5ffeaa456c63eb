#include "control-plane/routemap/compose.h"

#include "base/number_directory.h"
#include "control-plane/placement/placement.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"

struct cells {
    struct cc_map_cell *items;
    size_t count;
};

static struct cc_slice slice_at(const PGresult *result, int row, int column)
{
    return cc_slice(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

static void add_endpoints(struct cp_context *context, int number, int first, int workers,
                          struct cc_map_site *site)
{
    for (int worker = first; worker < first + workers && site->endpoint_count < CC_ENDPOINTS_MAX;
         worker++)
        site->endpoints[site->endpoint_count++] = cc_slice_of(
            cp_format(context, "127.0.0.1:%d", cp_port(context, cp_ports_worker(number, worker))));
}

static enum cc_error read_cells(struct cp_context *context, const char *country, struct cells *out)
{
    PGresult *result;
    enum cc_error error = cp_sql(
        context, &result,
        "SELECT cell, number FROM cells c WHERE country = $1 AND (state <> 'leaving' OR EXISTS "
        "(SELECT 1 FROM slot_ranges s WHERE s.cell = c.cell) OR EXISTS (SELECT 1 FROM tenants t "
        "WHERE t.pinned_cell = c.cell)) ORDER BY number",
        CP_PARAMETERS(country));
    if (error)
        return error;
    out->count = (size_t)PQntuples(result);
    if (out->count == 0 || out->count > CC_CELLS_MAX)
        return cp_fail(context, CC_NOT_FOUND, "%s has no cell; run: callcell cell create %s",
                       country, country);
    out->items = cp_alloc(context, out->count * sizeof(*out->items));
    for (size_t i = 0; i < out->count; i++) {
        out->items[i].id = slice_at(result, (int)i, 0);
        out->items[i].site_count = 1;
        struct cp_sites sites;
        cp_sites_read(context, cp_sql_value(result, (int)i, 0), &sites);
        bool first = cp_site_is(sites.active, CP_SITE_FIRST);
        out->items[i].sites[0].name = cc_slice_of(sites.active);
        add_endpoints(context, (int)cp_sql_integer(result, (int)i, 1),
                      first ? 1 : CP_WORKERS_PER_CELL + 1, CP_WORKERS_PER_CELL,
                      &out->items[i].sites[0]);
    }
    return CC_OK;
}

static size_t index_of(const struct cells *cells, struct cc_slice id)
{
    size_t i = 0;
    while (i < cells->count && !cc_slice_equal(cells->items[i].id, id))
        i++;
    return i;
}

static enum cc_error read_slots(struct cp_context *context, const char *country,
                                const struct cells *cells, uint16_t *slots)
{
    PGresult *result;
    enum cc_error error = cp_sql(context, &result,
                                 "SELECT first_slot, last_slot, cell FROM slot_ranges "
                                 "WHERE country = $1 ORDER BY first_slot",
                                 CP_PARAMETERS(country));
    if (error)
        return error;
    size_t count = (size_t)PQntuples(result);
    struct cp_slot_range *ranges = cp_alloc(context, (count + 1) * sizeof(*ranges));
    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct cp_slot_range){cp_sql_integer(result, (int)i, 0),
                                           cp_sql_integer(result, (int)i, 1),
                                           index_of(cells, slice_at(result, (int)i, 2))};
    if (cp_placement_slots(ranges, count, cells->count, slots))
        return cp_fail(context, CC_CORRUPT, "the slots of %s are not all placed once", country);
    return CC_OK;
}

static enum cc_error read_pins(struct cp_context *context, const char *country,
                               const struct cells *cells, struct cc_map_parts *parts)
{
    PGresult *result;
    enum cc_error error = cp_sql(context, &result,
                                 "SELECT tenant, pinned_cell FROM tenants WHERE country = $1 "
                                 "AND pinned_cell IS NOT NULL ORDER BY tenant COLLATE \"C\"",
                                 CP_PARAMETERS(country));
    if (error)
        return error;
    parts->pin_count = (size_t)PQntuples(result);
    struct cc_map_pin *pins = cp_alloc(context, (parts->pin_count + 1) * sizeof(*pins));
    for (size_t i = 0; i < parts->pin_count; i++)
        pins[i] = (struct cc_map_pin){slice_at(result, (int)i, 0),
                                      index_of(cells, slice_at(result, (int)i, 1))};
    parts->pins = pins;
    return CC_OK;
}

static void read_texts(struct cp_context *context, const json_t *list, const struct cc_slice **out,
                       size_t *count)
{
    *count = json_array_size(list);
    struct cc_slice *texts = cp_alloc(context, (*count + 1) * sizeof(*texts));
    for (size_t i = 0; i < *count; i++)
        texts[i] =
            cc_slice_of(cp_copy(context, cc_slice_of(json_string_value(json_array_get(list, i)))));
    *out = texts;
}

enum cc_error cp_policy_of_country(struct cp_context *context, const char *country,
                                   struct cc_call_policy *out)
{
    PGresult *result;
    json_t *policy = NULL;
    enum cc_error error =
        cp_sql(context, &result, "SELECT policy FROM countries WHERE country = $1",
               CP_PARAMETERS(country));
    if (!error && PQntuples(result) != 1)
        error = cp_fail(context, CC_NOT_FOUND, "no country %s", country);
    if (!error)
        error = cc_json_parse(slice_at(result, 0, 0), 1 << 20, &policy, NULL);
    if (error)
        return error;
    out->country_code = cc_slice_of(
        cp_copy(context, cc_slice_of(json_string_value(json_object_get(policy, "country_code")))));
    out->national_prefix = cc_slice_of(cp_copy(
        context, cc_slice_of(json_string_value(json_object_get(policy, "national_prefix")))));
    read_texts(context, json_object_get(policy, "emergency"), &out->emergency,
               &out->emergency_count);
    read_texts(context, json_object_get(policy, "barred_prefixes"), &out->barred_prefixes,
               &out->barred_count);
    json_decref(policy);
    return CC_OK;
}

static enum cc_error compose_map(struct cp_context *context, const char *country,
                                 const struct cc_route_map *previous, struct cc_buffer *payload)
{
    struct cells cells = {0};
    struct cc_call_policy policy = {0};
    uint16_t *slots = cp_alloc(context, CC_SLOT_COUNT * sizeof(*slots));
    struct cc_map_parts parts = {.slots = slots, .policy = &policy};
    enum cc_error error = read_cells(context, country, &cells);
    if (!error)
        error = read_slots(context, country, &cells, slots);
    if (!error)
        error = read_pins(context, country, &cells, &parts);
    if (!error)
        error = cp_policy_of_country(context, country, &policy);
    if (error)
        return error;
    parts.cells = cells.items;
    parts.cell_count = cells.count;
    error = cc_route_map_compose(&parts, previous, payload);
    return error ? cp_fail(context, error, "the map of %s: %s", country, cc_error_text(error))
                 : CC_OK;
}

static enum cc_error compose_numbers(struct cp_context *context, const char *country,
                                     struct cc_buffer *payload)
{
    PGresult *result;
    enum cc_error error = cp_sql(context, &result,
                                 "SELECT number, tenant, kind, fallback_target FROM numbers "
                                 "WHERE country = $1 AND state = 'written' "
                                 "ORDER BY number COLLATE \"C\"",
                                 CP_PARAMETERS(country));
    for (int row = 0; !error && row < PQntuples(result); row++) {
        struct cc_number_entry entry = {
            .number = slice_at(result, row, 0),
            .tenant = slice_at(result, row, 1),
            .kind = strcmp(cp_sql_value(result, row, 2), "pbx") == 0 ? CC_CALL_PBX : CC_CALL_MOBILE,
            .fallback_target = slice_at(result, row, 3)};
        cc_number_directory_append(payload, &entry);
    }
    return error;
}

/* The JSON is made by Postgres: one row, one column. */
static enum cc_error compose_query(struct cp_context *context, const char *country, const char *sql,
                                   struct cc_buffer *payload)
{
    PGresult *result;
    enum cc_error error = cp_sql(context, &result, sql, CP_PARAMETERS(country));
    if (!error)
        cc_buffer_append(payload, slice_at(result, 0, 0));
    return error;
}

#define CARRIERS_SQL                                                                               \
    "SELECT json_build_object("                                                                    \
    "'keys', coalesce((SELECT json_agg(json_build_object('id', key_id, 'carrier', key_id, "        \
    "'tenants', tenants, 'mode', mode, 'secrets', secrets) ORDER BY key_id COLLATE \"C\") "        \
    "FROM carrier_keys WHERE country = $1), '[]'::json), "                                         \
    "'cells', coalesce((SELECT json_object_agg(cell, edge_token ORDER BY cell COLLATE \"C\") "     \
    "FROM cell_tokens WHERE country = $1), '{}'::json))"

#define SEALING_SQL                                                                                \
    "SELECT json_build_object('keys', coalesce(json_agg(json_build_object('id', key_id, "          \
    "'key', translate(encode(key, 'base64'), E'\\n', ''), 'active_from', "                         \
    "to_char(active_from AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) "               \
    "ORDER BY key_id), '[]'::json)) FROM sealing_keys WHERE country = $1"

enum cc_error cp_compose(struct cp_context *context, const char *country,
                         enum cc_publication_kind kind, const struct cc_route_map *previous,
                         struct cc_buffer *payload)
{
    enum cc_error error = CC_INVALID;
    if (kind == CC_PUBLICATION_MAP)
        error = compose_map(context, country, previous, payload);
    else if (kind == CC_PUBLICATION_NUMBERS)
        error = compose_numbers(context, country, payload);
    else if (kind == CC_PUBLICATION_CARRIERS)
        error = compose_query(context, country, CARRIERS_SQL, payload);
    else if (kind == CC_PUBLICATION_SEALING)
        error = compose_query(context, country, SEALING_SQL, payload);
    if (!error && payload->error)
        error = cp_fail(context, payload->error, "the publication is too large");
    return error;
}

enum cc_error cp_cell_of_tenant(struct cp_context *context, const char *country, const char *tenant,
                                const char **out_cell)
{
    PGresult *result;
    enum cc_error error = cp_sql(
        context, &result,
        "SELECT coalesce((SELECT pinned_cell FROM tenants WHERE country = $1 AND tenant = $2), "
        "(SELECT cell FROM slot_ranges WHERE country = $1 AND $3::int BETWEEN first_slot AND "
        "last_slot))",
        CP_PARAMETERS(country, tenant,
                      cp_format(context, "%u", (unsigned)cc_slot_of(cc_slice_of(tenant)))));
    if (error)
        return error;
    *out_cell = cp_sql_value(result, 0, 0);
    return **out_cell ? CC_OK
                      : cp_fail(context, CC_NOT_FOUND,
                                "%s has no cell; run: callcell cell create %s", country, country);
}
