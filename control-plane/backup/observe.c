#include "control-plane/backup/observe.h"

#include <stdlib.h>

#include "control-plane/backup/wal_run.h"
#include "control-plane/facts.h"
#include "control-plane/pq.h"

enum { ASK_MS = 10 * 1000 };

enum cc_error cp_observe_backups(const struct cp_repository *repository,
                                 const struct cp_backup_list *list)
{
    struct cp_context *context = repository->context;
    const struct cp_backup *newest = cp_backup_newest(list, false);
    const struct cp_backup *full = cp_backup_newest(list, true);
    if (!newest || !full)
        return CC_OK;
    enum cc_error error = cp_fact_set(context, CP_FACT_BACKUP_FINISHED_AT, repository->name,
                                      (double)newest->finished_at);
    if (!error)
        error = cp_fact_set(context, CP_FACT_BACKUP_FULL_FINISHED_AT, repository->name,
                            (double)full->finished_at);
    return error ? error
                 : cp_fact_set(context, CP_FACT_BACKUP_BYTES, repository->name,
                               (double)newest->database_bytes);
}

/* A segment that is finished waits as archive_status/<segment>.ready. */
static const char archiver_sql[] =
    "SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)::int, "
    "coalesce(last_archived_wal, ''), "
    "coalesce((SELECT extract(epoch FROM now() - min(modification)) FROM "
    "pg_ls_archive_statusdir() WHERE name LIKE '%.ready'), 0) FROM pg_stat_archiver";

/* What is older than the newest backup is not needed for any moment after it. */
static enum cc_error observe_gap(const struct cp_repository *repository, const char *last)
{
    struct cp_backup_list list;
    bool whole = true;
    enum cc_error error = cp_repository_backups(repository, &list);
    const struct cp_backup *newest = error ? NULL : cp_backup_newest(&list, false);
    if (!error)
        error = cp_repository_has_wal(repository, newest ? newest->first_wal : "", last, &whole);
    return error ? error
                 : cp_fact_set(repository->context, CP_FACT_ARCHIVE_GAP, repository->name,
                               whole ? 0 : 1);
}

enum cc_error cp_observe_archive(const struct cp_repository *repository)
{
    struct cp_context *context = repository->context;
    struct cp_repository_primary primary = {0};
    enum cc_error error = cp_repository_connect(repository, NULL, &primary);
    if (error)
        return error;
    PGresult *result = cp_pq_query(primary.connection, archiver_sql, NULL, 0, ASK_MS);
    if (PQntuples(result) != 1)
        error = cp_fail(context, CC_UNAVAILABLE, "%s: %s", repository->name,
                        cp_pq_trouble(primary.connection, result));
    const char *segment = error ? "" : cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 1)));
    if (!error)
        error = cp_fact_set(context, CP_FACT_ARCHIVE_FAILING, repository->name,
                            (double)(PQgetvalue(result, 0, 0)[0] == '1'));
    if (!error)
        error = cp_fact_set(context, CP_FACT_ARCHIVE_OLDEST_SECONDS, repository->name,
                            strtod(PQgetvalue(result, 0, 2), NULL));
    /* Names of history and backup files are longer or shorter: they say nothing about a gap. */
    if (!error && strlen(segment) == CP_WAL_NAME)
        error = observe_gap(repository, segment);
    PQclear(result);
    PQfinish(primary.connection);
    return error;
}
