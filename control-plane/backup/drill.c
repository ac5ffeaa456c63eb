#include "control-plane/backup/drill.h"

#include <stdio.h>
#include <stdlib.h>

#include "control-plane/backup/backup.h"
#include "control-plane/backup/digest.h"
#include "control-plane/backup/digest_compare.h"
#include "control-plane/facts.h"
#include "control-plane/files.h"
#include "control-plane/pq.h"
#include "control-plane/registry.h"
#include "control-plane/run.h"

enum {
    LOCK_TRIES = 100,
    LOCK_PAUSE_MS = 50,
    ARCHIVE_S = 120,
    STATEMENT_MS = 30 * 1000,
    DIFFERENCE_MAX = 400
};

static enum cc_error choose_backup(void *subject);
static enum cc_error mark(void *subject);
static enum cc_error copy(void *subject);
static enum cc_error recover(void *subject);
static enum cc_error compare(void *subject);
static enum cc_error drop(void *subject);
static enum cc_error record(void *subject);

static bool is_equal(const void *subject)
{
    return ((const struct cp_drill *)subject)->equal;
}

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, choose_backup, NULL, "backed", "backup: taken when there is no recent one"},
    {"backed", NULL, NULL, mark, NULL, "marked", "source: restore point, digest of what it holds"},
    {"marked", NULL, NULL, copy, NULL, "copied", "scratch: files from the repository"},
    {"copied", NULL, NULL, recover, NULL, "recovered", "scratch: recovered to the restore point"},
    {"recovered", NULL, NULL, compare, NULL, "compared", "facts held against the source"},
    {"compared", is_equal, "equal", drop, NULL, "dropped", "scratch: dropped"},
    {"compared", NULL, NULL, record, NULL, "done", "scratch kept: the facts differ"},
    {"dropped", NULL, NULL, record, NULL, "done", "outcome told"},
};
const struct cc_transition_table cp_restore_drill_table = {"restore_drill", "new", "done", rows,
                                                           sizeof(rows) / sizeof(rows[0])};

static const char *file_of(struct cp_drill *drill, const char *name)
{
    return cp_path(drill->restore.context, "run/backup/%s/drill.%s", drill->restore.repository.name,
                   name);
}

/* What later rows need, should this process be killed before them. */
static enum cc_error save(struct cp_drill *drill)
{
    json_t *state = json_pack(
        "{ss ss ss sI sI sI sI sI sI sb}", "point", drill->point, "since", drill->since, "backup",
        drill->backup, "marked_us", (json_int_t)drill->marked_us, "held_us",
        (json_int_t)drill->held_us, "exposed_ms", (json_int_t)drill->exposed_ms, "copy_begun_us",
        (json_int_t)drill->copy_begun_us, "restored_ms", (json_int_t)drill->restored_ms, "lines",
        (json_int_t)drill->lines, "equal", drill->equal);
    char *text = state ? json_dumps(state, JSON_COMPACT) : NULL;
    enum cc_error error = text ? cp_file_write(drill->restore.context, file_of(drill, "state"),
                                               cc_slice_of(text), 0600)
                               : CC_NO_MEMORY;
    free(text);
    json_decref(state);
    return error;
}

static const char *text_in(struct cp_drill *drill, const json_t *state, const char *key)
{
    const char *text = json_string_value(json_object_get(state, key));
    return text ? cp_copy(drill->restore.context, cc_slice_of(text)) : NULL;
}

static void load(struct cp_drill *drill)
{
    struct cc_slice bytes;
    json_t *state = NULL;
    if (cp_file_read(drill->restore.context, file_of(drill, "state"), &bytes) ||
        cc_json_parse(bytes, bytes.length + 1, &state, NULL))
        return;
    drill->point = text_in(drill, state, "point");
    drill->since = text_in(drill, state, "since");
    drill->backup = text_in(drill, state, "backup");
    drill->marked_us = json_integer_value(json_object_get(state, "marked_us"));
    drill->held_us = json_integer_value(json_object_get(state, "held_us"));
    drill->exposed_ms = json_integer_value(json_object_get(state, "exposed_ms"));
    drill->copy_begun_us = json_integer_value(json_object_get(state, "copy_begun_us"));
    drill->restored_ms = json_integer_value(json_object_get(state, "restored_ms"));
    drill->lines = json_integer_value(json_object_get(state, "lines"));
    drill->equal = json_is_true(json_object_get(state, "equal"));
    json_decref(state);
}

static enum cc_error newest_backup(struct cp_drill *drill, struct cp_backup *out)
{
    struct cp_backup_list list;
    *out = (struct cp_backup){0};
    enum cc_error error = cp_repository_backups(&drill->restore.repository, &list);
    const struct cp_backup *newest = error ? NULL : cp_backup_newest(&list, false);
    if (newest)
        *out = *newest;
    return error;
}

