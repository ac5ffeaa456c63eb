#include "control-plane/backup/restore.h"

#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io/loop.h"
#include "base/names.h"
#include "base/timestamp.h"
#include "control-plane/files.h"
#include "control-plane/pq.h"
#include "control-plane/process.h"
#include "control-plane/registry.h"
#include "control-plane/run.h"
#include "control-plane/unknown.h"

enum { COPY_S = 12 * 3600, RECOVER_S = 12 * 3600, STOP_S = 60, FLUSH_S = 60, PAUSE_MS = 20 };
enum { CONNECT_MS = 3000, ASK_MS = 3000, WHY_MAX = 512 };
#define PG_CTL "/usr/lib/postgresql/15/bin/pg_ctl"

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, cp_restore_flush, NULL, "flushed", "archive: caught up with the primary"},
    {"flushed", NULL, NULL, cp_restore_claim, NULL, "claimed", "scratch: folder and port"},
    {"claimed", NULL, NULL, cp_restore_copy, NULL, "copied", "files from the repository"},
    {"copied", NULL, NULL, cp_restore_recover, NULL, "recovered", "started and recovered"},
};
const struct cc_transition_table cp_cell_restore_table = {"cell_restore", "new", "recovered", rows,
                                                          sizeof(rows) / sizeof(rows[0])};

static const char *scratch_folder(struct cp_context *context, const char *cell, const char *scratch)
{
    return cp_path(context, "cells/%s/scratch/%s", cell, scratch);
}

