#include "control-plane/fleet/drain.h"

#include <sys/stat.h>

#include "base/io/loop.h"
#include "control-plane/files.h"
#include "control-plane/registry.h"
#include "control-plane/run.h"
#include "control-plane/targets/local.h"
#include "control-plane/unknown.h"

/* A worker's own drain takes at most 10 s, and records leave within a second while Postgres is
 * there. */
enum { EMPTY_S = 60, READY_S = 60, OTHERS_S = 5, PAUSE_MS = 50 };

struct drain {
    struct cp_context *context;
    struct cp_workers workers;
    const struct cp_worker *worker; /* restart: the one whose turn it is, NULL: none is left */
    bool force;
    const char *since; /* restart: workers started before are older, seconds since 1970 */
};

static enum cc_error keep_drained(void *subject);
static enum cc_error take_out(void *subject);
static enum cc_error wait_empty(void *subject);
static enum cc_error stop(void *subject);
static enum cc_error verify_others(void *subject);
static enum cc_error start(void *subject);
static enum cc_error verify_ready(void *subject);
static enum cc_error take_in(void *subject);
static enum cc_error choose(void *subject);
static enum cc_error drain_whole(void *subject);
static enum cc_error undrain_whole(void *subject);
static enum cc_error verify_all(void *subject);
static bool none_left(const void *subject);

static const struct cc_transition drain_rows[] = {
    {"new", NULL, NULL, keep_drained, NULL, "claimed", "keep in the registry that it is drained"},
    {"claimed", NULL, NULL, take_out, NULL, "silent", "edges: told, and none asks it any more"},
    {"silent", NULL, NULL, wait_empty, NULL, "empty", "its calls are answered, its spool shipped"},
    {"empty", NULL, NULL, stop, NULL, "stopped", "stopped"},
    {"stopped", NULL, NULL, NULL, verify_others, "drained", "calls are answered by others"},
};
const struct cc_transition_table cp_cell_drain_table = {"cell_drain", "new", "drained", drain_rows,
                                                        sizeof(drain_rows) / sizeof(drain_rows[0])};

static const struct cc_transition undrain_rows[] = {
    {"new", NULL, NULL, start, verify_ready, "ready", "started and ready"},
    {"ready", NULL, NULL, take_in, NULL, "used", "edges: told, and all use it"},
};
const struct cc_transition_table cp_cell_undrain_table = {
    "cell_undrain", "new", "used", undrain_rows, sizeof(undrain_rows) / sizeof(undrain_rows[0])};

static const struct cc_transition restart_rows[] = {
    {"new", NULL, NULL, choose, NULL, "chosen", "which worker is next"},
    {"chosen", none_left, "none is left", NULL, verify_all, "done",
     "every worker is new and ready"},
    {"chosen", NULL, NULL, drain_whole, NULL, "drained", "drained and stopped"},
    {"drained", NULL, NULL, undrain_whole, NULL, "new", "started, ready, and used by edges"},
};
const struct cc_transition_table cp_cell_restart_table = {
    "cell_restart", "new", "done", restart_rows, sizeof(restart_rows) / sizeof(restart_rows[0])};

static const struct cp_target *target(void)
{
    return cp_target_find("local");
}

static enum cc_error keep_drained(void *subject)
{
    struct drain *drain = subject;
    return cp_sql_run(drain->context,
                      "INSERT INTO drained_workers (cell, worker) VALUES ($1, $2) "
                      "ON CONFLICT DO NOTHING",
                      CP_PARAMETERS(drain->workers.cell, drain->worker->name));
}

static bool has_others(const struct drain *drain)
{
    for (size_t i = 0; i < drain->workers.count; i++) {
        const struct cp_worker *other = &drain->workers.items[i];
        if (other != drain->worker && !other->drained)
            return true;
    }
    return false;
}

/* With nobody left to tell edges about they keep the last list they had: nothing to wait for. */
static enum cc_error take_out(void *subject)
{
    struct drain *drain = subject;
    enum cc_error error = cp_workers_announce(drain->context, drain->workers.cell);
    if (error || !has_others(drain))
        return error;
    return cp_worker_wait_edges(drain->context, &drain->workers, drain->worker, false);
}

/* What it still has; 0 when it has nothing or does not run: its spool is then shipped when it comes
 * back, or adopted. */
static int64_t left_over(struct drain *drain)
{
    json_t *state = cp_worker_state(drain->context, drain->worker);
    int64_t in_flight = json_integer_value(json_object_get(state, "in_flight"));
    int64_t records =
        json_integer_value(json_object_get(json_object_get(state, "spool"), "records"));
    json_decref(state);
    return in_flight + records;
}