static enum cc_error choose_backup(void *subject)
{
    struct cp_drill *drill = subject;
    struct cp_context *context = drill->restore.context;
    struct cp_backup newest;
    enum cc_error error = newest_backup(drill, &newest);
    if (!error && newest.finished_at < cp_now_us() / 1000000 - drill->max_age_s)
        error = cp_cell_backup(context, drill->restore.repository.name, false, &newest);
    if (!error)
        drill->backup = newest.label;
    return error;
}

static enum cc_error execute(struct cp_drill *drill, PGconn *connection, const char *sql,
                             const char **value)
{
    struct cp_context *context = drill->restore.context;
    PGresult *result = cp_pq_query(connection, sql, NULL, 0, STATEMENT_MS);
    ExecStatusType status = PQresultStatus(result);
    enum cc_error error = CC_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        error = cp_fail(context, CC_PROTOCOL, "%s: %s", drill->restore.repository.name,
                        cp_pq_trouble(connection, result));
    if (!error && value)
        *value = PQntuples(result) ? cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 0))) : "";
    PQclear(result);
    return error;
}

/* Waits for the writers under way and keeps new ones waiting, each try for 200 ms at most. */
static enum cc_error lock_writers_out(struct cp_drill *drill, PGconn *connection)
{
    const char *tables = NULL;
    enum cc_error error = cp_digest_tables(drill->restore.context, connection, &tables);
    const char *lock =
        error ? "" : cp_format(drill->restore.context, "LOCK TABLE %s IN SHARE MODE", tables);
    for (int tries = 0; !error; tries++) {
        error = execute(drill, connection, "BEGIN; SET LOCAL lock_timeout = '200ms'", NULL);
        enum cc_error locked = error ? error : execute(drill, connection, lock, NULL);
        if (!locked || error)
            break;
        error = execute(drill, connection, "ROLLBACK", NULL);
        if (!error && tries == LOCK_TRIES)
            error = cp_fail(drill->restore.context, CC_TIMEOUT,
                            "%s: writers never left a moment for a restore point",
                            drill->restore.repository.name);
        cp_pause_ms(LOCK_PAUSE_MS);
    }
    return error;
}

/* On return connection's transaction sees exactly what lies before the restore point. */
static enum cc_error make_point(struct cp_drill *drill, PGconn *connection, PGconn *locker)
{
    enum cc_error error = lock_writers_out(drill, locker);
    int64_t locked_us = cp_now_us();
    if (!error)
        error = execute(drill, connection,
                        "BEGIN ISOLATION LEVEL REPEATABLE READ; "
                        "SELECT ((now() AT TIME ZONE 'UTC')::date - 7)::text",
                        &drill->since);
    drill->marked_us = cp_now_us();
    drill->point =
        cp_format(drill->restore.context, "callcell-drill-%lld", (long long)drill->marked_us);
    if (!error)
        error = execute(
            drill, locker,
            cp_format(drill->restore.context, "SELECT pg_create_restore_point('%s')", drill->point),
            NULL);
    enum cc_error ended = execute(drill, locker, "COMMIT", NULL);
    drill->held_us = cp_now_us() - locked_us;
    return error ? error : ended;
}

static enum cc_error read_exposure(struct cp_drill *drill, PGconn *connection)
{
    const char *text = NULL;
    enum cc_error error =
        execute(drill, connection,
                "SELECT coalesce((extract(epoch FROM clock_timestamp() - last_archived_time) * "
                "1000)::bigint, 0) FROM pg_stat_archiver",
                &text);
    if (!error)
        drill->exposed_ms = strtoll(text, NULL, 10);
    return error;
}

static enum cc_error mark_with(struct cp_drill *drill, PGconn *connection, PGconn *locker)
{
    struct cp_context *context = drill->restore.context;
    struct cc_slice digest = {0};
    enum cc_error error = read_exposure(drill, locker);
    if (!error)
        error = make_point(drill, connection, locker);
    if (!error)
        error = cp_digest_take(context, connection, drill->since, &digest);
    if (!error)
        error = cp_file_write(context, file_of(drill, "source"), digest, 0600);
    if (!error)
        error = cp_repository_flush(&drill->restore.repository, locker, ARCHIVE_S);
    return error ? error : save(drill);
}

static enum cc_error mark(void *subject)
{
    struct cp_drill *drill = subject;
    const struct cp_repository *repository = &drill->restore.repository;
    struct cp_repository_primary source = {0}, locker = {0};
    struct cp_backup newest;
    enum cc_error error = newest_backup(drill, &newest);
    drill->backup = newest.label;
    if (!error && !newest.label)
        error = cp_fail(drill->restore.context, CC_NOT_FOUND,
                        "%s has no backup; see docs/runbooks/restore.md, the backup is old",
                        repository->name);
    if (!error)
        error = cp_repository_connect(repository, repository->database, &source);
    if (!error)
        error = cp_repository_connect(repository, repository->database, &locker);
    if (!error)
        error = mark_with(drill, source.connection, locker.connection);
    PQfinish(source.connection);
    PQfinish(locker.connection);
    return error;
}

/* What cp_restore's rows need to know. */
static void aim(struct cp_drill *drill)
{
    drill->restore.target = CP_RESTORE_POINT;
    drill->restore.moment = drill->point;
    drill->restore.backup = drill->backup;
}

