#include "control-plane/backup/in_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control-plane/failover/lease.h"
#include "control-plane/files.h"
#include "control-plane/postgres/make.h"
#include "control-plane/postgres/state.h"
#include "control-plane/process.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/run.h"

enum { STOP_S = 300 };
/* Far above every version that a cache may hold from after the moment. */
#define VERSION_LEAP "1000000000"

static enum cc_error flush(void *subject);
static enum cc_error stop(void *subject);
static enum cc_error set_aside(void *subject);
static enum cc_error copy(void *subject);
static enum cc_error recover(void *subject);
static enum cc_error make_monitor(void *subject);
static enum cc_error make_primary(void *subject);
static enum cc_error make_replica(void *subject);
static enum cc_error verify(void *subject);
static enum cc_error outdo_caches(void *subject);
static enum cc_error raise_term(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, flush, NULL, "flushed", "archive: caught up, when there is a primary"},
    {"flushed", NULL, NULL, stop, NULL, "stopped", "Postgres stopped; workers go on without"},
    {"stopped", NULL, NULL, set_aside, NULL, "cleared", "old nodes set aside"},
    {"cleared", NULL, NULL, copy, NULL, "copied", "node 1: files from the repository"},
    {"copied", NULL, NULL, recover, NULL, "recovered", "node 1: recovered to the moment"},
    {"recovered", NULL, NULL, make_monitor, NULL, "monitored", "Postgres monitor"},
    {"monitored", NULL, NULL, make_primary, NULL, "primary", "node 1 as the primary"},
    {"primary", NULL, NULL, outdo_caches, NULL, "outdone", "versions above all that caches hold"},
    {"outdone", NULL, NULL, raise_term, NULL, "raised", "fencing term raised; writes go on"},
    {"raised", NULL, NULL, make_replica, verify, "done", "replica: node 2, synchronous"},
};
const struct cc_transition_table cp_cell_restore_in_place_table = {
    "cell_restore_in_place", "new", "done", rows, sizeof(rows) / sizeof(rows[0])};

/* A fresh start: only now may what the last restore set aside go. */
static enum cc_error flush(void *subject)
{
    struct cp_in_place *all = subject;
    enum cc_error error = cp_restore_flush(&all->restore);
    return error ? error : cp_tree_remove(all->restore.context, all->aside);
}

/* The monitor first, so that it fails nothing over. */
static enum cc_error stop(void *subject)
{
    struct cp_in_place *all = subject;
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++)
        error = all->group.target->stop(all->restore.context, all->group.places[i].service);
    return error;
}

static enum cc_error move_aside(struct cp_in_place *all, const char *from, const char *to)
{
    return cp_file_exists(from) && !cp_file_exists(to) && rename(from, to)
               ? cp_fail(all->restore.context, CC_IO, "%s cannot be set aside: %s", from,
                         strerror(errno))
               : CC_OK;
}

/* Each part with its marks; a cell of two sites has two folders of pg_autoctl's own files. */
static enum cc_error set_aside(void *subject)
{
    static const char *const marks[] = {"", ".created", ".initialised"};
    static const char *const own[] = {"config", "data", "run"};
    struct cp_in_place *all = subject;
    struct cp_context *context = all->restore.context;
    enum cc_error error = cp_folder_make(context, all->aside);
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++) {
        const struct cp_postgres_place *place = &all->group.places[i];
        for (size_t k = 0; !error && k < 3; k++)
            error = move_aside(all, cp_format(context, "%s%s", place->data, marks[k]),
                               cp_format(context, "%s/%s%s", all->aside, place->name, marks[k]));
        for (size_t k = 0; !error && k < 3; k++)
            error = move_aside(all, cp_format(context, "%s/%s", place->folder, own[k]),
                               cp_format(context, "%s/%s-%s", all->aside, place->name, own[k]));
    }
    return error ? error : cp_postgres_prepare(&all->group);
}

static enum cc_error copy(void *subject)
{
    struct cp_in_place *all = subject;
    return cp_restore_copy(&all->restore);
}

/* Afterwards it is an ordinary data folder, as initdb would have left one: settings of recovery and
 * of its old life under pg_auto_failover are gone. */
static enum cc_error recover(void *subject)
{
    struct cp_in_place *all = subject;
    struct cp_context *context = all->restore.context;
    const char *data = all->restore.data;
    const char *settings = cp_format(context, "%s/postgresql.auto.conf", data);
    const char *const argv[] = {
        "/usr/lib/postgresql/15/bin/pg_ctl", "-D", data, "-m", "fast", "-w", "stop", NULL};
    struct cc_slice left = {0};
    enum cc_error error = cp_file_read(context, settings, &left);
    /* Empty: an earlier try came as far as its last step. */
    if (!error && left.length > 0) {
        error = cp_restore_recover(&all->restore);
        if (!error)
            error =
                cp_process_run(context, &(struct cp_process){.argv = argv, .timeout_s = STOP_S});
        if (!error)
            error = cp_file_write(context, settings, cc_slice("", 0), 0600);
    }
    return error ? error
                 : cp_file_write(context, cp_format(context, "%s.initialised", data),
                                 cc_slice("", 0), 0600);
}

