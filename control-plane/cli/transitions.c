/* Commands about transition tables and their runs. */
#include <stdio.h>

#include "control-plane/cli/commands.h"
#include "control-plane/registry.h"
#include "control-plane/tables.h"
#include "control-plane/unknown.h"

enum { WORDS_MAX = 64 };

enum cc_error cp_cli_transitions_list(struct cp_context *context,
                                      const struct cp_arguments *arguments)
{
    (void)arguments;
    PGresult *result;
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT run, transition_table, subject, state, started_at::timestamptz(0)::text AS "
               "started_at, "
               "finished_at::timestamptz(0)::text AS finished_at, lease_holder, error FROM runs "
               "ORDER BY finished_at IS NOT NULL, run DESC LIMIT 100",
               CP_NO_PARAMETERS);
    if (!error)
        cp_cli_print(context, result);
    return error;
}

/* Gives the run's command again: it goes on where the run stands. */
enum cc_error cp_cli_transitions_resume(struct cp_context *context,
                                        const struct cp_arguments *arguments)
{
    PGresult *result;
    const char *run = arguments->positionals[0];
    if (strspn(run, "0123456789") != strlen(run) || strlen(run) > 15)
        return cp_unknown(context, "unfinished run", run, "callcell transitions list");
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT w FROM runs, jsonb_array_elements_text(command) w WHERE run = $1::bigint "
               "AND finished_at IS NULL",
               CP_PARAMETERS(run));
    if (error)
        return error;
    int count = PQntuples(result);
    if (count == 0 || count > WORDS_MAX)
        return cp_unknown(context, "unfinished run", run, "callcell transitions list");
    char *words[WORDS_MAX];
    for (int i = 0; i < count; i++)
        words[i] = PQgetvalue(result, i, 0);
    return cp_cli_run(context, count, words) ? CC_CANCELLED : CC_OK;
}

static enum cc_error print_page(void (*write)(struct cc_buffer *out))
{
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    write(&out);
    enum cc_error error = out.error;
    printf("%.*s", (int)out.length, out.data ? out.data : "");
    cc_buffer_deinit(&out);
    return error;
}

enum cc_error cp_cli_transitions_diagram(struct cp_context *context,
                                         const struct cp_arguments *arguments)
{
    (void)context;
    (void)arguments;
    return print_page(cp_tables_page);
}

static void print_rows(const struct cc_transition_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        printf("%s %zu/%zu %s -> %s: %s\n", table->name, i + 1, table->count, table->rows[i].state,
               table->rows[i].next, table->rows[i].comment);
}

enum cc_error cp_cli_transitions_tables(struct cp_context *context,
                                        const struct cp_arguments *arguments)
{
    (void)context;
    if (arguments->json)
        return print_page(cp_tables_json);
    for (size_t i = 0; i < cp_table_count; i++)
        print_rows(cp_tables[i]);
    return CC_OK;
}
