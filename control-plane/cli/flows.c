/* Commands about flows and calls: asked of the tenant's cell. */
#include <stdio.h>
#include <stdlib.h>

#include "base/names.h"
#include "control-plane/calls/explain.h"
#include "control-plane/calls/pending.h"
#include "control-plane/cell_api.h"
#include "control-plane/cli/commands.h"
#include "control-plane/cli/country.h"
#include "control-plane/files.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/compose.h"

/* path: below /internal/v1/tenants/<tenant>/ */
static enum cc_error ask_cell(struct cp_context *context, const struct cp_arguments *arguments,
                              const char *method, const char *path, struct cc_slice body,
                              struct cp_reply *reply)
{
    const char *tenant = cp_argument(arguments, "tenant"), *country = NULL, *cell = NULL;
    if (!cc_name_is_tenant(cc_slice_of(tenant)))
        return cp_fail(context, CC_UNSUPPORTED, "--tenant %s is no tenant id", tenant);
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_cli_tenant(context, arguments, country);
    if (!error)
        error = cp_cell_of_tenant(context, country, tenant, &cell);
    if (!error)
        error = cp_cell_ask(context, cell, method,
                            cp_format(context, "/internal/v1/tenants/%s/%s", tenant, path), body,
                            reply);
    return error;
}

static enum cc_error ask_flow(struct cp_context *context, const struct cp_arguments *arguments,
                              const char *method, const char *suffix, struct cc_slice body)
{
    const char *flow = arguments->positionals[0];
    struct cp_reply reply = {0};
    if (!cc_name_is_resource(cc_slice_of(flow)))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no flow id: [a-z][a-z0-9_-]{0,62}", flow);
    enum cc_error error = ask_cell(context, arguments, method,
                                   cp_format(context, "flows/%s%s", flow, suffix), body, &reply);
    if (!error)
        cp_cli_print_json(context, reply.body);
    if (reply.status == 404 && strcmp(method, "PUT") != 0)
        error = cp_fail(
            context, CC_UNSUPPORTED, "no flow \"%s\" of tenant %s%s; callcell flow put %s makes it",
            flow, cp_argument(arguments, "tenant"), *suffix ? ", or no draft of it" : "", flow);
    return error;
}

enum cc_error cp_cli_flow_put(struct cp_context *context, const struct cp_arguments *arguments)
{
    struct cc_slice document;
    const char *path = cp_argument(arguments, "file");
    if (cp_file_read(context, path, &document))
        return cp_fail(context, CC_UNSUPPORTED, "cannot read %s", path);
    enum cc_error error = ask_flow(context, arguments, "PUT", "", document);
    /* The cell has said which node and field. */
    if (error == CC_INVALID)
        error = cp_fail(context, CC_UNSUPPORTED, "%s: %s", path,
                        cp_copy(context, cc_slice_of(context->message)));
    if (!error)
        error = cp_audit(context, "flow_put",
                         cp_format(context, "%s/%s", cp_argument(arguments, "tenant"),
                                   arguments->positionals[0]));
    return error;
}

enum cc_error cp_cli_flow_publish(struct cp_context *context, const struct cp_arguments *arguments)
{
    enum cc_error error = ask_flow(context, arguments, "POST", "/publish", cc_slice("", 0));
    if (!error)
        error = cp_audit(context, "flow_publish",
                         cp_format(context, "%s/%s", cp_argument(arguments, "tenant"),
                                   arguments->positionals[0]));
    return error;
}

enum cc_error cp_cli_flow_show(struct cp_context *context, const struct cp_arguments *arguments)
{
    return ask_flow(context, arguments, "GET", "", cc_slice("", 0));
}

/* A cell's answer about a call; the caller drops *out. */
static enum cc_error read_events(struct cp_context *context, struct cc_slice body, json_t **out)
{
    json_t *whole = NULL;
    enum cc_error error = cc_json_parse(body, 64 << 20, &whole, NULL);
    if (!error && json_is_array(json_object_get(whole, "events")))
        *out = json_incref(json_object_get(whole, "events"));
    else
        error = cp_fail(context, CC_PROTOCOL, "the cell answered something else than events");
    json_decref(whole);
    return error;
}

