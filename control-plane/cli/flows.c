/* Commands about flows and calls: asked of the tenant's cell. */
#include "base/names.h"
#include "control-plane/cell_api.h"
#include "control-plane/cli/commands.h"
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
    struct cp_reply reply;
    if (!cc_name_is_resource(cc_slice_of(flow)))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no flow id: [a-z][a-z0-9_-]{0,62}", flow);
    enum cc_error error = ask_cell(context, arguments, method,
                                   cp_format(context, "flows/%s%s", flow, suffix), body, &reply);
    if (!error)
        cp_cli_print_json(context, reply.body);
    return error;
}

enum cc_error cp_cli_flow_put(struct cp_context *context, const struct cp_arguments *arguments)
{
    struct cc_slice document;
    const char *path = cp_argument(arguments, "file");
    if (cp_file_read(context, path, &document))
        return cp_fail(context, CC_NOT_FOUND, "cannot read %s", path);
    enum cc_error error = ask_flow(context, arguments, "PUT", "", document);
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

enum cc_error cp_cli_call_show(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *call = arguments->positionals[0];
    struct cp_reply reply;
    if (!cc_name_is_carrier_id(cc_slice_of(call)) || strpbrk(call, "/?#%"))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no call id", call);
    enum cc_error error = ask_cell(context, arguments, "GET", cp_format(context, "calls/%s", call),
                                   cc_slice("", 0), &reply);
    if (!error)
        cp_cli_print_json(context, reply.body);
    return error;
}
