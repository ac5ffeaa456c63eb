#include <stdio.h>
#include <stdlib.h>

#include "control-plane/cli/commands.h"
#include "control-plane/registry.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void print_help(const struct cp_arguments *arguments)
{
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    if (arguments->command)
        cp_help_one(arguments->command, &text);
    else
        cp_help_all(cp_commands, cp_command_count, &text);
    printf("%.*s", (int)text.length, text.data);
    cc_buffer_deinit(&text);
}

enum cc_error cp_cli_help(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)context;
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    if (cp_argument(arguments, "markdown"))
        cp_help_markdown(cp_commands, cp_command_count, &text);
    else
        cp_help_all(cp_commands, cp_command_count, &text);
    printf("%.*s", (int)text.length, text.data);
    enum cc_error error = text.error;
    cc_buffer_deinit(&text);
    return error;
}

/* The words as JSON, so that `transitions resume` can give the command again. */
static const char *command_line(struct cp_context *context, int argc, char *const *argv)
{
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    for (int i = 0; i < argc; i++) {
        cc_buffer_text(&text, i > 0 ? "," : "[");
        cc_buffer_json_string(&text, cc_slice_of(argv[i]));
    }
    cc_buffer_text(&text, argc > 0 ? "]" : "[]");
    const char *copy = cp_copy(context, cc_buffer_slice(&text));
    cc_buffer_deinit(&text);
    return copy;
}

static enum cc_error prepare(struct cp_context *context, const struct cp_command *command)
{
    if (command->handle == cp_cli_help || command->handle == cp_cli_transitions_diagram ||
        command->handle == cp_cli_transitions_tables || command->handle == cp_cli_template_keys)
        return CC_OK;
    enum cc_error error = context->home ? CC_OK : cp_context_init(context);
    if (!error && command->handle != cp_cli_init)
        error = cp_context_load(context);
    /* Before init it is the preflight. */
    if (error == CC_NOT_FOUND && context->home &&
        (command->handle == cp_cli_doctor || command->handle == cp_cli_ports)) {
        context->message[0] = '\0';
        return cp_context_default(context);
    }
    if (!error && !command->without_registry)
        error = cp_registry_open(context);
    return error;
}

/* Before anything is touched. Once dry, a context stays so: a run that is resumed is not told
 * --dry-run again. */
static enum cc_error begin_dry_run(struct cp_context *context, const struct cp_arguments *arguments)
{
    context->dry_run = context->dry_run || arguments->dry_run;
    if (!context->dry_run || arguments->command->dry_run != CP_DRY_RUN_NONE)
        return CC_OK;
    return cp_fail(context, CC_UNSUPPORTED, "%s has no dry run: nothing is done",
                   arguments->command->name);
}

static void end_dry_run(struct cp_context *context, const struct cp_arguments *arguments)
{
    if (!context->dry_run || arguments->command->dry_run != CP_DRY_RUN_SHOWS || context->foretold)
        return;
    printf("%s\n", context->json ? "{\"changed\":false}" : "nothing would change");
    context->foretold = true;
}

int cp_cli_run(struct cp_context *context, int argc, char *const *argv)
{
    struct cp_arguments arguments;
    if (cp_arguments_parse(cp_commands, cp_command_count, argc, argv, &arguments)) {
        (void)fprintf(stderr, "callcell: %s\n", arguments.message);
        return EXIT_USAGE;
    }
    if (arguments.help) {
        print_help(&arguments);
        return 0;
    }
    enum cc_error error = begin_dry_run(context, &arguments);
    if (!error)
        error = prepare(context, arguments.command);
    if (!error) {
        context->json = arguments.json;
        if (context->home)
            context->command_line = command_line(context, argc, argv);
        error = arguments.command->handle(context, &arguments);
    }
    if (!error)
        end_dry_run(context, &arguments);
    if (!error)
        return fflush(stdout) ? EXIT_FAILED : 0;
    (void)fprintf(stderr, "callcell: %s\n",
                  context->message[0] ? context->message : cc_error_text(error));
    return error == CC_UNSUPPORTED ? EXIT_USAGE : EXIT_FAILED;
}
