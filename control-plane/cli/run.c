#include <stdio.h>
#include <stdlib.h>

#include "base/names.h"
#include "control-plane/cli/commands.h"
#include "control-plane/registry.h"
#include "control-plane/unknown.h"

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
    if (error == CC_NOT_FOUND && command->handle == cp_cli_doctor && context->home) {
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

/* CC_OK too when none is given. */
static enum cc_error check_country(struct cp_context *context, const char *country,
                                   PGresult **countries)
{
    if (country && !cc_name_is_country(cc_slice_of(country)))
        return cp_fail(context, CC_UNSUPPORTED, "--country %s: a country is two lower-case letters",
                       country);
    enum cc_error error = cp_sql(
        context, countries, "SELECT country FROM countries ORDER BY country", CP_NO_PARAMETERS);
    if (error || !country)
        return error;
    for (int row = 0; row < PQntuples(*countries); row++) {
        if (strcmp(cp_sql_value(*countries, row, 0), country) == 0)
            return CC_OK;
    }
    return cp_unknown(context, "country with a cell", country, "callcell cell list");
}

enum cc_error cp_cli_some_country(struct cp_context *context, const struct cp_arguments *arguments,
                                  const char **out)
{
    PGresult *countries;
    const char *country = cp_argument(arguments, "country");
    *out = country ? country : "";
    return check_country(context, country, &countries);
}

enum cc_error cp_cli_country(struct cp_context *context, const struct cp_arguments *arguments,
                             const char **out)
{
    PGresult *countries;
    *out = cp_argument(arguments, "country");
    enum cc_error error = check_country(context, *out, &countries);
    if (error || *out)
        return error;
    if (PQntuples(countries) == 0)
        return cp_fail(context, CC_NOT_FOUND,
                       "there is no cell yet; run: callcell cell create COUNTRY");
    if (PQntuples(countries) > 1)
        return cp_fail(context, CC_UNSUPPORTED,
                       "there are several countries; say which: --country %s",
                       cp_sql_value(countries, 0, 0));
    *out = cp_sql_value(countries, 0, 0);
    return CC_OK;
}

enum cc_error cp_cli_tenant(struct cp_context *context, const struct cp_arguments *arguments,
                            const char *country)
{
    PGresult *result;
    const char *tenant = cp_argument(arguments, "tenant");
    if (!tenant)
        return CC_OK;
    enum cc_error error =
        cp_sql(context, &result, "SELECT 1 FROM tenants WHERE country = $1 AND tenant = $2",
               CP_PARAMETERS(country, tenant));
    return error || PQntuples(result) > 0 ? error : cp_unknown_tenant(context, tenant, country);
}
