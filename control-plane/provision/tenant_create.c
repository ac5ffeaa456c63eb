#include "control-plane/provision/tenant_create.h"

#include <stdlib.h>

#include "base/names.h"
#include "control-plane/cell_api.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/compose.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/run.h"
#include "control-plane/unknown.h"

struct tenant_create {
    struct cp_context *context;
    const char *country, *tenant, *name, *pin;
};

static enum cc_error claim(void *subject);
static enum cc_error publish(void *subject);
static enum cc_error write_in_cell(void *subject);
static enum cc_error confirm(void *subject);
static enum cc_error finish(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, claim, NULL, "claimed", "claim in the registry"},
    {"claimed", NULL, NULL, write_in_cell, NULL, "written", "write in the cell"},
    {"written", NULL, NULL, publish, NULL, "published", "publish the map"},
    {"published", NULL, NULL, confirm, NULL, "confirmed", "edges: confirmed"},
    {"confirmed", NULL, NULL, finish, NULL, "ready", "done"},
};
const struct cc_transition_table cp_tenant_create_table = {"tenant_create", "new", "ready", rows,
                                                           sizeof(rows) / sizeof(rows[0])};

static enum cc_error claim(void *subject)
{
    struct tenant_create *create = subject;
    return cp_sql_run(create->context,
                      "INSERT INTO tenants (country, tenant, name, pinned_cell) "
                      "VALUES ($1, $2, $3, $4) "
                      "ON CONFLICT (country, tenant) DO UPDATE SET name = EXCLUDED.name",
                      CP_PARAMETERS(create->country, create->tenant, create->name, create->pin));
}

static enum cc_error write_in_cell(void *subject)
{
    struct tenant_create *create = subject;
    struct cp_context *context = create->context;
    const char *cell = NULL;
    struct cp_reply reply;
    enum cc_error error = cp_cell_of_tenant(context, create->country, create->tenant, &cell);
    json_t *body = json_pack("{s:s}", "name", create->name);
    char *text = body ? cc_json_canonical(body) : NULL;
    json_decref(body);
    if (!error && !text)
        error = cp_fail(context, CC_UNSUPPORTED, "the name must be UTF-8");
    if (!error)
        error = cp_cell_ask(context, cell, "PUT",
                            cp_format(context, "/internal/v1/tenants/%s", create->tenant),
                            cc_slice_of(text), &reply);
    free(text);
    return error;
}

static enum cc_error publish(void *subject)
{
    struct tenant_create *create = subject;
    int64_t epoch = 0;
    return cp_publish(create->context, create->country, CC_PUBLICATION_MAP, create->pin ? 1 : 0,
                      &epoch);
}

static enum cc_error confirm(void *subject)
{
    struct tenant_create *create = subject;
    return cp_edges_confirm(create->context, create->country);
}

static enum cc_error finish(void *subject)
{
    struct tenant_create *create = subject;
    return cp_sql_run(create->context,
                      "UPDATE tenants SET state = 'ready' WHERE country = $1 AND tenant = $2",
                      CP_PARAMETERS(create->country, create->tenant));
}

static enum cc_error compare(struct tenant_create *create, bool *ready)
{
    PGresult *result;
    bool unfinished = false;
    enum cc_error error = cp_sql(create->context, &result,
                                 "SELECT name, coalesce(pinned_cell, ''), state FROM tenants "
                                 "WHERE country = $1 AND tenant = $2",
                                 CP_PARAMETERS(create->country, create->tenant));
    *ready = false;
    if (error || PQntuples(result) == 0)
        return error;
    if (create->pin && strcmp(cp_sql_value(result, 0, 1), create->pin) != 0)
        return cp_fail(create->context, CC_CONFLICT,
                       "tenant %s of %s exists and is not pinned to %s", create->tenant,
                       create->country, create->pin);
    if (!create->name)
        create->name = cp_sql_value(result, 0, 0);
    error = cp_run_unfinished(create->context, "tenant_create",
                              cp_format(create->context, "%s/%s", create->country, create->tenant),
                              &unfinished);
    *ready = !unfinished && strcmp(cp_sql_value(result, 0, 2), "ready") == 0 &&
             strcmp(cp_sql_value(result, 0, 0), create->name) == 0;
    return error;
}

static enum cc_error check_pin(const struct tenant_create *create)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(create->context, &result,
               "SELECT 1 FROM cells WHERE country = $1 AND cell = $2 AND state <> 'leaving'",
               CP_PARAMETERS(create->country, create->pin));
    if (!error && PQntuples(result) == 0)
        error =
            cp_unknown(create->context, cp_format(create->context, "cell of %s", create->country),
                       create->pin, "callcell cell list");
    return error;
}

enum cc_error cp_tenant_create(struct cp_context *context, const char *country, const char *tenant,
                               const char *name, const char *pin, bool *changed)
{
    struct tenant_create create = {context, country, tenant, name, pin};
    bool ready = false;
    *changed = false;
    if (!cc_name_is_tenant(cc_slice_of(tenant)))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no tenant id: [a-z][a-z0-9-]{1,30}", tenant);
    enum cc_error error = pin ? check_pin(&create) : CC_OK;
    if (!error)
        error = compare(&create, &ready);
    if (error || ready)
        return error;
    if (!create.name)
        create.name = tenant;
    *changed = true;
    return cp_run(context,
                  &(struct cp_run_request){.table = &cp_tenant_create_table,
                                           .subject = cp_format(context, "%s/%s", country, tenant),
                                           .data = &create});
}
