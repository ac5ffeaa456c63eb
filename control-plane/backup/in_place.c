#include "control-plane/backup/in_place.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "control-plane/failover/lease.h"
#include "control-plane/failover/term.h"
#include "control-plane/files.h"
#include "control-plane/postgres/make.h"
#include "control-plane/postgres/state.h"
#include "control-plane/process.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"
#include "control-plane/run.h"

enum { STOP_S = 300 };
/* Above every version that a cache may hold from after the moment, also from after an earlier
 * restore to it: versions go up by one, and never a million times a second. */
#define VERSION_NOW "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

static enum cc_error outdo_caches(void *subject);
static enum cc_error raise_term(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, cp_in_place_flush, NULL, "flushed",
     "archive: caught up, when there is a primary"},
    {"flushed", NULL, NULL, cp_in_place_stop, NULL, "stopped",
     "Postgres stopped; workers go on without"},
    {"stopped", NULL, NULL, cp_in_place_set_aside, NULL, "cleared", "old nodes set aside"},
    {"cleared", NULL, NULL, cp_in_place_copy, NULL, "copied", "node 1: files from the repository"},
    {"copied", NULL, NULL, cp_in_place_recover, NULL, "recovered",
     "node 1: recovered to the moment"},
    {"recovered", NULL, NULL, cp_in_place_make_monitor, NULL, "monitored", "Postgres monitor"},
    {"monitored", NULL, NULL, cp_in_place_make_primary, NULL, "primary", "node 1 as the primary"},
    {"primary", NULL, NULL, outdo_caches, NULL, "outdone", "versions above all that caches hold"},
    {"outdone", NULL, NULL, raise_term, NULL, "raised", "fencing term raised; writes go on"},
    {"raised", NULL, NULL, cp_in_place_make_replica, cp_in_place_verify, "replicated",
     "replica: node 2, synchronous"},
    {"replicated", NULL, NULL, cp_in_place_finish, NULL, "done",
     "old nodes kept until the next restore"},
};
const struct cc_transition_table cp_cell_restore_in_place_table = {
    "cell_restore_in_place", "new", "done", rows, sizeof(rows) / sizeof(rows[0])};

/* Nodes are set aside by renaming: within one file system. */
static enum cc_error refuse_other_disks(const struct cp_in_place *all)
{
    struct stat beside, own;
    const struct cp_postgres_place *places = all->group.places;
    for (size_t i = 0; i < CP_POSTGRES_PARTS; i++) {
        if (!stat(places[i].data, &own) && !stat(all->restore.context->home, &beside) &&
            own.st_dev != beside.st_dev)
            return cp_fail(all->restore.context, CC_UNSUPPORTED,
                           "%s is on a file system of its own, and cannot be set aside within the "
                           "home's; nothing was stopped; restore beside it (--as)",
                           places[i].data);
    }
    return CC_OK;
}

/* A fresh start: only now may what the last restore set aside go. What a try that did not end set
 * aside stays: it is all there is of the old nodes. */
enum cc_error cp_in_place_flush(void *subject)
{
    struct cp_in_place *all = subject;
    enum cc_error error = refuse_other_disks(all);
    if (!error)
        error = cp_restore_flush(&all->restore);
    return error ? error : cp_tree_remove(all->restore.context, all->aside);
}

/* The monitor first, so that it fails nothing over. */
enum cc_error cp_in_place_stop(void *subject)
{
    struct cp_in_place *all = subject;
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++)
        error = all->group.target->stop(all->restore.context, all->group.places[i].service);
    return error;
}

/* Moved already, by a command that was killed: nothing to do. */
static enum cc_error move(struct cp_context *context, const char *from, const char *to)
{
    return cp_file_exists(from) && rename(from, to)
               ? cp_fail(context, CC_IO, "%s cannot be set aside: %s", from, strerror(errno))
               : CC_OK;
}