static enum cc_error make_monitor(void *subject)
{
    struct cp_in_place *all = subject;
    enum cc_error error = cp_postgres_make_monitor(&all->group);
    return error ? error : cp_postgres_tune_monitor(&all->group);
}

static enum cc_error make_primary(void *subject)
{
    struct cp_in_place *all = subject;
    return cp_postgres_make_primary(&all->group);
}

static enum cc_error make_replica(void *subject)
{
    struct cp_in_place *all = subject;
    return cp_postgres_make_replica(&all->group, CP_POSTGRES_NODE_2);
}

static enum cc_error verify(void *subject)
{
    struct cp_in_place *all = subject;
    enum cc_error error = cp_postgres_wait_streaming(&all->group);
    return error ? error : cp_postgres_wait_synchronous(&all->group);
}

/* A value of a lower version never replaces one of a higher: what workers and Redis kept from after
 * the moment would win for ever. */
static enum cc_error outdo_caches(void *subject)
{
    struct cp_in_place *all = subject;
    struct cp_context *context = all->restore.context;
    PGconn *connection = NULL;
    enum cc_error error =
        cp_postgres_connect(&all->group, CP_POSTGRES_PRIMARY, all->group.database, &connection);
    if (!error)
        error = cp_postgres_execute(
            &all->group, connection,
            "BEGIN; SET LOCAL synchronous_commit = local; "
            "UPDATE directory.tenants SET last_version = last_version + " VERSION_LEAP "; "
            "UPDATE directory.call_plans p SET row_version = t.last_version "
            "FROM directory.tenants t WHERE t.tenant_id = p.tenant_id; COMMIT");
    PQfinish(connection);
    return error ? error
                 : all->group.target->restart(
                       context, cp_format(context, "%s-redis", all->restore.repository.name));
}

static int64_t term_of(struct cp_in_place *all, const char *file)
{
    struct cc_slice bytes;
    json_t *lease = NULL;
    if (cp_file_read(all->restore.context, file, &bytes) ||
        cc_json_parse(bytes, bytes.length + 1, &lease, NULL))
        return 0;
    int64_t term = json_integer_value(json_object_get(lease, "term"));
    json_decref(lease);
    return term;
}

static enum cc_error raise_term(void *subject)
{
    struct cp_in_place *all = subject;
    struct cp_context *context = all->restore.context;
    const char *cell = all->restore.repository.name;
    const char *file = cp_path(context, "cells/%s/etc/lease", cell);
    struct cp_sites sites;
    cp_sites_read(context, cell, &sites);
    const struct cp_lease lease = {
        .cell = cell, .site = sites.active, .term = term_of(all, file) + 1};
    sites.term = lease.term;
    PGconn *connection = NULL;
    enum cc_error error =
        cp_postgres_connect(&all->group, CP_POSTGRES_PRIMARY, all->group.database, &connection);
    if (!error)
        error = cp_postgres_execute(
            &all->group, connection,
            cp_format(context, "SET synchronous_commit = local; SELECT fencing.raise(%lld)",
                      (long long)lease.term));
    PQfinish(connection);
    if (!error)
        error = cp_sites_write(context, cell, &sites);
    return error ? error : cp_lease_write_all(context, &lease);
}

enum cc_error cp_cell_restore_in_place(struct cp_context *context, const char *cell, const char *to)
{
    struct cp_in_place all = {.restore = {.context = context, .in_place = true}};
    struct cp_restore *restore = &all.restore;
    enum cc_error error = cp_restore_aim(restore, to);
    if (!error)
        error = cp_repository_find(context, cell, &restore->repository);
    if (!error)
        error = cp_repository_prepare(&restore->repository);
    if (error)
        return error;
    cp_cell_postgres(context, cell, restore->repository.number, cp_target_find("local"),
                     &all.group);
    restore->scratch = "in-place";
    restore->folder = cp_path(context, "run/backup/%s/in-place", cell);
    restore->data = all.group.places[CP_POSTGRES_NODE_1].data;
    restore->port = all.group.places[CP_POSTGRES_NODE_1].port;
    all.aside = cp_path(context, "cells/%s/pg.before-restore", cell);
    return cp_run(context, &(struct cp_run_request){.table = &cp_cell_restore_in_place_table,
                                                    .subject = cell,
                                                    .data = &all});
}
