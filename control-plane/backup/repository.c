#include "control-plane/backup/repository.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "control-plane/backup/wal_run.h"
#include "control-plane/files.h"
#include "control-plane/pq.h"
#include "control-plane/process.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"
#include "control-plane/unknown.h"

enum { ARGUMENTS_MAX = 16, CREATE_S = 60, INFO_S = 60, PAUSE_MS = 50, SEGMENT_LENGTH = 24 };
enum { CONNECT_MS = 3000, ASK_MS = 10 * 1000, WHY_MAX = 512, SAID_MAX = 256 };

void cp_repository_of_cell(struct cp_context *context, const char *cell, int number,
                           struct cp_repository *out)
{
    const char *parent = context->settings.backup_directory;
    *out = (struct cp_repository){
        .context = context,
        .name = cell,
        .database = "cell",
        .folder = *parent ? cp_format(context, "%s/%s", parent, cell)
                          : cp_path(context, "backups/%s", cell),
        .settings = cp_path(context, "cells/%s/etc/pgbackrest.ini", cell),
        .secret = cp_path(context, "cells/%s/etc/backup.passphrase", cell),
        .node_count = 2,
        .number = number,
    };
    for (int node = 1; node <= out->node_count; node++) {
        out->socket_folders[node - 1] = cp_cell_sockets(context, cell);
        out->ports[node - 1] = cp_port(context, cp_ports_node(number, node));
    }
}

void cp_repository_of_registry(struct cp_context *context, struct cp_repository *out)
{
    const char *parent = context->settings.backup_directory;
    *out = (struct cp_repository){
        .context = context,
        .name = CP_REGISTRY,
        .database = "registry",
        .folder = *parent ? cp_format(context, "%s/registry", parent)
                          : cp_path(context, "backups/registry"),
        .settings = cp_path(context, "registry/etc/pgbackrest.ini"),
        .secret = cp_path(context, "registry/etc/backup.passphrase"),
        .node_count = 2,
    };
    for (int node = 1; node <= out->node_count; node++) {
        out->socket_folders[node - 1] = cp_path(context, "registry/pg/sock");
        out->ports[node - 1] = cp_port(context, cp_ports_registry_node(node));
    }
}

bool cp_repository_is_registry(const struct cp_repository *repository)
{
    return repository->number == 0;
}

enum cc_error cp_repository_find(struct cp_context *context, const char *cell,
                                 struct cp_repository *out)
{
    PGresult *result;
    if (strcmp(cell, CP_REGISTRY) == 0) {
        cp_repository_of_registry(context, out);
        return CC_OK;
    }
    enum cc_error error =
        cp_sql(context, &result, "SELECT number FROM cells WHERE cell = $1 AND state = 'ready'",
               CP_PARAMETERS(cell));
    if (!error && PQntuples(result) == 0)
        error = cp_unknown(context, "cell that is ready", cell, "callcell cell list");
    if (!error)
        cp_repository_of_cell(context, cell, (int)cp_sql_integer(result, 0, 0), out);
    return error;
}

/* The node's own data folder is where Postgres runs the command: the same line is right on every
 * node, and a base backup copies it. Commit times make a moment in the past findable. */
const char *cp_repository_postgres_settings(const struct cp_repository *repository)
{
    return cp_format(repository->context,
                     "track_commit_timestamp = on\n"
                     "archive_mode = on\n"
                     "archive_timeout = '60s'\n"
                     "archive_command = 'pgbackrest --config=%s --stanza=%s "
                     "--pg1-path=\"$(pwd)\" archive-push %%p'\n",
                     repository->settings, repository->name);
}

/* archive-push-queue-max: an archive that stays broken must not fill the primary's disk. What is
 * then thrown away is a gap in the archive, which the observer sees (observe.h) and the next backup
 * closes. */
