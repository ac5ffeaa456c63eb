#include "control-plane/fleet/destroy.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "base/slot.h"
#include "control-plane/backup/repository.h"
#include "control-plane/calls/pending.h"
#include "control-plane/files.h"
#include "control-plane/fleet/tenants.h"
#include "control-plane/process.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/run.h"
#include "control-plane/sites.h"
#include "control-plane/targets/target.h"
#include "control-plane/unknown.h"

enum { EMPTY_S = 60, DUMP_S = 3600, PAUSE_MS = 100 };

struct destroy {
    struct cp_context *context;
    const char *cell;
    const struct cp_destroy_options *options;
    bool there;     /* the registry still has it */
    bool was_ready; /* a cell that never was has nothing to keep */
    bool only;      /* no other cell of its country */
    const char *country;
    int number;
    const char *tenants; /* JSON array of those that live there */
    size_t tenant_count;
    const char *made; /* when the cell was: tells it from others of its name */
    const char *backup;
};

static enum cc_error leave(void *subject);
static enum cc_error publish_numbers(void *subject);
static enum cc_error wait_empty(void *subject);
static enum cc_error keep_backup(void *subject);
static enum cc_error unmap(void *subject);
static enum cc_error stop_all(void *subject);
static enum cc_error remove_files(void *subject);
static enum cc_error forget(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, leave, NULL, "leaving", "its numbers leave the directory"},
    {"leaving", NULL, NULL, publish_numbers, NULL, "unlisted", "publish it; edges: confirmed"},
    {"unlisted", NULL, NULL, wait_empty, NULL, "empty", "last records: in Postgres"},
    {"empty", NULL, NULL, keep_backup, NULL, "kept", "final backup"},
    {"kept", NULL, NULL, unmap, NULL, "unmapped", "out of the map; edges: confirmed"},
    {"unmapped", NULL, NULL, stop_all, NULL, "stopped", "workers, Redis and Postgres: stopped"},
    {"stopped", NULL, NULL, remove_files, NULL, "removed", "its files; its repository kept"},
    {"removed", NULL, NULL, forget, NULL, "gone", "out of the registry"},
};
const struct cc_transition_table cp_cell_destroy_table = {"cell_destroy", "new", "gone", rows,
                                                          sizeof(rows) / sizeof(rows[0])};

static enum cc_error leave(void *subject)
{
    struct destroy *destroy = subject;
    enum cc_error error =
        cp_sql_run(destroy->context,
                   "UPDATE numbers SET state = 'leaving' WHERE country = $1 AND tenant IN "
                   "(SELECT jsonb_array_elements_text($2::jsonb))",
                   CP_PARAMETERS(destroy->country, destroy->tenants));
    return error
               ? error
               : cp_sql_run(destroy->context, "UPDATE cells SET state = 'leaving' WHERE cell = $1",
                            CP_PARAMETERS(destroy->cell));
}

static enum cc_error publish_numbers(void *subject)
{
    struct destroy *destroy = subject;
    int64_t epoch = 0;
    enum cc_error error =
        cp_publish(destroy->context, destroy->country, CC_PUBLICATION_NUMBERS, 0, &epoch);
    return error ? error : cp_edges_confirm(destroy->context, destroy->country);
}

/* Spools that are not here, at a site or an edge out of reach, are not empty ones. */
static enum cc_error expect_spools(struct destroy *destroy)
{
    struct cp_context *context = destroy->context;
    const char *workers = cp_format(context, "cells/%s/workers", destroy->cell);
    struct cp_sites sites;
    PGresult *edges;
    cp_sites_read(context, destroy->cell, &sites);
    const char *missing = cp_site_path(context, sites.active, workers);
    enum cc_error error =
        cp_sql(context, &edges, "SELECT edge FROM edges ORDER BY edge", CP_NO_PARAMETERS);
    if (error)
        return error;
    bool here = cp_file_exists(missing);
    if (here && sites.standby) {
        missing = cp_site_path(context, sites.standby, workers);
        here = cp_file_exists(missing);
    }
    for (int row = 0; here && row < PQntuples(edges); row++) {
        missing = cp_path(context, "edges/%s", cp_sql_value(edges, row, 0));
        here = cp_file_exists(missing);
    }
    return here ? CC_OK
                : cp_fail(context, CC_NOT_FOUND,
                          "%s is not there, and with it records of %s may be missing; "
                          "--without-backup gives them up",
                          missing, destroy->cell);
}

