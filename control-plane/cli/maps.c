/* Commands about routing maps and runs of transitions. */
#include <stdio.h>
#include <stdlib.h>

#include "control-plane/cli/commands.h"
#include "control-plane/provision/carrier_create.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/provision/edge_create.h"
#include "control-plane/provision/number_create.h"
#include "control-plane/provision/tenant_create.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"

enum { WORDS_MAX = 64 };

static enum cc_error read_whole(struct cp_context *context, const struct cp_arguments *arguments,
                                const char *option, int64_t *out)
{
    const char *text = cp_argument(arguments, option);
    *out = 0;
    if (!text)
        return CC_OK;
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 15)
        return cp_fail(context, CC_UNSUPPORTED, "--%s %s: must be a whole number", option, text);
    *out = strtoll(text, NULL, 10);
    return CC_OK;
}

static enum cc_error print_history(struct cp_context *context, const char *country)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT kind, epoch, sha256, created_at::timestamptz(0)::text AS created_at "
               "FROM publications WHERE country = $1 ORDER BY kind, epoch",
               CP_PARAMETERS(country));
    if (!error)
        cp_cli_print(context, result);
    return error;
}

enum cc_error cp_cli_map_show(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL;
    int64_t epoch = 0;
    struct cp_stored stored;
    enum cc_error error = read_whole(context, arguments, "epoch", &epoch);
    if (!error)
        error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_publication_stored(context, country, CC_PUBLICATION_MAP, epoch, &stored);
    if (error == CC_NOT_FOUND && !context->message[0])
        return cp_fail(context, error, "%s has no such map; see: callcell map show", country);
    if (error)
        return error;
    if (!context->json) {
        printf("map of %s, epoch %lld, %s\n", country, (long long)stored.epoch, stored.created_at);
        cp_cli_print_json(context, stored.payload);
        return print_history(context, country);
    }
    printf("{\"country\":\"%s\",\"epoch\":%lld,\"sha256\":\"%s\",\"created_at\":\"%s\",\"map\":%.*"
           "s}\n",
           country, (long long)stored.epoch, stored.sha256, stored.created_at,
           (int)stored.payload.length, stored.payload.data);
    return CC_OK;
}

static enum cc_error report_epoch(struct cp_context *context, const char *country, int64_t epoch,
                                  const char *action)
{
    enum cc_error error = cp_audit(context, action, country);
    if (!error)
        error = cp_edges_confirm(context, country);
    if (!error && context->json)
        printf("{\"country\":\"%s\",\"epoch\":%lld}\n", country, (long long)epoch);
    else if (!error)
        printf("map of %s: epoch %lld\n", country, (long long)epoch);
    return error;
}

enum cc_error cp_cli_map_publish(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL;
    int64_t allow = 0, epoch = 0;
    enum cc_error error = read_whole(context, arguments, "allow-slots", &allow);
    if (!error)
        error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_publish(context, country, CC_PUBLICATION_MAP, allow, &epoch);
    return error ? error : report_epoch(context, country, epoch, "map_publish");
}

enum cc_error cp_cli_map_rollback(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL;
    int64_t to = 0, allow = 0, epoch = 0;
    enum cc_error error = read_whole(context, arguments, "to", &to);
    if (!error && to == 0)
        error = cp_fail(context, CC_UNSUPPORTED, "--to: epochs count from 1");
    if (!error)
        error = read_whole(context, arguments, "allow-slots", &allow);
    if (!error)
        error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_map_rollback(context, country, to, allow, &epoch);
    return error ? error : report_epoch(context, country, epoch, "map_rollback");
}

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
        return cp_fail(context, CC_UNSUPPORTED, "%s is no run; see: callcell transitions list",
                       run);
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT w FROM runs, jsonb_array_elements_text(command) w WHERE run = $1::bigint "
               "AND finished_at IS NULL",
               CP_PARAMETERS(run));
    if (error)
        return error;
    int count = PQntuples(result);
    if (count == 0 || count > WORDS_MAX)
        return cp_fail(context, CC_NOT_FOUND, "run %s is not there, or finished", run);
    char *words[WORDS_MAX];
    for (int i = 0; i < count; i++)
        words[i] = PQgetvalue(result, i, 0);
    return cp_cli_run(context, count, words) ? CC_CANCELLED : CC_OK;
}

void cp_transitions_page(struct cc_buffer *out)
{
    static const struct cc_transition_table *const tables[] = {
        &cp_edge_create_table,   &cp_cell_create_table,   &cp_tenant_create_table,
        &cp_number_create_table, &cp_number_delete_table, &cp_carrier_create_table};
    cc_buffer_text(out, "# Transitions\n\nWhat takes long is a table of rows, walked by "
                        "`control-plane/run.c`. This page is the output of `callcell transitions "
                        "diagram`.\n");
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        cc_buffer_printf(out, "\n## %s\n\n```mermaid\n", tables[i]->name);
        cc_transitions_diagram(tables[i], out);
        cc_buffer_text(out, "```\n");
    }
}

enum cc_error cp_cli_transitions_diagram(struct cp_context *context,
                                         const struct cp_arguments *arguments)
{
    (void)context;
    (void)arguments;
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cp_transitions_page(&out);
    enum cc_error error = out.error;
    printf("%.*s", (int)out.length, out.data ? out.data : "");
    cc_buffer_deinit(&out);
    return error;
}
