/* Commands that move a cell's primary. */
#include <stdio.h>

#include "control-plane/cli/commands.h"
#include "control-plane/failover/failover.h"
#include "control-plane/failover/switchover.h"

static void print_primary(struct cp_context *context, const char *cell, const char *to)
{
    if (context->dry_run)
        return;
    if (context->json)
        printf("{\"cell\":\"%s\",\"primary\":\"%s\"}\n", cell, to);
    else
        printf("cell %s: primary is %s\n", cell, to);
}

enum cc_error cp_cli_cell_switchover(struct cp_context *context,
                                     const struct cp_arguments *arguments)
{
    const char *to = NULL, *cell = arguments->positionals[0];
    enum cc_error error = cp_cell_switchover(context, cell, &to);
    if (!error)
        print_primary(context, cell, to);
    return error;
}

enum cc_error cp_cli_cell_failover(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *to = NULL, *cell = arguments->positionals[0];
    enum cc_error error =
        cp_cell_failover(context, cell, cp_argument(arguments, "accept-loss") != NULL, &to);
    if (!error)
        print_primary(context, cell, to);
    return error;
}
