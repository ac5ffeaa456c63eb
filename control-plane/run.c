#include "control-plane/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control-plane/registry.h"
#include "control-plane/run_file.h"

struct walk {
    struct cp_context *context;
    const struct cp_run_request *request;
    const char *run; /* id, as text */
    const char *state;
    int lock; /* of request->file */
};

enum cc_error cp_run_unfinished(struct cp_context *context, const char *table, const char *subject,
                                bool *out)
{
    PGresult *result;
    enum cc_error error = cp_sql(context, &result,
                                 "SELECT 1 FROM runs WHERE transition_table = $1 AND subject = $2 "
                                 "AND finished_at IS NULL",
                                 CP_PARAMETERS(table, subject));
    *out = !error && PQntuples(result) > 0;
    return error;
}

enum cc_error cp_run_is_due(struct cp_context *context, const struct cp_run_request *request,
                            bool *out)
{
    bool opposite = false;
    enum cc_error error = cp_run_unfinished(context, request->table->name, request->subject, out);
    if (!error && request->opposite)
        error = cp_run_unfinished(context, request->opposite->name, request->subject, &opposite);
    *out = *out || opposite;
    return error;
}

enum cc_error cp_run_was_finished(struct cp_context *context, const struct cp_run_request *request,
                                  bool *out)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT 1 FROM runs WHERE transition_table = $1 AND subject = $2 AND state = $3 "
               "LIMIT 1",
               CP_PARAMETERS(request->table->name, request->subject, request->table->last));
    *out = !error && PQntuples(result) > 0;
    return error;
}

static const char *lease_name(struct walk *walk, const struct cc_transition_table *table)
{
    return cp_format(walk->context, "%s %s", table->name, walk->request->subject);
}

static enum cc_error lock(struct walk *walk, const struct cc_transition_table *table)
{
    const char *name = lease_name(walk, table);
    PGresult *result;
    enum cc_error error =
        cp_sql(walk->context, &result, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))",
               CP_PARAMETERS(name));
    if (error)
        return error;
    if (strcmp(cp_sql_value(result, 0, 0), "t") == 0)
        return CC_OK;
    return cp_fail(walk->context, CC_CONFLICT,
                   "another command is at %s just now; see: callcell transitions list", name);
}

/* When the connection is gone the lock is gone with it. */
static void unlock(struct walk *walk, const struct cc_transition_table *table)
{
    const char *why = cp_format(walk->context, "%s", walk->context->message);
    (void)!cp_sql_run(walk->context, "SELECT pg_advisory_unlock(hashtextextended($1, 0))",
                      CP_PARAMETERS(lease_name(walk, table)));
    (void)cp_fail(walk->context, CC_OK, "%s", why);
}

/* The opposite's too: what one of them makes, the other takes away. */
static enum cc_error take_lease(struct walk *walk)
{
    const struct cp_run_request *request = walk->request;
    if (request->file)
        return cp_run_file_lock(walk->context, request->file, &walk->lock);
    enum cc_error error = lock(walk, request->table);
    if (error || !request->opposite)
        return error;
    error = lock(walk, request->opposite);
    if (error)
        unlock(walk, request->table);
    return error;
}

static void release_lease(struct walk *walk)
{
    if (walk->request->file) {
        (void)close(walk->lock);
        return;
    }
    if (walk->request->opposite)
        unlock(walk, walk->request->opposite);
    unlock(walk, walk->request->table);
}

/* The unfinished run of this subject, or a new one; that of the opposite is closed. */
static enum cc_error find_or_begin(struct walk *walk)
{
    struct cp_context *context = walk->context;
    const struct cc_transition_table *table = walk->request->table;
    const struct cc_transition_table *opposite = walk->request->opposite;
    PGresult *result;
    if (walk->request->file)
        return cp_run_file_begin(context, walk->request->file, table, &walk->state);
    enum cc_error error = cp_sql(
        context, &result,
        "WITH undone AS (UPDATE runs SET finished_at = now(), lease_holder = NULL, "
        "error = 'undone by ' || $1::text WHERE transition_table = $6 AND subject = $2 AND "
        "finished_at IS NULL) "
        "INSERT INTO runs AS r (transition_table, subject, command, state, lease_holder, "
        "leased_at) VALUES ($1, $2, $3::jsonb, $4, $5, now()) "
        "ON CONFLICT (transition_table, subject) WHERE finished_at IS NULL DO UPDATE SET "
        "state = CASE WHEN r.command = EXCLUDED.command THEN r.state ELSE EXCLUDED.state END, "
        "command = EXCLUDED.command, lease_holder = EXCLUDED.lease_holder, "
        "leased_at = now(), error = NULL RETURNING run, state",
        CP_PARAMETERS(table->name, walk->request->subject, context->command_line, table->first,
                      cp_format(context, "%s, process %d", context->actor, (int)getpid()),
                      opposite ? opposite->name : NULL));
    if (error)
        return error;
    walk->run = cp_sql_value(result, 0, 0);
    walk->state = cp_sql_value(result, 0, 1);
    return CC_OK;
}