static const char *settings_text(const struct cp_repository *repository, const char *passphrase)
{
    const struct cp_settings *control = &repository->context->settings;
    const char *run = cp_path(repository->context, "run/backup/%s", repository->name);
    return cp_format(repository->context,
                     "[global]\n"
                     "repo1-path=%s\n"
                     "repo1-cipher-type=aes-256-cbc\n"
                     "repo1-cipher-pass=%s\n"
                     "repo1-bundle=y\n"
                     "repo1-retention-full=%lld\n"
                     "compress-type=zst\n"
                     "compress-level=3\n"
                     "start-fast=y\n"
                     "archive-timeout=60\n"
                     "archive-push-queue-max=%lldMiB\n"
                     "lock-path=%s/lock\n"
                     "spool-path=%s/spool\n"
                     "log-level-file=off\n"
                     "log-level-console=off\n"
                     "log-level-stderr=warn\n"
                     "\n[%s]\n",
                     repository->folder, passphrase, (long long)control->backup_keep_full,
                     (long long)control->archive_queue_megabytes, run, run, repository->name);
}

enum cc_error cp_repository_prepare(const struct cp_repository *repository)
{
    struct cp_context *context = repository->context;
    const char *passphrase = NULL;
    if (context->dry_run)
        return CC_OK;
    enum cc_error error = cp_folder_make(context, repository->folder);
    if (!error)
        error = cp_folder_make(context, cp_path(context, "run/backup/%s/spool", repository->name));
    if (!error)
        error = cp_folder_make(context, cp_path(context, "log/backup"));
    if (!error)
        error = cp_secret_ensure(context, repository->secret, &passphrase);
    return error ? error
                 : cp_file_write(context, repository->settings,
                                 cc_slice_of(settings_text(repository, passphrase)), 0600);
}

enum cc_error cp_repository_keep(const struct cp_repository *repository, const char *made)
{
    struct cp_context *context = repository->context;
    struct cp_repository kept = *repository;
    const char *passphrase = NULL, *folder = cp_path(context, "etc/kept-backups");
    const char *settings = cp_format(context, "%s/%s-made-%s.ini", folder, kept.name, made);
    kept.folder = cp_format(context, "%s-made-%s", repository->folder, made);
    if (!cp_file_exists(repository->folder))
        return CC_OK;
    enum cc_error error = cp_folder_make(context, folder);
    if (!error && cp_file_exists(repository->secret)) {
        error = cp_file_secret(context, repository->secret, &passphrase);
        if (!error)
            error = cp_file_write(context, settings, cc_slice_of(settings_text(&kept, passphrase)),
                                  0600);
    }
    if (!error && rename(repository->folder, kept.folder))
        error = cp_fail(context, CC_IO, "%s cannot be renamed to %s: %s", repository->folder,
                        kept.folder, strerror(errno));
    return error;
}

static PGconn *connect_to(const struct cp_repository *repository, const char *database, char *why,
                          size_t size)
{
    const char *conninfos[CP_REPOSITORY_NODES_MAX];
    for (int i = 0; i < repository->node_count; i++)
        conninfos[i] = cp_format(repository->context,
                                 "host='%s' port=%d dbname=%s target_session_attrs=read-write",
                                 repository->socket_folders[i], repository->ports[i], database);
    return cp_pq_connect_or_why(conninfos, repository->node_count, CONNECT_MS, why, size);
}

enum cc_error cp_repository_connect(const struct cp_repository *repository, const char *database,
                                    struct cp_repository_primary *out)
{
    struct cp_context *context = repository->context;
    char why[WHY_MAX] = "";
    *out = (struct cp_repository_primary){
        .connection = connect_to(repository, database ? database : "postgres", why, sizeof(why))};
    PGresult *result = cp_pq_query(out->connection,
                                   "SELECT current_setting('data_directory'), "
                                   "current_setting('port'), "
                                   "current_setting('unix_socket_directories')",
                                   NULL, 0, ASK_MS);
    enum cc_error error = CC_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        error = cp_fail(context, CC_UNAVAILABLE, "%s has no primary that answers: %s",
                        repository->name, *why ? why : cp_pq_trouble(out->connection, result));
    if (!error) {
        out->data = cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 0)));
        out->port = cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 1)));
        out->socket_folder = cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 2)));
    }
    PQclear(result);
    if (error) {
        PQfinish(out->connection);
        out->connection = NULL;
    }
    return error;
}

