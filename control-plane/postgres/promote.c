#include "control-plane/postgres/promote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/loop.h"
#include "control-plane/files.h"
#include "control-plane/postgres/make.h"
#include "control-plane/postgres/pooler.h"
#include "control-plane/pq.h"
#include "control-plane/process.h"
#include "control-plane/targets/local.h"
#include "control-plane/targets/process_tree.h"

enum {
    PG_CTL_S = 60,
    KEEPER_S = 5, /* for a keeper to start its Postgres */
    STOP_S = 10,
    FLUSH_MS = 20 * 1000,
    PING_PAUSE_MS = 100,
    TUNE_TRIES = 5,
    TUNE_PAUSE_MS = 500
};
#define KEEPER "pg_autoctl"

static bool runs_on(pid_t pid, const char *data)
{
    char path[64], command[4096] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(command, 1, sizeof(command), file) : 0;
    if (file)
        (void)fclose(file);
    return memmem(command, length, data, strlen(data) + 1) != NULL;
}

/* 0: it does not run. */
static pid_t postmaster(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    struct cc_slice text;
    const char *data = group->places[part].data;
    const char *file = cp_format(group->context, "%s/postmaster.pid", data);
    if (!cp_file_exists(file) || cp_file_read(group->context, file, &text))
        return 0;
    pid_t pid = (pid_t)strtol(text.data, NULL, 10);
    return runs_on(pid, data) ? pid : 0;
}

/* A Postgres whose keeper is gone has no supervisor that would know it. */
static void kill_orphan(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    pid_t pid = postmaster(group, part);
    if (pid)
        (void)cp_process_tree_kill(pid, NULL);
}

void cp_postgres_fence(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    const char *service = group->places[part].service;
    /* What cannot be reached is fenced by the term and by its commits, which wait for a replica. */
    if (cp_file_exists(cp_local_service_folder(group->context, service)))
        (void)!group->target->kill(group->context, service);
    kill_orphan(group, part);
    if (part == CP_POSTGRES_MONITOR)
        cp_postgres_pooler_stop(group);
}

/* Its Postgres, when it is up, stays up. */
static enum cc_error kill_keeper(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    const char *service = group->places[part].service;
    return cp_file_exists(cp_local_service_folder(group->context, service))
               ? group->target->kill_those(group->context, service, KEEPER)
               : CC_OK;
}

