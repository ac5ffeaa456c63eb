#include "control-plane/provision/number_create.h"

#include <stdlib.h>

#include "control-plane/cell_api.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/compose.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/run.h"
#include "control-plane/unknown.h"

enum { BATCH = 1000 };

struct numbers {
    struct cp_context *context;
    const char *country;
    const struct cp_number *items;
    size_t count;
};

static enum cc_error claim(void *subject);
static enum cc_error write_in_cells(void *subject);
static enum cc_error publish(void *subject);
static enum cc_error confirm(void *subject);
static enum cc_error leave(void *subject);
static enum cc_error remove_from_cell(void *subject);

static const struct cc_transition create_rows[] = {
    {"new", NULL, NULL, claim, NULL, "claimed", "claim in the registry"},
    {"claimed", NULL, NULL, write_in_cells, NULL, "written", "write in the cell"},
    {"written", NULL, NULL, publish, NULL, "published", "publish the number directory"},
    {"published", NULL, NULL, confirm, NULL, "ready", "edges: confirmed"},
};
const struct cc_transition_table cp_number_create_table = {
    "number_create", "new", "ready", create_rows, sizeof(create_rows) / sizeof(create_rows[0])};

static const struct cc_transition delete_rows[] = {
    {"new", NULL, NULL, leave, NULL, "leaving", "take out of the registry's list"},
    {"leaving", NULL, NULL, publish, NULL, "published", "publish the number directory"},
    {"published", NULL, NULL, confirm, NULL, "confirmed", "edges: confirmed"},
    {"confirmed", NULL, NULL, remove_from_cell, NULL, "gone", "remove from the cell"},
};
const struct cc_transition_table cp_number_delete_table = {
    "number_delete", "new", "gone", delete_rows, sizeof(delete_rows) / sizeof(delete_rows[0])};

/* A batch as one JSON array: [{"number","tenant","kind","fallback","document"}]. The caller frees.
 */
static char *batch_json(const struct cp_number *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *document = json_loads(items[i].document, 0, NULL);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s?, s:o}", "number", items[i].number,
                                        "tenant", items[i].tenant, "kind", items[i].kind,
                                        "fallback", items[i].fallback, "document", document));
    }
    char *text = cc_json_canonical(list);
    json_decref(list);
    return text;
}

#define BATCH_RECORD                                                                               \
    "jsonb_to_recordset($2::jsonb) AS b (number text, tenant text, kind text, fallback text, "     \
    "document jsonb)"

typedef enum cc_error (*batch_step)(struct numbers *numbers, const char *batch);

static enum cc_error each_batch(struct numbers *numbers, batch_step step)
{
    enum cc_error error = CC_OK;
    for (size_t at = 0; !error && at < numbers->count; at += BATCH) {
        size_t left = numbers->count - at;
        char *batch = batch_json(numbers->items + at, left < BATCH ? left : BATCH);
        error =
            batch ? step(numbers, batch) : cp_fail(numbers->context, CC_NO_MEMORY, "out of memory");
        free(batch);
    }
    return error;
}

static enum cc_error find_obstacle(struct numbers *numbers, const char *batch)
{
    PGresult *result;
    enum cc_error error = cp_sql(numbers->context, &result,
                                 "SELECT b.number, b.tenant, n.tenant, t.tenant FROM " BATCH_RECORD
                                 " LEFT JOIN numbers n ON n.country = $1 AND n.number = b.number "
                                 "LEFT JOIN tenants t ON t.country = $1 AND t.tenant = b.tenant "
                                 "WHERE t.tenant IS NULL OR n.tenant <> b.tenant LIMIT 1",
                                 CP_PARAMETERS(numbers->country, batch));
    if (error || PQntuples(result) == 0)
        return error;
    const char *tenant = cp_sql_value(result, 0, 1);
    if (PQgetisnull(result, 0, 3))
        return cp_unknown_tenant(numbers->context, tenant, numbers->country);
    return cp_fail(numbers->context, CC_CONFLICT, "number %s belongs to tenant %s",
                   cp_sql_value(result, 0, 0), cp_sql_value(result, 0, 2));
}

/* A number whose flow is not there would be answered by its fallback target for ever. A draft that
 * is not yet published will do. */