static enum cc_error wait_empty(void *subject)
{
    struct destroy *destroy = subject;
    struct cp_context *context = destroy->context;
    if (!destroy->was_ready || destroy->options->without_backup)
        return CC_OK;
    enum cc_error error = expect_spools(destroy);
    int64_t until_us = cc_monotonic_us() + EMPTY_S * INT64_C(1000000);
    while (!error) {
        const char *where;
        uint64_t left = 0;
        error = cp_pending_count(context, destroy->cell, &left, &where);
        if (!error && left == 0)
            return CC_OK;
        if (!error && cc_monotonic_us() >= until_us)
            error = cp_fail(context, CC_TIMEOUT,
                            "%llu records of %s are not in Postgres after %d s (%s); "
                            "--without-backup gives them up",
                            (unsigned long long)left, destroy->cell, EMPTY_S, where);
        if (!error)
            cp_pause_ms(PAUSE_MS);
    }
    return error;
}

/* Named after the making of the cell, so that a killed command writes the same file again. */
static enum cc_error keep_backup(void *subject)
{
    struct destroy *destroy = subject;
    struct cp_context *context = destroy->context;
    if (!destroy->was_ready || destroy->options->without_backup)
        return CC_OK;
    const char *sock = cp_cell_sockets(context, destroy->cell);
    const char *source =
        cp_format(context,
                  "host='%s,%s' port=%d,%d dbname=cell target_session_attrs=read-write "
                  "connect_timeout=5",
                  sock, sock, cp_port(context, cp_ports_node(destroy->number, 1)),
                  cp_port(context, cp_ports_node(destroy->number, 2)));
    const char *unfinished = cp_format(context, "%s.new", destroy->backup);
    const char *const argv[] = {"/usr/lib/postgresql/15/bin/pg_dump",
                                "--format=custom",
                                "--file",
                                unfinished,
                                "--dbname",
                                source,
                                NULL};
    enum cc_error error = cp_folder_make(context, cp_path(context, "backups"));
    if (!error)
        error = cp_process_run(
            context,
            &(struct cp_process){.argv = argv,
                                 .timeout_s = DUMP_S,
                                 .log = cp_path(context, "log/provision-%s.log", destroy->cell)});
    if (error)
        return cp_fail(context, error,
                       "no backup of %s can be made (see log/provision-%s.log); "
                       "--without-backup does without",
                       destroy->cell, destroy->cell);
    if (rename(unfinished, destroy->backup))
        return cp_fail(context, CC_IO, "cannot write %s", destroy->backup);
    return CC_OK;
}

static enum cc_error take_out_of_tables(struct destroy *destroy)
{
    struct cp_context *context = destroy->context;
    enum cc_error error = cp_sql_run(context,
                                     "DELETE FROM numbers WHERE country = $1 AND tenant IN "
                                     "(SELECT jsonb_array_elements_text($2::jsonb))",
                                     CP_PARAMETERS(destroy->country, destroy->tenants));
    if (!error)
        error = cp_sql_run(context,
                           "DELETE FROM tenants WHERE country = $1 AND tenant IN "
                           "(SELECT jsonb_array_elements_text($2::jsonb))",
                           CP_PARAMETERS(destroy->country, destroy->tenants));
    if (!error)
        error = cp_sql_run(context,
                           "UPDATE slot_ranges SET cell = coalesce((SELECT cell FROM cells WHERE "
                           "country = $1 AND cell <> $2 AND state = 'ready' ORDER BY number "
                           "LIMIT 1), cell) WHERE cell = $2",
                           CP_PARAMETERS(destroy->country, destroy->cell));
    if (!error)
        error = cp_sql_run(context, "DELETE FROM cell_tokens WHERE cell = $1",
                           CP_PARAMETERS(destroy->cell));
    return error;
}

