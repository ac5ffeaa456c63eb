#include "control-plane/postgres/promote.h"

#include <string.h>

#include "control-plane/files.h"
#include "control-plane/postgres/make.h"
#include "control-plane/process.h"
#include "control-plane/targets/local.h"

enum { PG_CTL_S = 60, TUNE_TRIES = 5, TUNE_PAUSE_MS = 500 };

void cp_postgres_fence(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    const char *service = group->places[part].service;
    /* What cannot be reached is fenced by the term and by its commits, which wait for a replica. */
    if (cp_file_exists(cp_local_service_folder(group->context, service)))
        (void)!group->target->kill(group->context, service);
}

static enum cc_error pg_ctl(struct cp_postgres_group *group, enum cp_postgres_part node,
                            const char *verb)
{
    struct cp_context *context = group->context;
    const struct cp_postgres_place *place = &group->places[node];
    const char *const start[] = {"/usr/lib/postgresql/15/bin/pg_ctl",
                                 "-D",
                                 place->data,
                                 "-w",
                                 "-t",
                                 "60",
                                 "-l",
                                 cp_format(context, "%s.alone.log", place->data),
                                 "-o",
                                 cp_format(context, "-p %d -h 127.0.0.1", place->port),
                                 "start",
                                 NULL};
    const char *const other[] = {
        "/usr/lib/postgresql/15/bin/pg_ctl", "-D", place->data, "-w", "-m", "fast", verb, NULL};
    const char *const promote[] = {
        "/usr/lib/postgresql/15/bin/pg_ctl", "-D", place->data, "-w", verb, NULL};
    bool is_start = strcmp(verb, "start") == 0, is_promote = strcmp(verb, "promote") == 0;
    return cp_process_run(context, &(struct cp_process){.argv = is_start     ? start
                                                                : is_promote ? promote
                                                                             : other,
                                                        .environment = place->environment,
                                                        .timeout_s = PG_CTL_S + 5,
                                                        .log = group->log});
}

/* Its old replica is gone: it waits for none, and keeps no WAL for it. */
static enum cc_error let_go(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    static const char *const statements[] = {
        "ALTER SYSTEM RESET synchronous_standby_names",
        "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()",
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active"};
    PGconn *connection = NULL;
    enum cc_error error = cp_postgres_connect(group, node, "postgres", &connection);
    for (size_t i = 0; !error && i < sizeof(statements) / sizeof(statements[0]); i++)
        error = cp_postgres_execute(group, connection, statements[i]);
    PQfinish(connection);
    return error;
}

static enum cc_error forget_monitor(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    struct cp_context *context = group->context;
    const struct cp_postgres_place *place = &group->places[part];
    enum cc_error error = cp_tree_remove(context, cp_format(context, "%s.created", place->data));
    if (!error)
        error = cp_tree_remove(
            context, cp_format(context, "%s/config/pg_autoctl%s", place->folder, place->data));
    if (!error)
        error = cp_tree_remove(
            context, cp_format(context, "%s/data/pg_autoctl%s", place->folder, place->data));
    return error;
}

enum cc_error cp_postgres_promote_alone(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    struct cp_context *context = group->context;
    cp_postgres_fence(group, node);
    enum cc_error error = forget_monitor(group, node);
    if (!error)
        error = cp_folder_make(context, group->socket_folder);
    /* Still up when a killed command is given again. */
    PGconn *up = error ? NULL : cp_postgres_try(group, node, "postgres");
    if (!error && !up)
        error = pg_ctl(group, node, "start");
    PQfinish(up);
    const char *standby = cp_format(context, "%s/standby.signal", group->places[node].data);
    if (!error && cp_file_exists(standby))
        error = pg_ctl(group, node, "promote");
    if (!error)
        error = let_go(group, node);
    return error ? error : pg_ctl(group, node, "stop");
}

/* pg_autoctl starts its Postgres once more when it takes it over, and ends our connection. */
static enum cc_error tune(struct cp_postgres_group *group)
{
    enum cc_error error = cp_postgres_tune_monitor(group);
    for (int again = 0; error && again < TUNE_TRIES; again++) {
        cp_pause_ms(TUNE_PAUSE_MS);
        error = cp_postgres_tune_monitor(group);
    }
    return error;
}

enum cc_error cp_postgres_remake_monitor(struct cp_postgres_group *group)
{
    struct cp_context *context = group->context;
    const struct cp_postgres_place *place = &group->places[CP_POSTGRES_MONITOR];
    cp_postgres_fence(group, CP_POSTGRES_MONITOR);
    enum cc_error error = forget_monitor(group, CP_POSTGRES_MONITOR);
    if (!error)
        error = cp_tree_remove(context, cp_format(context, "%s.initialised", place->data));
    if (!error)
        error = cp_tree_remove(context, place->data);
    if (!error)
        error = cp_postgres_make_monitor(group);
    return error ? error : tune(group);
}