static enum cc_error check_flow(struct numbers *numbers, const char *tenant, const char *flow)
{
    struct cp_context *context = numbers->context;
    const char *cell = NULL;
    struct cp_reply reply = {0};
    enum cc_error error = cp_cell_of_tenant(context, numbers->country, tenant, &cell);
    if (!error)
        error = cp_cell_ask(context, cell, "GET",
                            cp_format(context, "/internal/v1/tenants/%s/flows/%s", tenant, flow),
                            cc_slice("", 0), &reply);
    if (reply.status == 404)
        error = cp_fail(
            context, CC_UNSUPPORTED,
            "no flow \"%s\" of tenant %s; callcell flow put %s --tenant %s --file FILE makes it",
            flow, tenant, flow, tenant);
    return error;
}

static enum cc_error check_flows(struct numbers *numbers, const char *batch)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(numbers->context, &result,
               "SELECT DISTINCT b.tenant, b.document->>'flow' FROM " BATCH_RECORD
               " WHERE $1 <> '' AND b.document->>'flow' IS NOT NULL ORDER BY 1, 2",
               CP_PARAMETERS(numbers->country, batch));
    for (int row = 0; !error && row < PQntuples(result); row++)
        error = check_flow(numbers, cp_sql_value(result, row, 0), cp_sql_value(result, row, 1));
    return error;
}

static bool any_pbx(const struct numbers *numbers)
{
    for (size_t i = 0; i < numbers->count; i++) {
        if (strcmp(numbers->items[i].kind, "pbx") == 0)
            return true;
    }
    return false;
}

static enum cc_error claim_batch(struct numbers *numbers, const char *batch)
{
    enum cc_error error = find_obstacle(numbers, batch);
    if (error)
        return error;
    /* A number that is published stays so while its settings change. */
    return cp_sql_run(
        numbers->context,
        "INSERT INTO numbers (country, number, tenant, kind, fallback_target, document) "
        "SELECT $1, b.number, b.tenant, b.kind, b.fallback, b.document FROM " BATCH_RECORD
        " ON CONFLICT (country, number) DO UPDATE SET kind = EXCLUDED.kind, "
        "fallback_target = EXCLUDED.fallback_target, document = EXCLUDED.document "
        "WHERE numbers.tenant = EXCLUDED.tenant",
        CP_PARAMETERS(numbers->country, batch));
}

static enum cc_error claim(void *subject)
{
    return each_batch(subject, claim_batch);
}

static enum cc_error put_in_cell(struct numbers *numbers, const char *tenant, const char *documents)
{
    struct cp_context *context = numbers->context;
    const char *cell = NULL;
    struct cp_reply reply;
    enum cc_error error = cp_cell_of_tenant(context, numbers->country, tenant, &cell);
    if (error)
        return error;
    return cp_cell_ask(context, cell, "PUT",
                       cp_format(context, "/internal/v1/tenants/%s/numbers", tenant),
                       cc_slice_of(cp_format(context, "{\"numbers\":%s}", documents)), &reply);
}

/* A batch, tenant by tenant; each tenant's documents come from the registry as one JSON array. */
static enum cc_error write_batch(struct numbers *numbers, const char *batch)
{
    PGresult *result;
    enum cc_error error = cp_sql(numbers->context, &result,
                                 "SELECT b.tenant, json_agg(n.document ORDER BY b.number) "
                                 "FROM " BATCH_RECORD " JOIN numbers n ON n.country = $1 "
                                 "AND n.number = b.number GROUP BY b.tenant ORDER BY b.tenant",
                                 CP_PARAMETERS(numbers->country, batch));
    for (int row = 0; !error && row < PQntuples(result); row++)
        error = put_in_cell(numbers, cp_sql_value(result, row, 0), cp_sql_value(result, row, 1));
    if (error)
        return error;
    return cp_sql_run(numbers->context,
                      "UPDATE numbers n SET state = 'written' FROM " BATCH_RECORD
                      " WHERE n.country = $1 AND n.number = b.number",
                      CP_PARAMETERS(numbers->country, batch));
}

static enum cc_error write_in_cells(void *subject)
{
    return each_batch(subject, write_batch);
}

static enum cc_error publish(void *subject)
{
    struct numbers *numbers = subject;
    int64_t epoch = 0;
    return cp_publish(numbers->context, numbers->country, CC_PUBLICATION_NUMBERS, 0, &epoch);
}

