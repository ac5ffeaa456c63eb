/* Commands about the workers of a cell. */
#include <stdio.h>

#include "control-plane/cli/commands.h"
#include "control-plane/fleet/drain.h"

static const char *worker_of(struct cp_context *context, const struct cp_arguments *arguments)
{
    return cp_format(context, "%s/%s", arguments->positionals[0], arguments->positionals[1]);
}

enum cc_error cp_cli_cell_drain(struct cp_context *context, const struct cp_arguments *arguments)
{
    bool changed = false;
    enum cc_error error =
        cp_cell_drain(context, arguments->positionals[0], arguments->positionals[1],
                      cp_argument(arguments, "force") != NULL, &changed);
    if (!error)
        cp_cli_done(context, "drain", worker_of(context, arguments), changed);
    return error;
}

enum cc_error cp_cli_cell_undrain(struct cp_context *context, const struct cp_arguments *arguments)
{
    bool changed = false;
    enum cc_error error =
        cp_cell_undrain(context, arguments->positionals[0], arguments->positionals[1], &changed);
    if (!error)
        cp_cli_done(context, "undrain", worker_of(context, arguments), changed);
    return error;
}

enum cc_error cp_cli_cell_restart(struct cp_context *context, const struct cp_arguments *arguments)
{
    enum cc_error error = cp_cell_restart(context, arguments->positionals[0],
                                          cp_argument(arguments, "force") != NULL);
    if (!error)
        cp_cli_done(context, "restart", arguments->positionals[0], true);
    return error;
}
