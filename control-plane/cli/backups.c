/* Commands about backups: taking, listing, restoring, proving. */
#include <stdio.h>
#include <stdlib.h>

#include "control-plane/backup/agent.h"
#include "control-plane/backup/backup.h"
#include "control-plane/backup/drill.h"
#include "control-plane/backup/in_place.h"
#include "control-plane/backup/registry_restore.h"
#include "control-plane/backup/restore.h"
#include "control-plane/cli/commands.h"
#include "control-plane/registry.h"

enum { HOUR_S = 3600, HOURS_MAX = 24 * 365 };

static void print_object(struct cp_context *context, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    if (text)
        cp_cli_print_json(context, cc_slice_of(text));
    free(text);
    json_decref(object);
}

static enum cc_error take_backup(struct cp_context *context, const struct cp_arguments *arguments,
                                 const char *cell)
{
    struct cp_backup taken;
    enum cc_error error =
        cp_cell_backup(context, cell, cp_argument(arguments, "full") != NULL, &taken);
    if (error || context->dry_run)
        return error;
    if (context->json)
        print_object(context,
                     json_pack("{ss ss ss sI sI}", "cell", cell, "backup", taken.label, "type",
                               taken.type, "database_bytes", (json_int_t)taken.database_bytes,
                               "repository_bytes", (json_int_t)taken.repository_bytes));
    else
        printf("backup %s of %s: %s, %lld s, %lld bytes of data, %lld bytes more in the "
               "repository\n",
               taken.label, cell, taken.type, (long long)(taken.finished_at - taken.started_at),
               (long long)taken.database_bytes, (long long)taken.repository_bytes);
    return CC_OK;
}

enum cc_error cp_cli_cell_backup(struct cp_context *context, const struct cp_arguments *arguments)
{
    return take_backup(context, arguments, arguments->positionals[0]);
}

enum cc_error cp_cli_registry_backup(struct cp_context *context,
                                     const struct cp_arguments *arguments)
{
    return take_backup(context, arguments, CP_REGISTRY);
}

static json_t *list_json(const struct cp_backup_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < list->count; i++) {
        const struct cp_backup *backup = &list->backups[i];
        json_array_append_new(
            array,
            json_pack("{ss ss sI sI sI sI sb}", "backup", backup->label, "type", backup->type,
                      "started", (json_int_t)backup->started_at, "finished",
                      (json_int_t)backup->finished_at, "bytes", (json_int_t)backup->database_bytes,
                      "more", (json_int_t)backup->repository_bytes, "damaged", backup->failed));
    }
    return array;
}

static enum cc_error list_backups(struct cp_context *context, const char *cell)
{
    struct cp_repository repository;
    struct cp_backup_list list;
    PGresult *result;
    enum cc_error error = cp_repository_find(context, cell, &repository);
    if (!error)
        error = cp_repository_backups(&repository, &list);
    if (error)
        return error;
    json_t *array = list_json(&list);
    char *text = array ? json_dumps(array, JSON_COMPACT) : NULL;
    error = text ? cp_sql(context, &result,
                          "SELECT backup, type, to_timestamp(finished) AT TIME ZONE 'UTC' AS "
                          "finished_utc, finished - started AS seconds, bytes AS database_bytes, "
                          "more AS repository_bytes, damaged FROM json_to_recordset($1::json) AS b "
                          "(backup text, type text, started bigint, finished bigint, bytes bigint, "
                          "more bigint, damaged boolean) ORDER BY finished",
                          CP_PARAMETERS(text))
                 : CC_NO_MEMORY;
    free(text);
    json_decref(array);
    if (!error)
        cp_cli_print(context, result);
    return error;
}

enum cc_error cp_cli_cell_backups(struct cp_context *context, const struct cp_arguments *arguments)
{
    return list_backups(context, arguments->positionals[0]);
}

enum cc_error cp_cli_registry_backups(struct cp_context *context,
                                      const struct cp_arguments *arguments)
{
    (void)arguments;
    return list_backups(context, CP_REGISTRY);
}

static void print_scratch(const struct cp_restore *restore)
{
    struct cp_context *context = restore->context;
    const char *how =
        cp_format(context, "psql -h %s -p %d -d %s", restore->repository.socket_folders[0],
                  restore->port, restore->repository.database);
    if (context->json)
        print_object(context,
                     json_pack("{ss ss si ss sb}", "scratch", restore->scratch, "socket_folder",
                               restore->repository.socket_folders[0], "port", restore->port,
                               "connect", how, "writable", restore->target == CP_RESTORE_LATEST));
    else
        printf("scratch %s: %s; %s\nconnect as the home's owner: %s\ndrop it: callcell cell "
               "restore %s --drop %s\n",
               restore->scratch, restore->moment ? restore->moment : "the end of the archive",
               restore->target == CP_RESTORE_LATEST ? "may be written to" : "read-only", how,
               restore->repository.name, restore->scratch);
}