static enum cc_error confirm(void *subject)
{
    struct numbers *numbers = subject;
    return cp_edges_confirm(numbers->context, numbers->country);
}

static enum cc_error find_difference(struct numbers *numbers, const char *batch)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(numbers->context, &result,
               "SELECT 1 FROM " BATCH_RECORD
               " LEFT JOIN numbers n ON n.country = $1 AND n.number = b.number "
               "AND n.tenant = b.tenant AND n.document = b.document AND n.state = 'written' "
               "WHERE n.number IS NULL LIMIT 1",
               CP_PARAMETERS(numbers->country, batch));
    if (error)
        return error;
    return PQntuples(result) > 0 ? CC_STALE : CC_OK;
}

enum cc_error cp_numbers_create(struct cp_context *context, const char *country,
                                const char *subject, const struct cp_number *items, size_t count,
                                bool *changed)
{
    struct numbers numbers = {context, country, items, count};
    const struct cp_run_request request = {.table = &cp_number_create_table,
                                           .opposite = &cp_number_delete_table,
                                           .subject = subject,
                                           .data = &numbers};
    bool due = false;
    *changed = false;
    enum cc_error error = cp_run_is_due(context, &request, &due);
    if (error)
        return error;
    error = each_batch(&numbers, find_difference);
    if (error && error != CC_STALE)
        return error;
    if (!error && !due)
        return CC_OK;
    error = each_batch(&numbers, find_obstacle);
    if (!error && any_pbx(&numbers))
        error = each_batch(&numbers, check_flows);
    if (error)
        return error;
    *changed = true;
    return cp_run(context, &request);
}

static enum cc_error leave(void *subject)
{
    struct numbers *numbers = subject;
    return cp_sql_run(numbers->context,
                      "UPDATE numbers SET state = 'leaving' WHERE country = $1 AND number = $2",
                      CP_PARAMETERS(numbers->country, numbers->items->number));
}

/* The registry forgets it last: without a tenant all was done but the run's own record. */
static enum cc_error remove_from_cell(void *subject)
{
    struct numbers *numbers = subject;
    struct cp_context *context = numbers->context;
    const struct cp_number *item = numbers->items;
    const char *cell = NULL;
    struct cp_reply reply;
    if (!item->tenant)
        return CC_OK;
    enum cc_error error = cp_cell_of_tenant(context, numbers->country, item->tenant, &cell);
    if (!error)
        error = cp_cell_ask(
            context, cell, "DELETE",
            cp_format(context, "/internal/v1/tenants/%s/numbers/%s", item->tenant, item->number),
            cc_slice("", 0), &reply);
    if (error && error != CC_NOT_FOUND)
        return error;
    return cp_sql_run(context, "DELETE FROM numbers WHERE country = $1 AND number = $2",
                      CP_PARAMETERS(numbers->country, item->number));
}

/* What a finished run has deleted is gone as it should be; what never was is a mistake. */
static enum cc_error refuse_unknown(struct cp_context *context,
                                    const struct cp_run_request *request, const char *country,
                                    const char *number)
{
    bool deleted = false;
    enum cc_error error = cp_run_was_finished(context, request, &deleted);
    return error || deleted
               ? error
               : cp_unknown(context, cp_format(context, "number of %s", country), number,
                            cp_format(context, "callcell number list --country %s", country));
}

enum cc_error cp_number_delete(struct cp_context *context, const char *country, const char *number,
                               bool *changed)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(context, &result, "SELECT tenant FROM numbers WHERE country = $1 AND number = $2",
               CP_PARAMETERS(country, number));
    if (error)
        return error;
    bool there = PQntuples(result) == 1, due = false;
    struct cp_number item = {.number = number, .tenant = there ? cp_sql_value(result, 0, 0) : NULL};
    struct numbers numbers = {context, country, &item, 1};
    const struct cp_run_request request = {.table = &cp_number_delete_table,
                                           .opposite = &cp_number_create_table,
                                           .subject = cp_format(context, "%s/%s", country, number),
                                           .data = &numbers};
    error = cp_run_is_due(context, &request, &due);
    *changed = there || due;
    if (error)
        return error;
    return *changed ? cp_run(context, &request)
                    : refuse_unknown(context, &request, country, number);
}