/* Each part with its marks; a cell of two sites has two folders of pg_autoctl's own files. */
static enum cc_error move_parts(struct cp_in_place *all, const char *folder)
{
    static const char *const marks[] = {"", ".created", ".initialised"};
    static const char *const own[] = {"config", "data", "run"};
    struct cp_context *context = all->restore.context;
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++) {
        const struct cp_postgres_place *place = &all->group.places[i];
        for (size_t k = 0; !error && k < 3; k++)
            error = move(context, cp_format(context, "%s%s", place->data, marks[k]),
                         cp_format(context, "%s/%s%s", folder, place->name, marks[k]));
        for (size_t k = 0; !error && k < 3; k++)
            error = move(context, cp_format(context, "%s/%s", place->folder, own[k]),
                         cp_format(context, "%s/%s-%s", folder, place->name, own[k]));
    }
    return error;
}

/* The first folder that is not whole yet: 1 has the old nodes, each further one what a try that did
 * not end had made of them, for it may have taken writes. */
static const char *folder_of_try(const struct cp_in_place *all, const char **whole)
{
    struct cp_context *context = all->restore.context;
    for (int number = 1;; number++) {
        const char *folder = cp_format(context, "%s/%d", all->unfinished, number);
        *whole = cp_format(context, "%s/whole", folder);
        if (!cp_file_exists(*whole))
            return folder;
    }
}

enum cc_error cp_in_place_set_aside(void *subject)
{
    struct cp_in_place *all = subject;
    const char *whole, *folder = folder_of_try(all, &whole);
    enum cc_error error = cp_folder_make(all->restore.context, folder);
    if (!error)
        error = move_parts(all, folder);
    if (!error)
        error = cp_file_write(all->restore.context, whole, cc_slice("", 0), 0600);
    return error ? error : cp_postgres_prepare(&all->group);
}

enum cc_error cp_in_place_finish(void *subject)
{
    struct cp_in_place *all = subject;
    return move(all->restore.context, all->unfinished, all->aside);
}

enum cc_error cp_in_place_copy(void *subject)
{
    struct cp_in_place *all = subject;
    return cp_restore_copy(&all->restore);
}

/* Afterwards it is an ordinary data folder, as initdb would have left one: settings of recovery and
 * of its old life under pg_auto_failover are gone. */
enum cc_error cp_in_place_recover(void *subject)
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

enum cc_error cp_in_place_make_monitor(void *subject)
{
    struct cp_in_place *all = subject;
    enum cc_error error = cp_postgres_make_monitor(&all->group);
    return error ? error : cp_postgres_tune_monitor(&all->group);
}

enum cc_error cp_in_place_make_primary(void *subject)
{
    struct cp_in_place *all = subject;
    return cp_postgres_make_primary(&all->group);
}

enum cc_error cp_in_place_make_replica(void *subject)
{
    struct cp_in_place *all = subject;
    return cp_postgres_make_replica(&all->group, CP_POSTGRES_NODE_2);
}

enum cc_error cp_in_place_verify(void *subject)
{
    struct cp_in_place *all = subject;
    enum cc_error error = cp_postgres_wait_streaming(&all->group);
    return error ? error : cp_postgres_wait_synchronous(&all->group);
}

/* Of every site; it keeps nothing on disk. */
static enum cc_error empty_redis(struct cp_in_place *all)
{
    struct cp_context *context = all->restore.context;
    const char *service = cp_format(context, "%s-redis", all->restore.repository.name);
    struct cp_sites sites;
    cp_sites_read(context, all->restore.repository.name, &sites);
    enum cc_error error =
        all->group.target->restart(context, cp_site_service(context, sites.active, service));
    if (!error && sites.standby)
        error =
            all->group.target->restart(context, cp_site_service(context, sites.standby, service));
    return error;
}

/* A value of a lower version never replaces one of a higher: what workers and Redis kept from after
 * the moment would win for ever. */