enum cc_error cp_cli_call_show(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *call = arguments->positionals[0];
    const char *tenant = cp_argument(arguments, "tenant");
    struct cp_reply reply;
    json_t *events = NULL;
    if (!cc_name_is_carrier_id(cc_slice_of(call)) || strpbrk(call, "/?#%"))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no call id", call);
    enum cc_error error = ask_cell(context, arguments, "GET", cp_format(context, "calls/%s", call),
                                   cc_slice("", 0), &reply);
    if (!error)
        error = read_events(context, reply.body, &events);
    if (!error && json_array_size(events) == 0)
        error = cp_fail(context, CC_UNSUPPORTED,
                        "no call \"%s\" of tenant %s in its cell's Postgres; callcell call explain "
                        "%s --tenant %s looks in spools and journals too",
                        call, tenant, call, tenant);
    if (!error)
        cp_cli_print_json(context, reply.body);
    json_decref(events);
    return error;
}

/* What is said of one place that cannot be asked: the others are, all the same. */
static void warn(struct cp_context *context)
{
    (void)fprintf(stderr, "callcell: %s; what is elsewhere follows\n", context->message);
    context->message[0] = '\0';
}

/* The cell's Postgres may be what is broken. */
static json_t *recorded(struct cp_context *context, const char *cell, const char *tenant,
                        const char *call, bool *whole)
{
    struct cp_reply reply;
    json_t *events = NULL;
    enum cc_error error = cp_cell_ask(
        context, cell, "GET", cp_format(context, "/internal/v1/tenants/%s/calls/%s", tenant, call),
        cc_slice("", 0), &reply);
    if (!error)
        error = read_events(context, reply.body, &events);
    if (error)
        warn(context);
    *whole = *whole && !error;
    return events ? events : json_array();
}

static enum cc_error fetch_call(struct cp_context *context, const char *cell, const char *tenant,
                                const char *call, json_t **out)
{
    json_t *pending = json_array();
    bool whole = !cp_pending_find(context, cell, tenant, call, pending);
    if (!whole)
        warn(context);
    *out = recorded(context, cell, tenant, call, &whole);
    cp_pending_add(pending, *out);
    json_decref(pending);
    cp_explain_events(*out);
    if (json_array_size(*out) > 0)
        return CC_OK;
    if (!whole)
        return cp_fail(context, CC_UNAVAILABLE,
                       "not all of %s could be asked, and the rest knows no call %s of tenant %s",
                       cell, call, tenant);
    return cp_fail(context, CC_UNSUPPORTED,
                   "no call \"%s\" of tenant %s, neither in Postgres of %s nor in spools and "
                   "journals; its carrier's log shows the id that it sent",
                   call, tenant, cell);
}

/* The settings of the number that the call's first event went to. */
static json_t *number_of(struct cp_context *context, const char *country, const json_t *events)
{
    const char *to = json_string_value(json_object_get(json_array_get(events, 0), "to"));
    PGresult *result;
    json_t *document = NULL;
    if (!to ||
        cp_sql(context, &result, "SELECT document FROM numbers WHERE country = $1 AND number = $2",
               CP_PARAMETERS(country, to)) ||
        PQntuples(result) == 0 ||
        cc_json_parse(cc_slice_of(cp_sql_value(result, 0, 0)), 1 << 20, &document, NULL))
        return json_null();
    return document;
}

static void print_call(struct cp_context *context, const json_t *call)
{
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    char *whole = context->json ? json_dumps(call, JSON_INDENT(1)) : NULL;
    if (!whole)
        cp_explain_text(call, &text);
    printf("%.*s%s\n", (int)text.length, text.data ? text.data : "", whole ? whole : "");
    free(whole);
    cc_buffer_deinit(&text);
}

enum cc_error cp_cli_call_explain(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *call = arguments->positionals[0], *tenant = cp_argument(arguments, "tenant");
    const char *country = NULL, *cell = NULL;
    json_t *events = NULL;
    if (!cc_name_is_carrier_id(cc_slice_of(call)) || strpbrk(call, "/?#%"))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no call id", call);
    if (!cc_name_is_tenant(cc_slice_of(tenant)))
        return cp_fail(context, CC_UNSUPPORTED, "--tenant %s is no tenant id", tenant);
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_cli_tenant(context, arguments, country);
    if (!error)
        error = cp_cell_of_tenant(context, country, tenant, &cell);
    if (!error)
        error = fetch_call(context, cell, tenant, call, &events);
    if (!error) {
        json_t *whole = json_pack("{s:s, s:s, s:s, s:s, s:o, s:O}", "call", call, "tenant", tenant,
                                  "country", country, "cell", cell, "number",
                                  number_of(context, country, events), "events", events);
        print_call(context, whole);
        json_decref(whole);
    }
    json_decref(events);
    return error;
}