static enum cc_error copy(void *subject)
{
    struct cp_drill *drill = subject;
    aim(drill);
    drill->copy_begun_us = cp_now_us();
    enum cc_error error = cp_restore_claim(&drill->restore);
    if (!error)
        error = save(drill);
    return error ? error : cp_restore_copy(&drill->restore);
}

static enum cc_error recover(void *subject)
{
    struct cp_drill *drill = subject;
    aim(drill);
    enum cc_error error = cp_restore_port(&drill->restore);
    if (!error)
        error = cp_restore_recover(&drill->restore);
    drill->restored_ms = (cp_now_us() - drill->copy_begun_us) / 1000;
    return error ? error : save(drill);
}

static int64_t count_lines(struct cc_slice text)
{
    int64_t lines = 0;
    for (size_t i = 0; i < text.length; i++)
        lines += text.data[i] == '\n';
    return lines;
}

static enum cc_error compare(void *subject)
{
    struct cp_drill *drill = subject;
    struct cp_context *context = drill->restore.context;
    struct cc_slice expected = {0}, found = {0};
    char difference[DIFFERENCE_MAX] = "";
    PGconn *scratch = NULL;
    enum cc_error error = cp_file_read(context, file_of(drill, "source"), &expected);
    if (!error)
        error = cp_restore_port(&drill->restore);
    if (!error)
        error = cp_restore_connect(&drill->restore, drill->restore.repository.database, &scratch);
    if (!error)
        error = cp_digest_take(context, scratch, drill->since, &found);
    PQfinish(scratch);
    if (!error)
        error = cp_file_write(context, file_of(drill, "restored"), found, 0600);
    if (error)
        return error;
    drill->lines = count_lines(expected);
    drill->equal =
        drill->lines > 0 && cp_digest_equal(expected, found, difference, sizeof(difference));
    drill->difference = cp_copy(context, cc_slice_of(difference));
    return save(drill);
}

static enum cc_error drop(void *subject)
{
    struct cp_drill *drill = subject;
    if (!cp_file_exists(drill->restore.folder))
        return CC_OK;
    return cp_restore_drop(drill->restore.context, drill->restore.repository.name,
                           CP_SCRATCH_DRILL);
}

static enum cc_error tell(struct cp_drill *drill, bool ok)
{
    struct cp_context *context = drill->restore.context;
    const char *cell = drill->restore.repository.name;
    enum cc_error error = cp_fact_set(context, CP_FACT_RESTORE_DRILL_OK, cell, (double)ok);
    if (!error)
        error = cp_fact_set(context, CP_FACT_RESTORE_DRILL_FINISHED_AT, cell,
                            (double)(cp_now_us() / 1000000));
    if (!error && ok)
        error = cp_fact_set(context, CP_FACT_RESTORE_DRILL_SECONDS, cell,
                            (double)drill->restored_ms / 1000);
    if (!error && ok)
        error = cp_fact_set(context, CP_FACT_RESTORE_DRILL_EXPOSED_SECONDS, cell,
                            (double)drill->exposed_ms / 1000);
    return error;
}

static enum cc_error record(void *subject)
{
    struct cp_drill *drill = subject;
    return tell(drill, drill->equal);
}

/* A drill that could not be done is a drill that failed. The next one begins anew: what it was to
 * restore may be gone by then. */
static enum cc_error give_up(struct cp_drill *drill, enum cc_error error)
{
    struct cp_context *context = drill->restore.context;
    const char *why = cp_format(context, "%s", context->message);
    if (tell(drill, false) ||
        cp_sql_run(context,
                   "UPDATE runs SET state = 'new' WHERE transition_table = $1 AND subject = $2 "
                   "AND finished_at IS NULL",
                   CP_PARAMETERS(cp_restore_drill_table.name, drill->restore.repository.name)))
        (void)fprintf(stderr, "%s\n", context->message);
    return cp_fail(context, error, "%s", why);
}

enum cc_error cp_restore_drill(struct cp_context *context, const char *cell, int64_t max_age_s,
                               struct cp_drill *out)
{
    *out = (struct cp_drill){.restore = {.context = context}, .max_age_s = max_age_s};
    enum cc_error error = cp_repository_find(context, cell, &out->restore.repository);
    if (!error)
        error = cp_repository_prepare(&out->restore.repository);
    if (error)
        return error;
    cp_restore_name(&out->restore, CP_SCRATCH_DRILL);
    load(out);
    error = cp_run(context, &(struct cp_run_request){
                                .table = &cp_restore_drill_table, .subject = cell, .data = out});
    if (context->dry_run || error == CC_CONFLICT)
        return error;
    if (error)
        return give_up(out, error);
    if (!out->equal)
        return cp_fail(context, CC_CORRUPT,
                       "the restored copy of %s is not what the source held: %s; it is kept as "
                       "scratch " CP_SCRATCH_DRILL,
                       cell, out->difference ? out->difference : "see drill.source");
    return CC_OK;
}
