/* Commands that move a cell's primary. */
#include <stdio.h>

#include "control-plane/cli/commands.h"
#include "control-plane/failover/evacuate.h"
#include "control-plane/failover/failover.h"
#include "control-plane/failover/heal.h"
#include "control-plane/failover/switchover.h"
#include "control-plane/provision/registry_create.h"

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

static enum cc_error evacuate(struct cp_context *context, const struct cp_arguments *arguments,
                              const char *key_file)
{
    const char *to = NULL, *cell = arguments->positionals[0];
    bool changed = false;
    const struct cp_evacuate_request request = {.cell = cell,
                                                .to = cp_argument(arguments, "to"),
                                                .accept_loss =
                                                    cp_argument(arguments, "accept-loss") != NULL,
                                                .key_file = key_file};
    enum cc_error error = cp_cell_evacuate(context, &request, &to, &changed);
    if (error || context->dry_run)
        return error;
    if (context->json)
        printf("{\"cell\":\"%s\",\"site\":\"%s\",\"changed\":%s}\n", cell, to,
               changed ? "true" : "false");
    else
        printf("cell %s: active at site %s%s\n", cell, to,
               changed ? "; rebuild the other one with: callcell cell heal" : " (no change)");
    return CC_OK;
}

enum cc_error cp_cli_cell_evacuate(struct cp_context *context, const struct cp_arguments *arguments)
{
    return evacuate(context, arguments, NULL);
}

enum cc_error cp_cli_break_glass_evacuate(struct cp_context *context,
                                          const struct cp_arguments *arguments)
{
    enum cc_error error = cp_context_load(context);
    return error ? error : evacuate(context, arguments, cp_argument(arguments, "key"));
}

enum cc_error cp_cli_cell_heal(struct cp_context *context, const struct cp_arguments *arguments)
{
    size_t found = 0;
    const char *cell = arguments->positionals[0];
    enum cc_error error = cp_registry_refuse_old_home(context);
    if (!error)
        error = cp_cell_heal(context, cell, &found);
    if (!error && !context->dry_run)
        cp_cli_done(context, "heal", cell, found > 0);
    return error;
}