/* At once: a tenant that is not pinned is found by the slots of its cell, also by a command that
 * goes on. A country's only cell stays in the map that edges hold: a map without cells there is
 * none, and no number leads there any more. */
static enum cc_error unmap(void *subject)
{
    struct destroy *destroy = subject;
    struct cp_context *context = destroy->context;
    int64_t epoch = 0;
    enum cc_error error = cp_sql_run(context, "BEGIN", CP_NO_PARAMETERS);
    if (!error)
        error = take_out_of_tables(destroy);
    if (!error)
        error = cp_sql_run(context, "COMMIT", CP_NO_PARAMETERS);
    else
        cp_sql_rollback(context);
    if (!error && !destroy->only)
        error = cp_publish(context, destroy->country, CC_PUBLICATION_MAP, CC_SLOT_COUNT, &epoch);
    if (!error)
        error = cp_publish(context, destroy->country, CC_PUBLICATION_CARRIERS, 0, &epoch);
    return error ? error : cp_edges_confirm(context, destroy->country);
}

static int is_service(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Whether a service of this name is the cell's, and when it stops: workers before what they need,
 * the monitor before its nodes, so that it fails nothing over. -1: not the cell's. */
static int stage_of(const char *cell, const char *service)
{
    size_t length = strlen(cell);
    if (strncmp(service, cell, length) != 0 || service[length] != '-')
        return -1;
    const char *part = service + length + 1;
    return strncmp(part, "worker", 6) == 0 ? 0 : strcmp(part, "monitor") == 0 ? 1 : 2;
}

/* Those in run/services, and those that a killed command has moved out of it. */
static enum cc_error stop_stage(struct destroy *destroy, const char *site, const char *below,
                                const char *prefix, int stage)
{
    struct dirent **entries = NULL;
    const char *folder = cp_site_path(destroy->context, site, below);
    int count = scandir(folder, &entries, is_service, alphasort);
    enum cc_error error = CC_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        size_t length = strlen(prefix);
        if (!error && strncmp(name, prefix, length) == 0 &&
            stage_of(destroy->cell, name + length) == stage)
            error = cp_target_find("local")->remove(
                destroy->context, cp_site_service(destroy->context, site, name + length));
        free(entries[i]);
    }
    free(entries);
    return error;
}

static enum cc_error stop_all(void *subject)
{
    static const char *const sites[] = {CP_SITE_FIRST, CP_SITE_SECOND};
    struct destroy *destroy = subject;
    enum cc_error error = CC_OK;
    for (int stage = 0; !error && stage <= 2; stage++) {
        for (size_t i = 0; !error && i < 2; i++) {
            error = stop_stage(destroy, sites[i], "run/services", "", stage);
            if (!error)
                error = stop_stage(destroy, sites[i], "run", "old-", stage);
        }
    }
    return error;
}

static enum cc_error remove_files(void *subject)
{
    struct destroy *destroy = subject;
    struct cp_context *context = destroy->context;
    struct cp_repository repository;
    const char *folder = cp_format(context, "cells/%s", destroy->cell);
    cp_repository_of_cell(context, destroy->cell, destroy->number, &repository);
    enum cc_error error = cp_repository_keep(&repository, destroy->made);
    if (!error)
        error = cp_tree_remove(context, cp_path(context, "run/backup/%s", destroy->cell));
    if (!error)
        error = cp_tree_remove(context, cp_path(context, "run/pg/%s", destroy->cell));
    if (!error)
        error = cp_tree_remove(context, cp_site_path(context, CP_SITE_SECOND, folder));
    if (!error)
        error = cp_tree_remove(context, cp_path(context, "%s", folder));
    return error
               ? error
               : cp_tree_remove(context, cp_path(context, "discovery/%s.endpoints", destroy->cell));
}

