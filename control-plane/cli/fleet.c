/* Commands about a cell that exists and its workers. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control-plane/cli/commands.h"
#include "control-plane/fleet/destroy.h"
#include "control-plane/fleet/diff.h"
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

/* The name, from the option or, at a terminal, typed. */
static enum cc_error confirm(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *cell = arguments->positionals[0], *given = cp_argument(arguments, "confirm");
    char line[64] = "";
    if (context->dry_run)
        return CC_OK;
    if (!given && isatty(STDIN_FILENO)) {
        (void)fprintf(stderr, "This takes %s away for good. Its name once more: ", cell);
        if (fgets(line, sizeof(line), stdin))
            line[strcspn(line, "\n")] = '\0';
        given = line;
    }
    if (!given)
        return cp_fail(context, CC_UNSUPPORTED,
                       "cell destroy: say it once more: --confirm %s (and see --dry-run)", cell);
    return strcmp(given, cell) == 0
               ? CC_OK
               : cp_fail(context, CC_UNSUPPORTED, "cell destroy: \"%s\" is not %s: nothing is done",
                         given, cell);
}

enum cc_error cp_cli_cell_destroy(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *backup = NULL;
    bool changed = false;
    const struct cp_destroy_options options = {
        .with_tenants = cp_argument(arguments, "with-tenants") != NULL,
        .without_backup = cp_argument(arguments, "without-backup") != NULL};
    enum cc_error error = confirm(context, arguments);
    if (!error)
        error = cp_cell_destroy(context, arguments->positionals[0], &options, &backup, &changed);
    if (error)
        return error;
    if (backup)
        (void)fprintf(stderr, "its final backup (pg_restore reads it): %s\n", backup);
    cp_cli_done(context, "destroy", arguments->positionals[0], changed);
    return CC_OK;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_difference(const json_t *one, const char *cell)
{
    const char *mend = text_at(one, "mend");
    bool apply = strcmp(mend, "apply") == 0;
    printf("%s %s: is %s, should be %s; mend: %s%s\n", text_at(one, "what"), text_at(one, "name"),
           text_at(one, "is"), text_at(one, "should"), apply ? "callcell cell apply " : mend,
           apply ? cell : "");
}

static enum cc_error print_differences(struct cp_context *context, const char *cell, size_t *count)
{
    json_t *found = NULL;
    enum cc_error error = cp_cell_diff(context, cell, &found);
    *count = json_array_size(found);
    char *text = !error && context->json ? json_dumps(found, JSON_INDENT(1)) : NULL;
    for (size_t i = 0; !error && !text && i < *count; i++)
        print_difference(json_array_get(found, i), cell);
    if (text)
        printf("%s\n", text);
    free(text);
    json_decref(found);
    return error;
}

enum cc_error cp_cli_cell_diff(struct cp_context *context, const struct cp_arguments *arguments)
{
    size_t count = 0;
    enum cc_error error = print_differences(context, arguments->positionals[0], &count);
    if (!error && count > 0)
        error = cp_fail(context, CC_TOO_DIFFERENT, "%s has drifted: %zu differences",
                        arguments->positionals[0], count);
    if (!error && !context->json)
        printf("%s equals its template and the registry\n", arguments->positionals[0]);
    return error;
}

enum cc_error cp_cli_cell_apply(struct cp_context *context, const struct cp_arguments *arguments)
{
    size_t count = 0;
    if (context->dry_run) {
        enum cc_error compared = print_differences(context, arguments->positionals[0], &count);
        context->foretold = count > 0 || context->json;
        return compared;
    }
    bool changed = false;
    enum cc_error error = cp_cell_apply(context, arguments->positionals[0], &changed);
    if (!error)
        cp_cli_done(context, "apply", arguments->positionals[0], changed);
    return error;
}