/* Undoing a cell asks for its name, as destroying one does. */
static enum cc_error restore_in_place(struct cp_context *context,
                                      const struct cp_arguments *arguments)
{
    const char *cell = arguments->positionals[0];
    const char *to = cp_argument(arguments, "to"), *confirm = cp_argument(arguments, "confirm");
    if (!to || cp_argument(arguments, "as") || cp_argument(arguments, "drop"))
        return cp_fail(context, CC_UNSUPPORTED,
                       "cell restore --in-place: give --to TIME, and no --as or --drop");
    if (!context->dry_run && (!confirm || strcmp(confirm, cell) != 0))
        return cp_fail(
            context, CC_UNSUPPORTED,
            "this takes back all that %s was told after %s; if you mean it: --confirm %s", cell, to,
            cell);
    enum cc_error error = cp_cell_restore_in_place(context, cell, to);
    if (!error)
        cp_cli_done(context, "cell", cell, true);
    return error;
}

enum cc_error cp_cli_cell_restore(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *cell = arguments->positionals[0];
    const char *to = cp_argument(arguments, "to"), *as = cp_argument(arguments, "as");
    const char *old = cp_argument(arguments, "drop");
    if (cp_argument(arguments, "in-place"))
        return restore_in_place(context, arguments);
    if (old ? to || as : !to || !as)
        return cp_fail(context, CC_UNSUPPORTED,
                       "cell restore: give --to TIME --as SCRATCH, or --drop SCRATCH");
    if (old) {
        enum cc_error dropped = cp_restore_drop(context, cell, old);
        if (!dropped)
            cp_cli_done(context, "scratch", old, true);
        return dropped;
    }
    struct cp_restore restore;
    enum cc_error error = cp_cell_restore(context, cell, to, as, &restore);
    if (!error && !context->dry_run)
        print_scratch(&restore);
    return error;
}

static void print_drill(const struct cp_drill *drill)
{
    const char *cell = drill->restore.repository.name;
    if (drill->restore.context->json)
        print_object(drill->restore.context,
                     json_pack("{ss sb ss sI sI sI sI}", "cell", cell, "equal", drill->equal,
                               "backup", drill->backup, "compared", (json_int_t)drill->lines,
                               "exposed_ms", (json_int_t)drill->exposed_ms, "restored_ms",
                               (json_int_t)drill->restored_ms, "held_us",
                               (json_int_t)drill->held_us));
    else
        printf("restore drill of %s: equal (%lld counts and checksums per table, tenant and day)\n"
               "from backup %s; restored in %.1f s; last archived WAL was %.1f s old; writes "
               "waited %.1f ms\n",
               cell, (long long)drill->lines, drill->backup, (double)drill->restored_ms / 1000,
               (double)drill->exposed_ms / 1000, (double)drill->held_us / 1000);
}

static bool read_hours(const char *text, int64_t *out)
{
    char *end = NULL;
    *out = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && *out <= HOURS_MAX;
}

static enum cc_error hold_drill(struct cp_context *context, const struct cp_arguments *arguments,
                                const char *cell)
{
    const char *given = cp_argument(arguments, "max-age-hours");
    int64_t hours = context->settings.backup_every_h;
    if (given && !read_hours(given, &hours))
        return cp_fail(context, CC_UNSUPPORTED, "--max-age-hours %s: a number from 0 to %d", given,
                       HOURS_MAX);
    struct cp_drill drill;
    enum cc_error error = cp_restore_drill(context, cell, hours * HOUR_S, &drill);
    if (!error && !context->dry_run)
        print_drill(&drill);
    return error;
}

enum cc_error cp_cli_cell_restore_drill(struct cp_context *context,
                                        const struct cp_arguments *arguments)
{
    return hold_drill(context, arguments, arguments->positionals[0]);
}

enum cc_error cp_cli_registry_restore_drill(struct cp_context *context,
                                            const struct cp_arguments *arguments)
{
    return hold_drill(context, arguments, CP_REGISTRY);
}

/* The registry may be dead: nothing here may ask it first. */
enum cc_error cp_cli_registry_restore(struct cp_context *context,
                                      const struct cp_arguments *arguments)
{
    const char *to = cp_argument(arguments, "to"), *confirm = cp_argument(arguments, "confirm");
    if (!context->dry_run && (!confirm || strcmp(confirm, CP_REGISTRY) != 0))
        return cp_fail(context, CC_UNSUPPORTED,
                       "this takes back all that the registry was told after %s; if you mean it: "
                       "--confirm " CP_REGISTRY,
                       to);
    enum cc_error error = cp_registry_restore(context, to);
    if (error || context->dry_run)
        return error;
    cp_cli_done(context, "registry", CP_REGISTRY, true);
    if (!context->json)
        printf("what edges and workers hold may be newer: callcell registry reconcile\n");
    return CC_OK;
}

enum cc_error cp_cli_backups_run(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    return cp_backup_agent(context);
}

enum cc_error cp_cli_backups_round(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    return cp_backup_round(context);
}