static enum cc_error outdo_caches(void *subject)
{
    struct cp_in_place *all = subject;
    PGconn *connection = NULL;
    enum cc_error error =
        cp_postgres_connect(&all->group, CP_POSTGRES_PRIMARY, all->group.database, &connection);
    if (!error)
        error = cp_postgres_execute(
            &all->group, connection,
            "BEGIN; SET LOCAL synchronous_commit = local; "
            "UPDATE directory.tenants SET last_version = greatest(last_version + 1, " VERSION_NOW
            "); "
            "UPDATE directory.call_plans p SET row_version = t.last_version "
            "FROM directory.tenants t WHERE t.tenant_id = p.tenant_id; COMMIT");
    PQfinish(connection);
    return error ? error : empty_redis(all);
}

/* The next one for the registry's own count too: a later failover goes on from it. */
static enum cc_error next_term(struct cp_in_place *all, const struct cp_sites *sites, int64_t *out)
{
    struct cp_context *context = all->restore.context;
    PGresult *result;
    enum cc_error error =
        cp_sql(context, &result,
               "INSERT INTO cell_leases AS l (cell, term, site) VALUES ($1, $2::bigint + 1, $3) "
               "ON CONFLICT (cell) DO UPDATE SET term = greatest(l.term + 1, EXCLUDED.term), "
               "site = EXCLUDED.site, leased_at = now() RETURNING term",
               CP_PARAMETERS(all->restore.repository.name,
                             cp_format(context, "%lld", (long long)sites->term), sites->active));
    *out = error ? 0 : cp_sql_integer(result, 0, 0);
    return error;
}

static enum cc_error raise_term(void *subject)
{
    struct cp_in_place *all = subject;
    struct cp_context *context = all->restore.context;
    const char *cell = all->restore.repository.name;
    struct cp_sites sites;
    cp_sites_read(context, cell, &sites);
    struct cp_lease lease = {.cell = cell, .site = sites.active};
    enum cc_error error = next_term(all, &sites, &lease.term);
    PGconn *connection = NULL;
    if (!error)
        error =
            cp_postgres_connect(&all->group, CP_POSTGRES_PRIMARY, all->group.database, &connection);
    if (!error)
        error = cp_postgres_execute(&all->group, connection, "SET synchronous_commit = local");
    if (!error)
        error = cp_term_raise_new(&all->group, connection, &lease.term);
    PQfinish(connection);
    sites.term = lease.term;
    if (!error)
        error = cp_sites_write(context, cell, &sites);
    return error ? error : cp_lease_write_all(context, &lease);
}

void cp_in_place_init(struct cp_in_place *all, const char *aside)
{
    struct cp_restore *restore = &all->restore;
    restore->scratch = "in-place";
    restore->folder = cp_path(restore->context, "run/backup/%s/in-place", restore->repository.name);
    restore->data = all->group.places[CP_POSTGRES_NODE_1].data;
    restore->port = all->group.places[CP_POSTGRES_NODE_1].port;
    all->aside = aside;
    all->unfinished = cp_format(restore->context, "%s.unfinished", aside);
}

enum cc_error cp_cell_restore_in_place(struct cp_context *context, const char *cell, const char *to)
{
    struct cp_in_place all = {.restore = {.context = context, .in_place = true}};
    struct cp_restore *restore = &all.restore;
    enum cc_error error = cp_restore_aim(restore, to);
    if (!error)
        error = cp_repository_find(context, cell, &restore->repository);
    if (!error && cp_repository_is_registry(&restore->repository))
        error = cp_fail(context, CC_UNSUPPORTED, "the registry: callcell registry restore");
    if (!error)
        error = cp_repository_prepare(&restore->repository);
    bool begun = false;
    if (!error)
        error = cp_run_unfinished(context, cp_cell_restore_in_place_table.name, cell, &begun);
    if (!error && !begun)
        error = cp_restore_reach(restore);
    if (error)
        return error;
    cp_cell_postgres(context, cell, restore->repository.number, cp_target_find("local"),
                     &all.group);
    cp_in_place_init(&all, cp_path(context, "cells/%s/pg.before-restore", cell));
    return cp_run(context, &(struct cp_run_request){.table = &cp_cell_restore_in_place_table,
                                                    .subject = cell,
                                                    .data = &all});
}
