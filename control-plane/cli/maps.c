/* Commands about routing maps. */
#include <stdio.h>
#include <stdlib.h>

#include "control-plane/cli/commands.h"
#include "control-plane/cli/country.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/unknown.h"

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
        return cp_unknown(context, cp_format(context, "map of %s of epoch", country),
                          cp_format(context, "%lld", (long long)epoch),
                          cp_format(context, "callcell map show --country %s", country));
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

static enum cc_error newest_epoch(struct cp_context *context, const char *country, int64_t *out)
{
    struct cp_stored newest;
    enum cc_error error = cp_publication_stored(context, country, CC_PUBLICATION_MAP, 0, &newest);
    *out = newest.epoch;
    return error == CC_NOT_FOUND ? CC_OK : error;
}

static enum cc_error report_epoch(struct cp_context *context, const char *country, int64_t before,
                                  int64_t epoch, const char *action)
{
    enum cc_error error = cp_audit(context, action, country);
    if (!error)
        error = cp_edges_confirm(context, country);
    if (!error && context->json)
        printf("{\"country\":\"%s\",\"epoch\":%lld,\"changed\":%s}\n", country, (long long)epoch,
               epoch > before ? "true" : "false");
    else if (!error)
        printf(epoch > before ? "map of %s: epoch %lld, published\n"
                              : "map of %s: epoch %lld, the same as the published one\n",
               country, (long long)epoch);
    return error;
}

enum cc_error cp_cli_map_publish(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL;
    int64_t allow = 0, before = 0, epoch = 0;
    enum cc_error error = read_whole(context, arguments, "allow-slots", &allow);
    if (!error)
        error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = newest_epoch(context, country, &before);
    if (!error)
        error = cp_publish(context, country, CC_PUBLICATION_MAP, allow, &epoch);
    return error || context->dry_run ? error
                                     : report_epoch(context, country, before, epoch, "map_publish");
}

enum cc_error cp_cli_map_rollback(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL;
    int64_t to = 0, allow = 0, before = 0, epoch = 0;
    enum cc_error error = read_whole(context, arguments, "to", &to);
    if (!error && to == 0)
        error = cp_fail(context, CC_UNSUPPORTED, "--to: epochs count from 1");
    if (!error)
        error = read_whole(context, arguments, "allow-slots", &allow);
    if (!error)
        error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = newest_epoch(context, country, &before);
    if (!error)
        error = cp_map_rollback(context, country, to, allow, &epoch);
    return error ? error : report_epoch(context, country, before, epoch, "map_rollback");
}