static enum cc_error record(struct walk *walk, const struct cc_transition *row,
                            enum cc_error outcome, int64_t duration_us)
{
    struct cp_context *context = walk->context;
    bool finished = !outcome && strcmp(row->next, walk->request->table->last) == 0;
    const char *text = outcome ? context->message : "ok";
    if (walk->request->file)
        return outcome ? CC_OK
                       : cp_run_file_record(context, walk->request->file, walk->request->table,
                                            row->next);
    return cp_sql_run(
        context,
        "WITH step AS (UPDATE runs SET state = $3, error = nullif($4, 'ok'), "
        "finished_at = CASE WHEN $5::boolean THEN now() END, "
        "lease_holder = CASE WHEN $5::boolean THEN NULL ELSE lease_holder END WHERE run = $1) "
        "INSERT INTO run_log (run, state, next, outcome, duration_ms, actor) "
        "VALUES ($1, $2, $3, $4, $6::bigint, $7)",
        CP_PARAMETERS(walk->run, row->state, outcome ? row->state : row->next, text,
                      finished ? "t" : "f",
                      cp_format(context, "%lld", (long long)(duration_us / 1000)), context->actor));
}

/* Place of a row in the table, counted from 1, for the progress line. */
static size_t place_of(const struct cc_transition_table *table, const struct cc_transition *row)
{
    return (size_t)(row - table->rows) + 1;
}

/* For tests: CALLCELL_KILL_AT=<table>:<state>:<act|record> ends the process as kill -9 does, in the
 * row that leaves <state>: after its act and before it is recorded, or once it is recorded. */
static void die_here(const struct walk *walk, const struct cc_transition *row, const char *moment)
{
    const char *wanted = getenv("CALLCELL_KILL_AT");
    if (wanted && strcmp(wanted, cp_format(walk->context, "%s:%s:%s", walk->request->table->name,
                                           row->state, moment)) == 0)
        (void)raise(SIGKILL);
}

static enum cc_error step(struct walk *walk, const struct cc_transition *row)
{
    (void)fprintf(stderr, "%zu/%zu %s\n", place_of(walk->request->table, row),
                  walk->request->table->count, row->comment);
    int64_t begun_us = cp_now_us();
    walk->context->message[0] = '\0';
    enum cc_error error = row->act ? row->act(walk->request->data) : CC_OK;
    if (!error && row->verify)
        error = row->verify(walk->request->data);
    if (error && !walk->context->message[0])
        (void)cp_fail(walk->context, error, "%s: %s", row->comment, cc_error_text(error));
    if (!error)
        die_here(walk, row, "act");
    const char *why = cp_format(walk->context, "%s", walk->context->message);
    enum cc_error recorded = record(walk, row, error, cp_now_us() - begun_us);
    if (!error && !recorded)
        die_here(walk, row, "record");
    return error ? cp_fail(walk->context, error, "%s", why) : recorded;
}

static enum cc_error walk_rows(struct walk *walk)
{
    const struct cc_transition_table *table = walk->request->table;
    while (strcmp(walk->state, table->last) != 0) {
        const struct cc_transition *row =
            cc_transitions_next(table, walk->state, walk->request->data);
        if (!row)
            return cp_fail(walk->context, CC_CORRUPT, "%s has no row for state %s", table->name,
                           walk->state);
        enum cc_error error = step(walk, row);
        if (error)
            return error;
        walk->state = row->next;
    }
    return CC_OK;
}

static enum cc_error show_plan(struct cp_context *context, const struct cp_run_request *request)
{
    for (size_t i = 0; i < request->table->count; i++)
        cp_would(context, "run %zu/%zu %s", i + 1, request->table->count,
                 request->table->rows[i].comment);
    return CC_OK;
}

enum cc_error cp_run(struct cp_context *context, const struct cp_run_request *request)
{
    if (context->dry_run)
        return show_plan(context, request);
    struct walk walk = {.context = context, .request = request};
    enum cc_error error = take_lease(&walk);
    if (error)
        return error;
    error = find_or_begin(&walk);
    if (!error)
        error = walk_rows(&walk);
    release_lease(&walk);
    if (!error && !request->file)
        error = cp_audit(context, request->table->name, request->subject);
    return error;
}
