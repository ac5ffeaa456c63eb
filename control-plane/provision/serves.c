/* Rim: processes and files of the home. */
#include "control-plane/provision/serves.h"

#include "control-plane/cell_api.h"
#include "control-plane/targets/local.h"

enum { READY_S = 20 };

const char *cp_serve_name(struct cp_context *context, int instance)
{
    return cp_format(context, "serve-%d", instance);
}

const char *cp_serve_address(struct cp_context *context, int instance)
{
    return cp_format(context, "127.0.0.1:%d", cp_port(context, cp_ports_serve(instance)));
}

const char *cp_serve_sources(struct cp_context *context)
{
    const char *text = "";
    for (int instance = 1; instance <= CP_SERVES; instance++)
        text = cp_format(context, "%s%s\"%s\"", text, instance > 1 ? ", " : "",
                         cp_serve_address(context, instance));
    return cp_format(context, "[%s]", text);
}

static enum cc_error install(struct cp_context *context, int instance)
{
    const char *const argv[] = {cp_format(context, "%s/callcell", context->bin), "serve",
                                "--instance", cp_format(context, "%d", instance), NULL};
    const char *const environment[] = {cp_format(context, "CALLCELL_HOME=%s", context->home), NULL};
    return cp_target_local.install(context,
                                   &(struct cp_service){.name = cp_serve_name(context, instance),
                                                        .argv = argv,
                                                        .environment = environment});
}

enum cc_error cp_serves_install(struct cp_context *context)
{
    enum cc_error error = CC_OK;
    for (int instance = 1; !error && instance <= CP_SERVES; instance++)
        error = install(context, instance);
    return error;
}

enum cc_error cp_serves_start(struct cp_context *context)
{
    enum cc_error error = CC_OK;
    for (int instance = 1; !error && instance <= CP_SERVES; instance++)
        error = cp_target_local.start(context, cp_serve_name(context, instance));
    for (int instance = 1; !error && instance <= CP_SERVES; instance++)
        error = cp_http_wait_ok(
            context,
            cp_format(context, "127.0.0.1:%d", cp_port(context, cp_ports_serve(instance) + 1)),
            "/readyz", cp_format(context, "callcell serve, instance %d", instance), READY_S);
    return error;
}