/* pgBackRest starts from a backup that ended in an earlier second. */
enum cc_error cp_restore_reach(struct cp_restore *restore)
{
    struct cp_context *context = restore->context;
    struct cp_backup_list list;
    if (context->dry_run)
        return CC_OK;
    enum cc_error error = cp_repository_backups(&restore->repository, &list);
    if (error)
        return error;
    if (list.count == 0)
        return cp_fail(context, CC_NOT_FOUND,
                       "%s has no backup; see docs/runbooks/restore.md, the backup is old",
                       restore->repository.name);
    for (size_t i = 0; i < list.count; i++) {
        if (restore->target != CP_RESTORE_TIME ||
            list.backups[i].finished_at < restore->moment_us / 1000000)
            return CC_OK;
    }
    char text[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format((list.backups[0].finished_at + 1) * 1000000, text);
    return cp_fail(context, CC_NOT_FOUND, "the oldest backup of %s reaches back to %s",
                   restore->repository.name, text);
}

/* Best effort: after a disaster there is no primary to ask, and what is archived is what there is.
 */
enum cc_error cp_restore_flush(void *subject)
{
    struct cp_restore *restore = subject;
    struct cp_repository_primary primary = {0};
    enum cc_error error = cp_restore_reach(restore);
    if (error)
        return error;
    if (cp_repository_connect(&restore->repository, NULL, &primary)) {
        (void)fprintf(stderr, "%s: restoring what is archived\n", restore->context->message);
        return CC_OK;
    }
    error = cp_repository_flush(&restore->repository, primary.connection, FLUSH_S);
    PQfinish(primary.connection);
    if (error)
        (void)fprintf(stderr, "%s\n", restore->context->message);
    return CC_OK;
}

static bool read_port_file(struct cp_context *context, const char *path, int *port)
{
    struct cc_slice text;
    if (cp_file_read(context, path, &text))
        return false;
    *port = (int)strtol(text.data, NULL, 10);
    return *port > 0;
}

/* The first scratch port of the cell that no other scratch has. */
static enum cc_error pick_port(struct cp_restore *restore)
{
    struct cp_context *context = restore->context;
    glob_t taken = {0};
    int first = cp_port(context, cp_ports_scratch(restore->repository.number, 0));
    bool used[CP_SCRATCHES_PER_CELL] = {false};
    int status = glob(scratch_folder(context, restore->repository.name, "*/port"), 0, NULL, &taken);
    for (size_t i = 0; status == 0 && i < taken.gl_pathc; i++) {
        int port = 0;
        if (read_port_file(context, taken.gl_pathv[i], &port) && port >= first &&
            port < first + CP_SCRATCHES_PER_CELL)
            used[port - first] = true;
    }
    globfree(&taken);
    for (int slot = 0; slot < CP_SCRATCHES_PER_CELL; slot++) {
        restore->port = first + slot;
        if (!used[slot])
            return CC_OK;
    }
    return cp_fail(context, CC_FULL,
                   "%s has %d scratches already; drop one: callcell cell restore %s --drop NAME",
                   restore->repository.name, CP_SCRATCHES_PER_CELL, restore->repository.name);
}

static enum cc_error stop(struct cp_context *context, const char *data)
{
    const char *const argv[] = {PG_CTL, "-D", data, "-m", "immediate", "-w", "stop", NULL};
    if (!cp_file_exists(cp_format(context, "%s/postmaster.pid", data)))
        return CC_OK;
    if (context->dry_run) {
        cp_would(context, "stop the Postgres of %s", data);
        return CC_OK;
    }
    /* A server that died left this file too: then there is nothing to stop. */
    (void)!cp_process_run(context, &(struct cp_process){.argv = argv, .timeout_s = STOP_S});
    return CC_OK;
}

enum cc_error cp_restore_claim(void *subject)
{
    struct cp_restore *restore = subject;
    struct cp_context *context = restore->context;
    const char *port_file = cp_format(context, "%s/port", restore->folder);
    enum cc_error error = stop(context, restore->data);
    if (!error)
        error = cp_tree_remove(context, restore->data);
    if (!error)
        error = cp_folder_make(context, restore->data);
    if (!error && restore->in_place)
        return cp_folder_make(context, restore->folder);
    if (!error && read_port_file(context, port_file, &restore->port))
        return CC_OK;
    if (!error)
        error = pick_port(restore);
    return error ? error
                 : cp_file_write(context, port_file,
                                 cc_slice_of(cp_format(context, "%d\n", restore->port)), 0600);
}

/* Everything that tied the copy to its cluster is switched off; the rest, and above all the limits
 * that recovery insists on, stays as it was. */
static enum cc_error write_settings(struct cp_restore *restore)
{
    struct cp_context *context = restore->context;
    const char *file = cp_format(context, "%s/postgresql.auto.conf", restore->data);
    struct cc_slice before;
    enum cc_error error = cp_file_read(context, file, &before);
    if (error)
        return cp_fail(context, error, "%s cannot be read", file);
    const char *text = cp_format(context,
                                 "%s\n"
                                 "port = %d\n"
                                 "listen_addresses = ''\n"
                                 "unix_socket_directories = '%s'\n"
                                 "shared_buffers = '32MB'\n"
                                 "%s"
                                 "synchronous_standby_names = ''\n"
                                 "primary_conninfo = ''\n"
                                 "primary_slot_name = ''\n"
                                 "logging_collector = off\n",
                                 before.data, restore->port, restore->repository.socket_folders[0],
                                 restore->in_place ? "" : "archive_mode = off\n");
    return cp_file_write(context, file, cc_slice_of(text), 0600);
}

enum cc_error cp_restore_copy(void *subject)
{
    struct cp_restore *restore = subject;
    struct cp_context *context = restore->context;
    static const char *const types[] = {"default", "time", "name"};
    const char *arguments[12] = {0};
    size_t at = 0;
    arguments[at++] = cp_format(context, "--pg1-path=%s", restore->data);
    arguments[at++] = cp_format(context, "--lock-path=%s/lock", restore->folder);
    arguments[at++] = cp_format(context, "--type=%s", types[restore->target]);
    arguments[at++] = restore->in_place ? "--archive-mode=preserve" : "--archive-mode=off";
    if (restore->target != CP_RESTORE_LATEST) {
        arguments[at++] = cp_format(context, "--target=%s", restore->moment);
        arguments[at++] = restore->in_place ? "--target-action=promote" : "--target-action=pause";
    }
    if (restore->backup)
        arguments[at++] = cp_format(context, "--set=%s", restore->backup);
    arguments[at++] = "restore";
    /* Claimed again: what an earlier try left is in the way, or was dropped meanwhile. */
    enum cc_error error = cp_restore_claim(restore);
    if (!error)
        error = cp_repository_run(&restore->repository, arguments, COPY_S);
    return error ? error : write_settings(restore);
}

enum cc_error cp_restore_port(struct cp_restore *restore)
{
    const char *file = cp_format(restore->context, "%s/port", restore->folder);
    if (restore->port || read_port_file(restore->context, file, &restore->port))
        return CC_OK;
    return cp_fail(restore->context, CC_NOT_FOUND, "%s has no scratch %s", restore->repository.name,
                   restore->scratch);
}

enum cc_error cp_restore_connect(const struct cp_restore *restore, const char *database,
                                 PGconn **out)
{
    char why[WHY_MAX] = "";
    const char *conninfo =
        cp_format(restore->context, "host='%s' port=%d dbname=%s",
                  restore->repository.socket_folders[0], restore->port, database);
    *out = cp_pq_connect_or_why(&conninfo, 1, CONNECT_MS, why, sizeof(why));
    return *out
               ? CC_OK
               : cp_fail(restore->context, CC_UNAVAILABLE, "scratch %s: %s", restore->scratch, why);
}

/* Whether it is where it shall be: paused at its target, or at the end and open. */
static bool has_arrived(struct cp_restore *restore)
{
    PGconn *connection = NULL;
    if (cp_restore_connect(restore, "postgres", &connection))
        return false;
    bool opens = restore->in_place || restore->target == CP_RESTORE_LATEST;
    PGresult *result = cp_pq_query(connection,
                                   opens ? "SELECT NOT pg_is_in_recovery()"
                                         : "SELECT pg_get_wal_replay_pause_state() = 'paused'",
                                   NULL, 0, ASK_MS);
    bool arrived = cp_pq_is_true(result);
    PQclear(result);
    PQfinish(connection);
    return arrived;
}

/* The last FATAL of its log says why recovery ended. */
static enum cc_error explain(struct cp_restore *restore, const char *log)
{
    struct cc_slice text;
    const char *said = NULL;
    if (!cp_file_read(restore->context, log, &text)) {
        for (const char *at = text.data; (at = strstr(at, "FATAL:")); at++)
            said = at;
    }
    return cp_fail(restore->context, CC_UNAVAILABLE,
                   "scratch %s of %s did not reach %s: %.*s (all of it: %s)", restore->scratch,
                   restore->repository.name, restore->moment ? restore->moment : "the end",
                   said ? (int)strcspn(said, "\n") : 0, said ? said : "", log);
}

enum cc_error cp_restore_recover(void *subject)
{
    struct cp_restore *restore = subject;
    struct cp_context *context = restore->context;
    const char *log = cp_format(context, "%s/log", restore->folder);
    const char *const argv[] = {PG_CTL, "-D", restore->data, "-l", log, "-W", "start", NULL};
    const char *pid_file = cp_format(context, "%s/postmaster.pid", restore->data);
    enum cc_error error = cp_restore_port(restore);
    if (!error)
        error = stop(context, restore->data);
    if (!error)
        error = cp_process_run(context, &(struct cp_process){.argv = argv, .timeout_s = STOP_S});
    bool seen = false;
    int64_t begun_us = cc_monotonic_us();
    while (!error && !has_arrived(restore)) {
        bool alive = cp_file_exists(pid_file);
        int64_t waited_s = (cc_monotonic_us() - begun_us) / 1000000;
        if ((seen && !alive) || (!seen && waited_s > STOP_S) || waited_s > RECOVER_S)
            error = explain(restore, log);
        seen = seen || alive;
        cp_pause_ms(PAUSE_MS);
    }
    return error;
}

enum cc_error cp_restore_drop(struct cp_context *context, const char *cell, const char *scratch)
{
    const char *folder = scratch_folder(context, cell, scratch);
    bool is_cell =
        cc_name_is_cell(cc_slice_of(cell)) && cp_file_exists(cp_path(context, "cells/%s", cell));
    if (!is_cell && strcmp(cell, CP_REGISTRY) != 0)
        return cp_unknown_cell(context, cell);
    if (!cc_name_is_resource(cc_slice_of(scratch)) || !cp_file_exists(folder))
        return cp_unknown(context, cp_format(context, "scratch of %s", cell), scratch,
                          cp_format(context, "ls %s", scratch_folder(context, cell, "")));
    enum cc_error error = stop(context, cp_format(context, "%s/data", folder));
    if (!error && context->dry_run) {
        cp_would(context, "remove scratch %s of %s", scratch, cell);
        return CC_OK;
    }
    if (!error)
        error = cp_tree_remove(context, folder);
    if (!error)
        error = cp_sql_run(
            context,
            "UPDATE runs SET finished_at = now(), error = 'dropped' WHERE "
            "transition_table = $1 AND subject = $2 AND finished_at IS NULL",
            CP_PARAMETERS(cp_cell_restore_table.name, cp_format(context, "%s/%s", cell, scratch)));
    return error;
}

void cp_restore_stop_all(struct cp_context *context)
{
    glob_t found = {0};
    if (glob(cp_path(context, "cells/*/scratch/*/data"), 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)!stop(context, found.gl_pathv[i]);
    }
    globfree(&found);
}

void cp_restore_name(struct cp_restore *restore, const char *scratch)
{
    restore->scratch = scratch;
    restore->folder = scratch_folder(restore->context, restore->repository.name, scratch);
    restore->data = cp_format(restore->context, "%s/data", restore->folder);
}

enum cc_error cp_restore_aim(struct cp_restore *restore, const char *to)
{
    int64_t moment_us = 0;
    restore->target = strcmp(to, "latest") == 0 ? CP_RESTORE_LATEST : CP_RESTORE_TIME;
    if (restore->target == CP_RESTORE_LATEST)
        return CC_OK;
    if (cc_timestamp_parse(cc_slice_of(to), &moment_us))
        return cp_fail(restore->context, CC_UNSUPPORTED,
                       "--to %s: latest, or a time like 2026-11-21T14:30:00Z", to);
    restore->moment_us = moment_us;
    if (moment_us > cp_now_us())
        return cp_fail(restore->context, CC_UNSUPPORTED, "--to %s lies in the future", to);
    /* As pgBackRest wants it, to find the last backup before: "2026-11-21 14:30:00.000000+00". */
    char text[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(moment_us, text);
    restore->moment = cp_format(restore->context, "%.10s %.15s+00", text, text + 11);
    return CC_OK;
}

enum cc_error cp_cell_restore(struct cp_context *context, const char *cell, const char *to,
                              const char *scratch, struct cp_restore *out)
{
    *out = (struct cp_restore){.context = context};
    if (!cc_name_is_resource(cc_slice_of(scratch)))
        return cp_fail(context, CC_UNSUPPORTED, "--as %s: a name like before-the-mistake", scratch);
    if (strcmp(scratch, CP_SCRATCH_DRILL) == 0)
        return cp_fail(context, CC_UNSUPPORTED,
                       "--as %s: the next restore drill would throw it away; another name",
                       scratch);
    enum cc_error error = cp_restore_aim(out, to);
    bool unfinished = false;
    const char *subject = cp_format(context, "%s/%s", cell, scratch);
    if (!error)
        error = cp_repository_find(context, cell, &out->repository);
    if (!error)
        error = cp_run_unfinished(context, cp_cell_restore_table.name, subject, &unfinished);
    if (error)
        return error;
    cp_restore_name(out, scratch);
    if (!unfinished && !context->dry_run && cp_file_exists(out->folder))
        return cp_fail(context, CC_CONFLICT,
                       "%s has a scratch %s; drop it: callcell cell restore %s --drop %s", cell,
                       scratch, cell, scratch);
    error = unfinished ? CC_OK : cp_restore_reach(out);
    if (error)
        return error;
    return cp_run(context, &(struct cp_run_request){
                               .table = &cp_cell_restore_table, .subject = subject, .data = out});
}