static enum cc_error wait_empty(void *subject)
{
    struct drain *drain = subject;
    for (int64_t until_us = cc_monotonic_us() + EMPTY_S * INT64_C(1000000);;) {
        int64_t left = left_over(drain);
        if (left == 0)
            return CC_OK;
        if (cc_monotonic_us() >= until_us)
            return cp_fail(drain->context, CC_TIMEOUT,
                           "%s still has %lld calls or records after %d s; does Postgres take "
                           "them? see: callcell cell show %s",
                           drain->worker->name, (long long)left, EMPTY_S, drain->workers.cell);
        cp_pause_ms(PAUSE_MS);
    }
}

static enum cc_error stop(void *subject)
{
    struct drain *drain = subject;
    return target()->stop(drain->context, drain->worker->service);
}

/* *any: there is one that is not drained. */
static const struct cp_worker *ask_others(const struct drain *drain, bool *any)
{
    *any = false;
    for (size_t i = 0; i < drain->workers.count; i++) {
        const struct cp_worker *other = &drain->workers.items[i];
        if (other == drain->worker || other->drained)
            continue;
        *any = true;
        if (cp_worker_is_ready(drain->context, other))
            return other;
    }
    return NULL;
}

/* NULL when there is none. On a busy machine one may be late for a single question. */
static const struct cp_worker *ready_other(const struct drain *drain)
{
    int64_t until_us = cc_monotonic_us() + (drain->force ? 0 : OTHERS_S * INT64_C(1000000));
    bool any;
    const struct cp_worker *other = ask_others(drain, &any);
    while (!other && any && cc_monotonic_us() < until_us) {
        cp_pause_ms(PAUSE_MS);
        other = ask_others(drain, &any);
    }
    return other;
}

static enum cc_error verify_others(void *subject)
{
    struct drain *drain = subject;
    const struct cp_worker *other = ready_other(drain);
    if (other)
        return cp_worker_wait_edges(drain->context, &drain->workers, other, true);
    if (drain->force)
        return CC_OK;
    return cp_fail(drain->context, CC_UNAVAILABLE,
                   "no other worker of %s is ready; run: callcell cell undrain %s %s",
                   drain->workers.cell, drain->workers.cell, drain->worker->name);
}

static enum cc_error start(void *subject)
{
    struct drain *drain = subject;
    const char *service = drain->worker->service;
    if (!cp_file_exists(cp_local_service_folder(drain->context, service)))
        return cp_fail(drain->context, CC_NOT_FOUND,
                       "the service %s is not there; run: callcell cell heal %s, which installs "
                       "it, then this again",
                       service, drain->workers.cell);
    return target()->start(drain->context, service);
}

static enum cc_error verify_ready(void *subject)
{
    struct drain *drain = subject;
    int64_t until_us = cc_monotonic_us() + READY_S * INT64_C(1000000);
    while (!cp_worker_is_ready(drain->context, drain->worker)) {
        if (cc_monotonic_us() >= until_us)
            return cp_fail(drain->context, CC_TIMEOUT, "%s is not ready after %d s; see %s",
                           drain->worker->service, READY_S,
                           cp_path(drain->context, "log/%s/current", drain->worker->service));
        cp_pause_ms(PAUSE_MS);
    }
    return CC_OK;
}

static enum cc_error take_in(void *subject)
{
    struct drain *drain = subject;
    enum cc_error error =
        cp_sql_run(drain->context, "DELETE FROM drained_workers WHERE cell = $1 AND worker = $2",
                   CP_PARAMETERS(drain->workers.cell, drain->worker->name));
    if (!error)
        error = cp_workers_announce(drain->context, drain->workers.cell);
    return error ? error
                 : cp_worker_wait_edges(drain->context, &drain->workers, drain->worker, true);
}

static enum cc_error find(struct drain *drain, const char *cell, const char *worker)
{
    enum cc_error error = cp_workers_find(drain->context, cell, &drain->workers);
    if (error || !worker)
        return error;
    drain->worker = cp_worker_named(&drain->workers, worker);
    return drain->worker
               ? CC_OK
               : cp_unknown(drain->context, cp_format(drain->context, "worker of %s", cell), worker,
                            cp_format(drain->context, "callcell cell show %s", cell));
}

static enum cc_error refuse_last(struct drain *drain)
{
    if (drain->force || ready_other(drain))
        return CC_OK;
    return cp_fail(drain->context, CC_CONFLICT,
                   "no other worker of %s is ready: its calls would get edge answers; "
                   "--force does it all the same",
                   drain->workers.cell);
}

/* One that nobody drained and that does not run is taken in too: whoever asks wants it at work. */
static bool is_as_asked(struct drain *drain, bool drained)
{
    if (drain->worker->drained != drained)
        return false;
    return drained || cp_worker_is_ready(drain->context, drain->worker);
}

static enum cc_error walk(struct drain *drain, const struct cc_transition_table *table,
                          const struct cc_transition_table *opposite, bool drained, bool *changed)
{
    struct cp_context *context = drain->context;
    const char *subject = cp_format(context, "%s/%s", drain->workers.cell, drain->worker->name);
    const struct cp_run_request request = {
        .table = table, .opposite = opposite, .subject = subject, .data = drain};
    bool unfinished = false, due = false;
    enum cc_error error = cp_run_unfinished(context, table->name, subject, &unfinished);
    if (!error)
        error = cp_run_is_due(context, &request, &due);
    *changed = !error && (due || !is_as_asked(drain, drained));
    if (error || !*changed)
        return error;
    if (drained && !unfinished)
        error = refuse_last(drain);
    return error ? error : cp_run(context, &request);
}