/* pgBackRest says what is wrong first and hints afterwards; from is where its words begin. */
static enum cc_error explain(const struct cp_repository *repository, enum cc_error error,
                             const char *log, size_t from)
{
    static const char mark[] = "ERROR: ";
    struct cc_slice text;
    if (cp_file_read(repository->context, log, &text) || text.length <= from)
        return error;
    const char *found = strstr(text.data + from, mark);
    if (!found)
        return error;
    found += sizeof(mark) - 1;
    return cp_fail(repository->context, error, "backup of %s: pgBackRest: %.*s", repository->name,
                   (int)strcspn(found, "\n"), found);
}

static enum cc_error run_with_log(const struct cp_repository *repository,
                                  const char *const *arguments, int timeout_s, const char *log)
{
    const char *argv[ARGUMENTS_MAX + 4] = {
        "pgbackrest", cp_format(repository->context, "--config=%s", repository->settings),
        cp_format(repository->context, "--stanza=%s", repository->name)};
    for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i]; i++)
        argv[3 + i] = arguments[i];
    struct cc_slice before = {0};
    (void)!cp_file_read(repository->context, log, &before);
    enum cc_error error =
        cp_process_run(repository->context,
                       &(struct cp_process){.argv = argv, .timeout_s = timeout_s, .log = log});
    return error ? explain(repository, error, log, before.length) : CC_OK;
}

enum cc_error cp_repository_run(const struct cp_repository *repository,
                                const char *const *arguments, int timeout_s)
{
    return run_with_log(repository, arguments, timeout_s,
                        cp_path(repository->context, "log/backup/%s.log", repository->name));
}

enum cc_error cp_repository_create(const struct cp_repository *repository)
{
    struct cp_context *context = repository->context;
    struct cp_repository_primary primary = {0};
    enum cc_error error = cp_repository_prepare(repository);
    if (!error)
        error = cp_repository_connect(repository, NULL, &primary);
    if (error)
        return error;
    const char *const arguments[] = {
        cp_format(context, "--pg1-path=%s", primary.data),
        cp_format(context, "--pg1-port=%s", primary.port),
        cp_format(context, "--pg1-socket-path=%s", primary.socket_folder), "stanza-create", NULL};
    PQfinish(primary.connection);
    return cp_repository_run(repository, arguments, CREATE_S);
}

/* The answer goes through a file: output of programs never goes through us (process.h). */
enum cc_error cp_repository_backups(const struct cp_repository *repository,
                                    struct cp_backup_list *out)
{
    struct cp_context *context = repository->context;
    static const char *const arguments[] = {"info", "--output=json", "--log-level-stderr=off",
                                            NULL};
    const char *file = cp_path(context, "run/backup/%s/info.%d", repository->name, (int)getpid());
    struct cc_slice json;
    *out = (struct cp_backup_list){0};
    enum cc_error error = cp_repository_prepare(repository);
    if (!error)
        error = run_with_log(repository, arguments, INFO_S, file);
    if (!error)
        error = cp_file_read(context, file, &json);
    if (!error && cp_backup_info_parse(json, &context->arena, out))
        error = cp_fail(context, CC_CORRUPT, "%s: pgBackRest's list of backups is not understood",
                        repository->folder);
    (void)unlink(file);
    return error;
}