/* Runs about the cell that were left behind are closed: their commands would begin anew. */
static enum cc_error forget(void *subject)
{
    static const char *const statements[] = {
        "DELETE FROM source_tokens WHERE holder = $1",
        "DELETE FROM reports WHERE split_part(reporter, '/', 1) = $1",
        "DELETE FROM facts WHERE split_part(subject, '/', 1) = $1",
        "DELETE FROM slot_ranges WHERE cell = $1",
        "UPDATE runs SET finished_at = now(), error = 'the cell was destroyed' "
        "WHERE split_part(subject, '/', 1) = $1 AND finished_at IS NULL AND "
        "transition_table <> 'cell_destroy'",
        "DELETE FROM cells WHERE cell = $1",
    };
    struct destroy *destroy = subject;
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < sizeof(statements) / sizeof(statements[0]); i++)
        error = cp_sql_run(destroy->context, statements[i], CP_PARAMETERS(destroy->cell));
    return error;
}

static enum cc_error read_cell(struct destroy *destroy)
{
    struct cp_context *context = destroy->context;
    PGresult *result;
    enum cc_error error = cp_sql(
        context, &result,
        "SELECT country, number, (EXISTS (SELECT 1 FROM runs WHERE transition_table = "
        "'cell_create' AND subject = cell AND finished_at IS NULL))::int, NOT EXISTS (SELECT 1 "
        "FROM cells o WHERE o.country = c.country AND o.cell <> c.cell AND o.state = 'ready'), "
        "to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"') "
        "FROM cells c WHERE cell = $1",
        CP_PARAMETERS(destroy->cell));
    destroy->tenants = "[]";
    destroy->country = "";
    if (error || PQntuples(result) == 0)
        return error;
    destroy->there = true;
    destroy->country = cp_sql_value(result, 0, 0);
    destroy->number = (int)cp_sql_integer(result, 0, 1);
    destroy->was_ready = cp_sql_integer(result, 0, 2) == 0;
    destroy->only = strcmp(cp_sql_value(result, 0, 3), "t") == 0;
    destroy->made = cp_sql_value(result, 0, 4);
    destroy->backup =
        cp_path(context, "backups/%s-made-%s-final.dump", destroy->cell, destroy->made);
    return CC_OK;
}

static enum cc_error was_destroyed(struct destroy *destroy, bool *out)
{
    PGresult *result;
    enum cc_error error = cp_sql(destroy->context, &result,
                                 "SELECT 1 FROM runs WHERE transition_table = $1 AND subject = $2 "
                                 "AND finished_at IS NOT NULL LIMIT 1",
                                 CP_PARAMETERS(cp_cell_destroy_table.name, destroy->cell));
    *out = !error && PQntuples(result) > 0;
    return error;
}

static enum cc_error refuse(struct destroy *destroy, bool unfinished, bool *done)
{
    struct cp_context *context = destroy->context;
    enum cc_error error = CC_OK;
    *done = false;
    if (!destroy->there && !unfinished) {
        error = was_destroyed(destroy, done);
        if (!error && !*done)
            error = cp_unknown_cell(context, destroy->cell);
    } else if (destroy->tenant_count > 0 && !destroy->options->with_tenants && !unfinished) {
        error = cp_fail(context, CC_CONFLICT,
                        "%zu tenants live in %s, and no command moves a tenant: --with-tenants "
                        "destroys them and their numbers with it (the final backup keeps a copy); "
                        "see: callcell tenant list --country %s",
                        destroy->tenant_count, destroy->cell, destroy->country);
    }
    return error;
}

enum cc_error cp_cell_destroy(struct cp_context *context, const char *cell,
                              const struct cp_destroy_options *options, const char **backup,
                              bool *changed)
{
    struct destroy destroy = {.context = context, .cell = cell, .options = options};
    bool unfinished = false, done = false;
    *changed = false;
    *backup = NULL;
    enum cc_error error = read_cell(&destroy);
    if (!error && destroy.there)
        error = cp_tenants_of_cell(context, destroy.country, cell, &destroy.tenants,
                                   &destroy.tenant_count);
    if (!error)
        error = cp_run_unfinished(context, cp_cell_destroy_table.name, cell, &unfinished);
    if (!error)
        error = refuse(&destroy, unfinished, &done);
    if (error || done)
        return error;
    *changed = true;
    error =
        cp_run(context, &(struct cp_run_request){
                            .table = &cp_cell_destroy_table, .subject = cell, .data = &destroy});
    if (!error && destroy.backup && cp_file_exists(destroy.backup))
        *backup = destroy.backup;
    return error;
}