enum cc_error cp_cell_drain(struct cp_context *context, const char *cell, const char *worker,
                            bool force, bool *changed)
{
    struct drain drain = {.context = context, .force = force};
    *changed = false;
    enum cc_error error = find(&drain, cell, worker);
    return error ? error
                 : walk(&drain, &cp_cell_drain_table, &cp_cell_undrain_table, true, changed);
}

enum cc_error cp_cell_undrain(struct cp_context *context, const char *cell, const char *worker,
                              bool *changed)
{
    struct drain drain = {.context = context};
    *changed = false;
    enum cc_error error = find(&drain, cell, worker);
    return error ? error
                 : walk(&drain, &cp_cell_undrain_table, &cp_cell_drain_table, false, changed);
}

static bool none_left(const void *subject)
{
    const struct drain *drain = subject;
    return drain->worker == NULL;
}

/* runsv writes the process's number when it starts it. */
static int64_t started_us(struct cp_context *context, const struct cp_worker *worker)
{
    struct stat about;
    if (stat(cp_path(context, "run/services/%s/supervise/pid", worker->service), &about))
        return 0;
    return (int64_t)about.st_mtim.tv_sec * 1000000 + about.st_mtim.tv_nsec / 1000;
}

/* One that this run has drained, else one that is older than the run. */
static enum cc_error choose(void *subject)
{
    struct drain *drain = subject;
    PGresult *result;
    enum cc_error error = cp_workers_find(drain->context, drain->workers.cell, &drain->workers);
    if (!error)
        error = cp_sql(drain->context, &result,
                       "SELECT (extract(epoch FROM started_at) * 1000000)::bigint, "
                       "(SELECT d.worker FROM drained_workers d WHERE d.cell = $2 AND "
                       "d.drained_at >= r.started_at LIMIT 1) FROM runs r "
                       "WHERE transition_table = $1 AND subject = $2 AND finished_at IS NULL",
                       CP_PARAMETERS(cp_cell_restart_table.name, drain->workers.cell));
    if (error)
        return error;
    drain->worker = NULL;
    if (PQntuples(result) == 0)
        return CC_OK;
    drain->worker = cp_worker_named(&drain->workers, cp_sql_value(result, 0, 1));
    for (size_t i = 0; !drain->worker && i < drain->workers.count; i++) {
        const struct cp_worker *worker = &drain->workers.items[i];
        if (!worker->drained && started_us(drain->context, worker) < cp_sql_integer(result, 0, 0))
            drain->worker = worker;
    }
    return CC_OK;
}

/* A killed run may have begun to drain or undrain it: every step can be done again. */
static enum cc_error drain_whole(void *subject)
{
    static const cc_transition_act steps[] = {keep_drained, take_out, wait_empty, stop};
    struct drain *drain = subject;
    enum cc_error error = drain->worker->drained ? CC_OK : refuse_last(drain);
    for (size_t i = 0; !error && i < sizeof(steps) / sizeof(steps[0]); i++)
        error = steps[i](subject);
    return error;
}

static enum cc_error undrain_whole(void *subject)
{
    struct drain *drain = subject;
    if (!drain->worker)
        return CC_OK;
    enum cc_error error = start(subject);
    if (!error)
        error = verify_ready(subject);
    return error ? error : take_in(subject);
}

static enum cc_error verify_all(void *subject)
{
    struct drain *drain = subject;
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < drain->workers.count; i++) {
        drain->worker = &drain->workers.items[i];
        error = drain->worker->drained ? CC_OK : verify_ready(drain);
    }
    return error;
}

enum cc_error cp_cell_restart_check(struct cp_context *context, const char *cell, bool force)
{
    struct drain drain = {.context = context, .force = force};
    enum cc_error error = find(&drain, cell, NULL);
    for (size_t i = 0; !error && i < drain.workers.count; i++) {
        drain.worker = &drain.workers.items[i];
        if (!drain.worker->drained)
            error = refuse_last(&drain);
    }
    return error;
}

enum cc_error cp_cell_restart(struct cp_context *context, const char *cell, bool force)
{
    struct drain drain = {.context = context, .force = force};
    bool unfinished = false;
    enum cc_error error = find(&drain, cell, NULL);
    if (!error)
        error = cp_run_unfinished(context, cp_cell_restart_table.name, cell, &unfinished);
    if (!error && !unfinished)
        error = cp_cell_restart_check(context, cell, force);
    if (!error)
        error = choose(&drain);
    return error ? error
                 : cp_run(context, &(struct cp_run_request){.table = &cp_cell_restart_table,
                                                            .subject = cell,
                                                            .data = &drain});
}