static enum cc_error pg_ctl(struct cp_postgres_group *group, enum cp_postgres_part node,
                            const char *verb, int patience_s)
{
    struct cp_context *context = group->context;
    const struct cp_postgres_place *place = &group->places[node];
    const char *patience = cp_format(context, "%d", patience_s);
    const char *const start[] = {"/usr/lib/postgresql/15/bin/pg_ctl",
                                 "-D",
                                 place->data,
                                 "-w",
                                 "-t",
                                 patience,
                                 "-l",
                                 cp_format(context, "%s.alone.log", place->data),
                                 "-o",
                                 cp_format(context, "-p %d -h 127.0.0.1", place->port),
                                 "start",
                                 NULL};
    const char *const other[] = {"/usr/lib/postgresql/15/bin/pg_ctl",
                                 "-D",
                                 place->data,
                                 "-w",
                                 "-t",
                                 patience,
                                 "-m",
                                 "fast",
                                 verb,
                                 NULL};
    const char *const promote[] = {
        "/usr/lib/postgresql/15/bin/pg_ctl", "-D", place->data, "-w", verb, NULL};
    bool is_start = strcmp(verb, "start") == 0, is_promote = strcmp(verb, "promote") == 0;
    return cp_process_run(context, &(struct cp_process){.argv = is_start     ? start
                                                                : is_promote ? promote
                                                                             : other,
                                                        .environment = place->environment,
                                                        .timeout_s = patience_s + 5,
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

/* False: it does not answer. A checkpoint now makes that of its stop, while it takes no writes,
 * short. */
static bool flush(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    PGconn *connection = cp_postgres_try(group, node, "postgres");
    bool up = connection != NULL;
    PQclear(cp_pq_query(connection, "CHECKPOINT", NULL, 0, FLUSH_MS));
    PQfinish(connection);
    return up;
}

void cp_postgres_stop_primary(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    /* Whatever is left of it then is killed. */
    if (flush(group, node) && !kill_keeper(group, node))
        (void)!pg_ctl(group, node, "stop", STOP_S);
    cp_postgres_fence(group, node);
}

bool cp_postgres_is_replica(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    return cp_file_exists(cp_format(group->context, "%s/standby.signal", group->places[node].data));
}

static PGPing ping(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    return PQping(cp_postgres_conninfo(group, node, "postgres"));
}

/* Its keeper is there, or a process that is starting or frozen. */
static bool may_start(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    return group->target->is_up(group->context, group->places[node].service) ||
           postmaster(group, node);
}

/* One that says "not yet" gets as long as a start; a silent one some seconds since it last said
 * something, when anything may yet speak. */
static PGPing wait_for_answer(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    int64_t begun_us = cc_monotonic_us(), heard_us = begun_us;
    for (;;) {
        PGPing said = ping(group, node);
        int64_t now_us = cc_monotonic_us();
        bool rejects = said == PQPING_REJECT;
        if (rejects)
            heard_us = now_us;
        bool late = rejects ? now_us - begun_us >= (int64_t)PG_CTL_S * 1000000
                            : now_us - heard_us >= (int64_t)KEEPER_S * 1000000;
        if (said == PQPING_OK || late || (!rejects && !may_start(group, node)))
            return said;
        cp_pause_ms(PING_PAUSE_MS);
    }
}

/* One that is frozen does not answer either: it is killed. */
static enum cc_error start_alone(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    enum cc_error error = kill_keeper(group, node);
    if (!error)
        error = cp_folder_make(group->context, group->socket_folder);
    if (error)
        return error;
    kill_orphan(group, node);
    return pg_ctl(group, node, "start", PG_CTL_S);
}

/* recovers: it does, still, and goes on; pg_ctl gives up, and leaves it running, after as long. */
static enum cc_error answer(struct cp_postgres_group *group, enum cp_postgres_part node,
                            bool *recovers)
{
    PGPing said = wait_for_answer(group, node);
    enum cc_error error = CC_OK;
    if (said != PQPING_OK && said != PQPING_REJECT) {
        error = start_alone(group, node);
        said = error ? ping(group, node) : PQPING_OK;
    }
    *recovers = said == PQPING_REJECT;
    if (said == PQPING_OK)
        return CC_OK;
    if (!*recovers)
        return error;
    return cp_fail(group->context, CC_TIMEOUT,
                   "%s of %s still recovers after %d s; give the command again: it waits on, and "
                   "nothing begins anew; one that lacks WAL never ends: see %s.alone.log",
                   group->places[node].name, group->name, PG_CTL_S, group->places[node].data);
}

enum cc_error cp_postgres_wake(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    struct cp_context *context = group->context;
    bool recovers = false;
    if (!cp_postgres_is_replica(group, node))
        return CC_OK;
    enum cc_error error = answer(group, node, &recovers);
    if (!error || recovers)
        return error;
    const char *why = cp_format(context, "%s", context->message);
    if (cp_postgres_give_back(group, node))
        why = cp_format(context, "%s; its keeper did not start again", why);
    return cp_fail(context, error, "%s does not start: %s; see %s.alone.log",
                   group->places[node].name, why, group->places[node].data);
}

enum cc_error cp_postgres_give_back(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    struct cp_context *context = group->context;
    const char *service = group->places[node].service;
    if (!cp_file_exists(cp_local_service_folder(context, service)) ||
        group->target->is_up(context, service))
        return CC_OK;
    (void)!pg_ctl(group, node, "stop", STOP_S);
    kill_orphan(group, node);
    return group->target->start(context, service);
}

enum cc_error cp_postgres_stand_alone(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    bool recovers;
    enum cc_error error = kill_keeper(group, node);
    if (!error)
        error = forget_monitor(group, node);
    if (!error)
        error = answer(group, node, &recovers);
    if (!error && cp_postgres_is_replica(group, node))
        error = pg_ctl(group, node, "promote", PG_CTL_S);
    return error ? error : let_go(group, node);
}

enum cc_error cp_postgres_promote_alone(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    enum cc_error error = cp_postgres_stand_alone(group, node);
    return error ? error : pg_ctl(group, node, "stop", PG_CTL_S);
}

enum cc_error cp_postgres_adopt(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    enum cc_error error = flush(group, node) ? pg_ctl(group, node, "stop", PG_CTL_S) : CC_OK;
    return error ? error : cp_postgres_run_node(group, node);
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