/* The archive has caught up with wanted, or with something later. */
static bool is_archived(PGconn *primary, const char *wanted, char *said, size_t size)
{
    PGresult *result = cp_pq_query(primary,
                                   "SELECT coalesce(last_archived_wal, ''), "
                                   "coalesce(last_failed_wal, '') FROM pg_stat_archiver",
                                   NULL, 0, ASK_MS);
    bool done = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), wanted) >= 0;
    if (PQntuples(result) == 1)
        (void)snprintf(said, size, "last archived %s, last failed %s", PQgetvalue(result, 0, 0),
                       PQgetvalue(result, 0, 1));
    else
        (void)snprintf(said, size, "%s", cp_pq_trouble(primary, result));
    PQclear(result);
    return done;
}

/* An empty transaction goes before: a recovery target of this moment needs a later commit to stop
 * at, and a segment without anything in it is not switched. */
enum cc_error cp_repository_flush(const struct cp_repository *repository, PGconn *primary,
                                  int timeout_s)
{
    char segment[SEGMENT_LENGTH + 1] = "", said[SAID_MAX] = "";
    int64_t until_us = cc_monotonic_us() + (int64_t)timeout_s * 1000000;
    PQclear(cp_pq_query(primary, "SELECT pg_current_xact_id()", NULL, 0, ASK_MS));
    PGresult *result =
        cp_pq_query(primary, "SELECT pg_walfile_name(pg_switch_wal())", NULL, 0, ASK_MS);
    enum cc_error error = CC_OK;
    if (PQntuples(result) == 1)
        (void)snprintf(segment, sizeof(segment), "%s", PQgetvalue(result, 0, 0));
    else
        error = cp_fail(repository->context, CC_UNAVAILABLE, "%s: %s", repository->name,
                        cp_pq_trouble(primary, result));
    PQclear(result);
    while (!error && !is_archived(primary, segment, said, sizeof(said))) {
        if (cc_monotonic_us() >= until_us)
            error = cp_fail(repository->context, CC_TIMEOUT,
                            "%s: WAL %s is not archived within %d s (%s); see the primary's log",
                            repository->name, segment, timeout_s, said);
        else
            cp_pause_ms(PAUSE_MS);
    }
    return error;
}

/* archive/<stanza>/<version>-<n>/<timeline and log>/<segment>-<sha1>.zst; n grows when a cluster is
 * made anew: the newest is the one. */
static const char *archive_of_now(const struct cp_repository *repository)
{
    struct cp_context *context = repository->context;
    const char *root = cp_format(context, "%s/archive/%s", repository->folder, repository->name);
    const char *newest = NULL;
    long newest_number = -1;
    DIR *directory = opendir(root);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        const char *dash = strchr(entry->d_name, '-');
        long number = dash ? strtol(dash + 1, NULL, 10) : -1;
        if (number > newest_number) {
            newest_number = number;
            newest = cp_format(context, "%s/%s", root, entry->d_name);
        }
    }
    if (directory)
        (void)closedir(directory);
    return newest;
}

static void see_folder(struct cp_wal_run *run, const char *folder)
{
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        cp_wal_run_see(run, entry->d_name);
    if (directory)
        (void)closedir(directory);
}

enum cc_error cp_repository_has_wal(const struct cp_repository *repository, const char *first,
                                    const char *last, bool *whole)
{
    struct cp_wal_run run;
    struct cp_context *context = repository->context;
    const char *archive = archive_of_now(repository);
    enum cc_error error = cp_wal_run_init(&run, first, last);
    if (error)
        return cp_fail(context, error, "%s: WAL from \"%s\" to \"%s\" cannot be looked for",
                       repository->name, first, last);
    DIR *directory = archive ? opendir(archive) : NULL;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] != '.')
            see_folder(&run, cp_format(context, "%s/%s", archive, entry->d_name));
    }
    if (directory)
        (void)closedir(directory);
    *whole = cp_wal_run_is_whole(&run);
    cp_wal_run_deinit(&run);
    return CC_OK;
}
