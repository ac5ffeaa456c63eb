#include "control-plane/backup/agent.h"

#include <stdio.h>

#include "control-plane/backup/backup.h"
#include "control-plane/backup/drill.h"
#include "control-plane/backup/observe.h"
#include "control-plane/files.h"
#include "control-plane/process.h"
#include "control-plane/registry.h"
#include "control-plane/targets/local.h"

/* A new cell's first backup waits until its making is over and it has settled. */
enum { PERIOD_MS = 10000, ROUND_S = 48 * 3600, HOUR_S = 3600, SETTLED_S = 900 };

struct due {
    bool backup, full, drill;
};

static void log_trouble(struct cp_context *context, const char *cell, enum cc_error error)
{
    if (error)
        (void)fprintf(stderr, "%s: %s\n", cell,
                      context->message[0] ? context->message : cc_error_text(error));
    context->message[0] = '\0';
}

/* What is backed up: cells and the registry. */
#define SUBJECTS                                                                                   \
    "(SELECT cell, number, created_at FROM cells WHERE state = 'ready' UNION ALL "                 \
    "SELECT '" CP_REGISTRY "', 0, min(applied_at) FROM public.schema_migrations)"

/* Ages in seconds; a thing that never was is infinitely old. */
static const char due_sql[] =
    "SELECT c.cell, coalesce($1::float8 - f.newest, 'infinity') > $2::float8, "
    "coalesce($1::float8 - f.full_one, 'infinity') > $3::float8, "
    "f.newest IS NOT NULL AND coalesce($1::float8 - f.drill, 'infinity') > $4::float8 "
    "FROM " SUBJECTS " c, LATERAL (SELECT "
    "max(value) FILTER (WHERE name = 'backup_finished_at') AS newest, "
    "max(value) FILTER (WHERE name = 'backup_full_finished_at') AS full_one, "
    "max(value) FILTER (WHERE name = 'restore_drill_finished_at') AS drill "
    "FROM facts WHERE subject = c.cell) f "
    "WHERE c.created_at < now() - make_interval(secs => $5::float8) "
    "ORDER BY c.number";

static enum cc_error find_due(struct cp_context *context, PGresult **out)
{
    const struct cp_settings *settings = &context->settings;
    const char *every = cp_format(context, "%lld", (long long)settings->backup_every_h * HOUR_S);
    const char *full =
        cp_format(context, "%lld", (long long)settings->backup_full_every_h * HOUR_S);
    const char *drill =
        cp_format(context, "%lld", (long long)settings->restore_drill_every_h * HOUR_S);
    return cp_sql(context, out, due_sql,
                  CP_PARAMETERS(cp_format(context, "%lld", (long long)(cp_now_us() / 1000000)),
                                every, full, drill, cp_format(context, "%d", SETTLED_S)));
}

static void do_due(struct cp_context *context, const char *cell, const struct due *due)
{
    struct cp_backup taken;
    struct cp_drill drill;
    if (due->backup)
        log_trouble(context, cell, cp_cell_backup(context, cell, due->full, &taken));
    else if (due->drill)
        log_trouble(
            context, cell,
            cp_restore_drill(context, cell, 2 * context->settings.backup_every_h * HOUR_S, &drill));
}

/* A cell's is made with the cell; `init` leaves the registry's to us. */
static enum cc_error ensure_stanza(const struct cp_repository *repository)
{
    const char *made = cp_format(repository->context, "%s/archive/%s/archive.info",
                                 repository->folder, repository->name);
    return !cp_repository_is_registry(repository) || cp_file_exists(made)
               ? CC_OK
               : cp_repository_create(repository);
}

static void observe(struct cp_context *context)
{
    PGresult *cells;
    if (cp_sql(context, &cells, "SELECT cell FROM " SUBJECTS " s ORDER BY number",
               CP_NO_PARAMETERS))
        return;
    for (int row = 0; row < PQntuples(cells); row++) {
        const char *cell = cp_sql_value(cells, row, 0);
        struct cp_repository repository;
        enum cc_error error = cp_repository_find(context, cell, &repository);
        if (!error)
            error = ensure_stanza(&repository);
        log_trouble(context, cell, error ? error : cp_observe_archive(&repository));
    }
}

enum cc_error cp_backup_round(struct cp_context *context)
{
    PGresult *due;
    observe(context);
    enum cc_error error = find_due(context, &due);
    for (int row = 0; !error && row < PQntuples(due); row++)
        do_due(context, cp_sql_value(due, row, 0),
               &(struct due){.backup = PQgetvalue(due, row, 1)[0] == 't',
                             .full = PQgetvalue(due, row, 2)[0] == 't',
                             .drill = PQgetvalue(due, row, 3)[0] == 't'});
    return error;
}

enum cc_error cp_backup_agent(struct cp_context *context)
{
    const char *const argv[] = {cp_format(context, "%s/callcell", context->bin), "backups", "round",
                                NULL};
    for (;;) {
        context->message[0] = '\0';
        log_trouble(
            context, "round",
            cp_process_run(context, &(struct cp_process){.argv = argv, .timeout_s = ROUND_S}));
        cp_pause_ms(PERIOD_MS);
    }
}

enum cc_error cp_backup_install(struct cp_context *context)
{
    const char *const argv[] = {cp_format(context, "%s/callcell", context->bin), "backups", "run",
                                NULL};
    const char *const environment[] = {cp_format(context, "CALLCELL_HOME=%s", context->home), NULL};
    return cp_target_local.install(
        context, &(struct cp_service){.name = "backups", .argv = argv, .environment = environment});
}
