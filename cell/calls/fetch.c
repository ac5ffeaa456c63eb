/* Rim: Redis and Postgres. */
#include "cell/calls/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cell/calls/breaker.h"

enum {
    READ_CONNECTIONS = 4,
    PROBE_US = 250 * 1000,
    TRY_AGAIN_US = 20 * 1000,
    SHARE_DEADLINE_US = 1000 * 1000,
    VERSION_TEXT = 24,
    FLOW_LIFETIME_S = 604800
};

/* One that can be asked, with its breaker and the clock of its probes. */
struct step {
    struct cell_sources *sources;
    enum cell_source source;
    struct cell_breaker breaker;
    struct cc_deadline probe;
    int64_t usual_us;
};

struct cell_sources {
    struct cell_worker *worker;
    struct cc_pg_pool *replica;
    struct cc_pg_pool *primary;
    struct step steps[CELL_SOURCE_PRIMARY + 1]; /* by source; memory's is not used */
};

static const struct cc_pg_statement probe_statement = {"probe", "SELECT 1"};

static const struct cc_pg_statement plan_statement = {
    "call_plan", "SELECT row_version, flow_id, plan FROM directory.call_plans "
                 "WHERE tenant_id = $1 AND number = $2"};
static const struct cc_pg_statement flow_statement = {
    "flow_version", "SELECT document::text FROM directory.flow_versions "
                    "WHERE tenant_id = $1 AND flow_id = $2 AND version = $3::bigint"};

/* Nobody's: nothing is found, but what is needed to find it has been read then. */
static const struct cc_pg_query warm_up_queries[] = {
    {.statement = &plan_statement, .parameters = {{"-", 1}, {"-", 1}}, .parameter_count = 2},
    {.statement = &flow_statement,
     .parameters = {{"-", 1}, {"-", 1}, {"0", 1}},
     .parameter_count = 3}};
static const struct cc_pg_transaction warm_up = {
    .tenant = {"-", 1}, .queries = warm_up_queries, .query_count = 2};

static bool go_on(struct cell_fetch *fetch);
static void on_probe_due(struct cc_deadline *deadline);
static void on_redis_probed(void *context, enum cc_error error, const redisReply *reply);
static void on_postgres_probed(void *context, enum cc_error error,
                               const struct cc_pg_outcome *outcome);
static void on_redis(void *context, enum cc_error error, const redisReply *reply);
static void on_replica(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);
static void on_primary(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);

const char *cell_source_name(enum cell_source source)
{
    static const char *const names[] = {"memory", "redis", "replica", "primary", "disk"};
    return names[source];
}

static enum cell_series series_of(enum cell_series redis, enum cell_source source)
{
    return (enum cell_series)((int)redis + (int)source - CELL_SOURCE_REDIS);
}

static void init_steps(struct cell_sources *sources)
{
    const struct cell_settings *settings = sources->worker->settings;
    const int64_t usual_ms[] = {[CELL_SOURCE_REDIS] = settings->budget_redis_ms,
                                [CELL_SOURCE_REPLICA] = settings->budget_replica_ms,
                                [CELL_SOURCE_PRIMARY] = settings->budget_primary_ms};
    for (int source = CELL_SOURCE_REDIS; source <= CELL_SOURCE_PRIMARY; source++) {
        struct step *step = &sources->steps[source];
        step->sources = sources;
        step->source = (enum cell_source)source;
        step->usual_us = usual_ms[source] * 1000;
        cc_deadline_init(&step->probe, sources->worker->loop, on_probe_due);
    }
}

enum cc_error cell_sources_create(struct cell_worker *worker, struct cell_sources **out)
{
    struct cell_sources *sources = calloc(1, sizeof(*sources));
    *out = NULL;
    if (!sources)
        return CC_NO_MEMORY;
    sources->worker = worker;
    init_steps(sources);
    /* "standby", not "prefer-standby": a connection that fell to the primary would stay there after
     * the replica is back. One made to a standby goes on reading when its node is promoted. */
    enum cc_error error = cell_worker_pool(worker, "calls-replica", "calls", "standby",
                                           READ_CONNECTIONS, &warm_up, &sources->replica);
    if (!error)
        error = cell_worker_pool(worker, "calls-primary", "calls", "read-write", READ_CONNECTIONS,
                                 &warm_up, &sources->primary);
    if (error) {
        cell_sources_free(sources);
        return error;
    }
    *out = sources;
    return CC_OK;
}

void cell_sources_free(struct cell_sources *sources)
{
    if (!sources)
        return;
    for (int source = CELL_SOURCE_REDIS; source <= CELL_SOURCE_PRIMARY; source++)
        cc_deadline_clear(&sources->steps[source].probe);
    if (sources->replica)
        cc_pg_pool_free(sources->replica);
    if (sources->primary)
        cc_pg_pool_free(sources->primary);
    free(sources);
}

bool cell_sources_primary_is_up(const struct cell_sources *sources)
{
    return cc_pg_pool_is_up(sources->primary);
}

bool cell_sources_replica_is_up(const struct cell_sources *sources)
{
    return cc_pg_pool_is_up(sources->replica);
}

/* Not connected: it is passed over without a breaker. */
static bool has_failed(const struct cell_sources *sources, enum cell_source source)
{
    if (source == CELL_SOURCE_REDIS)
        return cc_redis_has_failed(sources->worker->redis);
    return cc_pg_pool_has_failed(source == CELL_SOURCE_REPLICA ? sources->replica
                                                               : sources->primary);
}

void cell_sources_expose(const struct cell_sources *sources)
{
    for (int source = CELL_SOURCE_REDIS; source <= CELL_SOURCE_PRIMARY; source++) {
        bool open = !cell_breaker_is_closed(&sources->steps[source].breaker);
        cc_telemetry_set(&sources->worker->telemetry,
                         series_of(CELL_T_BREAKER_REDIS, (enum cell_source)source),
                         open || has_failed(sources, (enum cell_source)source));
    }
}

bool cell_sources_have_failed(const struct cell_sources *sources)
{
    return has_failed(sources, CELL_SOURCE_REDIS) && has_failed(sources, CELL_SOURCE_REPLICA) &&
           has_failed(sources, CELL_SOURCE_PRIMARY);
}

/* One command in Redis: EVAL for a plan (its flow's version is compared there), GET for a flow. */
static enum cc_error ask_redis(struct cell_fetch *fetch, int64_t deadline_us)
{
    char key[CELL_SHARED_KEY_MAX];
    char flows[CELL_SHARED_KEY_MAX];
    struct cc_redis *redis = fetch->_sources->worker->redis;
    if (fetch->version) {
        struct cc_slice get[] = {
            CC_SLICE_LITERAL("GET"),
            cell_shared_flow_key(fetch->tenant, fetch->name, fetch->version, key)};
        return cc_redis_command(redis, get, 2, deadline_us, on_redis, fetch);
    }
    struct cc_slice eval[] = {CC_SLICE_LITERAL("EVAL"), cc_slice_of(cell_shared_read_script),
                              CC_SLICE_LITERAL("2"),
                              cell_shared_plan_key(fetch->tenant, fetch->name, key),
                              cell_shared_flows_key(fetch->tenant, flows)};
    return cc_redis_command(redis, eval, 5, deadline_us, on_redis, fetch);
}

static enum cc_error ask_postgres(struct cell_fetch *fetch, struct cc_pg_pool *pool,
                                  cc_pg_done done, int64_t deadline_us)
{
    char version[VERSION_TEXT];
    struct cc_pg_query query = {.statement = fetch->version ? &flow_statement : &plan_statement,
                                .parameters = {fetch->tenant, fetch->name},
                                .parameter_count = 2};
    if (fetch->version) {
        snprintf(version, sizeof(version), "%" PRId64, fetch->version);
        query.parameters[query.parameter_count++] = cc_slice_of(version);
    }
    struct cc_pg_transaction transaction = {.tenant = fetch->tenant,
                                            .queries = &query,
                                            .query_count = 1,
                                            .deadline_us = deadline_us,
                                            .done = done,
                                            .context = fetch};
    return cc_pg_submit(pool, &transaction);
}

static enum cc_error ask(struct cell_fetch *fetch, enum cell_source source)
{
    struct cell_sources *sources = fetch->_sources;
    int64_t now_us = cc_loop_now_us(sources->worker->loop);
    int64_t deadline_us = now_us + fetch->_given_us;
    switch (source) {
    case CELL_SOURCE_REDIS:
        return ask_redis(fetch, deadline_us);
    case CELL_SOURCE_REPLICA:
        return ask_postgres(fetch, sources->replica, on_replica, deadline_us);
    case CELL_SOURCE_PRIMARY:
        return ask_postgres(fetch, sources->primary, on_primary, deadline_us);
    case CELL_SOURCE_MEMORY:
    case CELL_SOURCE_DISK:
        break;
    }
    return CC_UNSUPPORTED;
}

static void count_failure(struct cell_sources *sources, enum cell_source source,
                          enum cc_error error)
{
    cell_worker_count(sources->worker, series_of(CELL_T_FAIL_REDIS, source), 1);
    if (error == CC_FULL)
        cell_worker_count(sources->worker, series_of(CELL_T_FULL_REDIS, source), 1);
}

bool cell_fetch_start(struct cell_sources *sources, struct cell_fetch *fetch)
{
    fetch->_sources = sources;
    fetch->_next = fetch->skip_redis ? CELL_SOURCE_REPLICA : CELL_SOURCE_REDIS;
    fetch->last = CELL_SOURCE_MEMORY;
    return go_on(fetch);
}

/* Asks the next source that can be asked; false when none is left. */
static bool go_on(struct cell_fetch *fetch)
{
    struct cell_sources *sources = fetch->_sources;
    int64_t now_us = cc_loop_now_us(sources->worker->loop);
    while (fetch->_next <= CELL_SOURCE_PRIMARY) {
        enum cell_source source = (enum cell_source)fetch->_next++;
        const struct step *step = &sources->steps[source];
        fetch->last = source;
        if (!cell_breaker_is_closed(&step->breaker))
            continue;
        fetch->_asked_us = now_us;
        fetch->_given_us = cell_breaker_budget(step->usual_us, fetch->left_us, CELL_FETCH_WHOLE_US);
        enum cc_error error = ask(fetch, source);
        if (error == CC_OK)
            return true;
        count_failure(sources, source, error);
    }
    return false;
}

static void end_or_go_on(struct cell_fetch *fetch, bool taken)
{
    if (taken || !go_on(fetch))
        fetch->on_end(fetch);
}

static void probe_later(struct step *step, int64_t due_us)
{
    if (cc_deadline_set(&step->probe, due_us) == CC_OK)
        return;
    CC_LOG(CC_LOG_ERROR, "probe_stands_still",
           cc_log_text("source", cell_source_name(step->source)));
    (void)cell_breaker_answered(&step->breaker); /* rather tried by a call than never again */
}

static void timed_out(struct step *step)
{
    struct cell_worker *worker = step->sources->worker;
    if (cell_breaker_timed_out(&step->breaker, cc_loop_now_us(worker->loop))) {
        CC_LOG(CC_LOG_WARNING, "source_timed_out",
               cc_log_text("source", cell_source_name(step->source)));
        cell_worker_count(worker, series_of(CELL_T_TRIP_REDIS, step->source), 1);
    }
    probe_later(step, step->breaker.probe_at_us);
}

static void answered(struct step *step)
{
    if (!cell_breaker_answered(&step->breaker))
        return;
    cc_deadline_clear(&step->probe);
    CC_LOG(CC_LOG_INFO, "source_answers_again",
           cc_log_text("source", cell_source_name(step->source)));
}

static enum cc_error send_probe(struct step *step, int64_t deadline_us)
{
    struct cell_sources *sources = step->sources;
    struct cc_slice ping[] = {CC_SLICE_LITERAL("PING")};
    struct cc_pg_query query = {.statement = &probe_statement};
    struct cc_pg_transaction transaction = {.queries = &query,
                                            .query_count = 1,
                                            .deadline_us = deadline_us,
                                            .done = on_postgres_probed,
                                            .context = step};
    if (step->source == CELL_SOURCE_REDIS)
        return cc_redis_command(sources->worker->redis, ping, 1, deadline_us, on_redis_probed,
                                step);
    return cc_pg_submit(step->source == CELL_SOURCE_REPLICA ? sources->replica : sources->primary,
                        &transaction);
}

static void on_probed(struct step *step, enum cc_error error)
{
    if (error == CC_OK)
        answered(step);
    else if (error != CC_CANCELLED)
        timed_out(step);
}

static void on_probe_due(struct cc_deadline *deadline)
{
    struct step *step = CC_CONTAINER_OF(deadline, struct step, probe);
    int64_t now_us = cc_loop_now_us(step->sources->worker->loop);
    if (!cell_breaker_probe(&step->breaker, now_us)) {
        if (!cell_breaker_is_closed(&step->breaker))
            probe_later(step, now_us + TRY_AGAIN_US);
        return;
    }
    enum cc_error error = send_probe(step, now_us + PROBE_US);
    if (error)
        on_probed(step, error);
}

static void on_redis_probed(void *context, enum cc_error error, const redisReply *reply)
{
    (void)reply;
    on_probed(context, error);
}

static void on_postgres_probed(void *context, enum cc_error error,
                               const struct cc_pg_outcome *outcome)
{
    (void)outcome;
    on_probed(context, error);
}

static void measure(const struct cell_fetch *fetch, enum cell_source source)
{
    struct cell_worker *worker = fetch->_sources->worker;
    cc_telemetry_observe(&worker->telemetry, (size_t)series_of(CELL_T_STEP_REDIS, source),
                         cc_loop_now_us(worker->loop) - fetch->_asked_us);
}

static void on_failure(struct cell_fetch *fetch, enum cell_source source, enum cc_error error)
{
    struct step *step = &fetch->_sources->steps[source];
    count_failure(fetch->_sources, source, error);
    if (error == CC_TIMEOUT && cell_breaker_counts(fetch->_given_us, step->usual_us) &&
        !cc_loop_stalled_after(fetch->_sources->worker->loop, fetch->_asked_us))
        timed_out(step);
    if (error == CC_CANCELLED)
        fetch->on_end(fetch); /* shutdown: no further source */
    else
        end_or_go_on(fetch, false);
}

static bool give(struct cell_fetch *fetch, const struct cell_fetched *value)
{
    bool taken = fetch->on_value(fetch, value);
    if (taken)
        cell_worker_count(
            fetch->_sources->worker,
            (enum cell_series)(CELL_T_LOAD_REDIS + (int)value->source - CELL_SOURCE_REDIS), 1);
    return taken;
}

static void on_redis(void *context, enum cc_error error, const redisReply *reply)
{
    struct cell_fetch *fetch = context;
    struct cell_fetched value = {.source = CELL_SOURCE_REDIS};
    struct cell_shared_value shared;
    measure(fetch, CELL_SOURCE_REDIS);
    if (error) {
        on_failure(fetch, CELL_SOURCE_REDIS, error);
        return;
    }
    answered(&fetch->_sources->steps[CELL_SOURCE_REDIS]);
    if (reply->type != REDIS_REPLY_STRING) {
        end_or_go_on(fetch, false);
        return;
    }
    value.text = cc_slice(reply->str, reply->len);
    if (!fetch->version) {
        if (cell_shared_read(value.text, &shared)) {
            on_failure(fetch, CELL_SOURCE_REDIS, CC_INVALID);
            return;
        }
        value.kind = shared.kind;
        value.row_version = shared.row_version;
        value.flow_id = shared.flow_id;
        value.text = shared.plan;
    }
    end_or_go_on(fetch, give(fetch, &value));
}

static void read_row(const struct cell_fetch *fetch, const PGresult *result,
                     struct cell_fetched *value)
{
    value->kind = CELL_SHARED_GONE;
    if (PQntuples(result) == 0)
        return;
    if (fetch->version) {
        value->kind = CELL_SHARED_PLAN;
        value->text = cc_pg_value(result, 0, 0);
        return;
    }
    value->row_version = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    value->flow_id = cc_pg_value(result, 0, 1);
    value->text = cc_pg_value(result, 0, 2);
    if (!PQgetisnull(result, 0, 2))
        value->kind = CELL_SHARED_PLAN;
}

static void on_postgres(struct cell_fetch *fetch, enum cell_source asked, enum cc_error error,
                        const struct cc_pg_outcome *outcome)
{
    measure(fetch, asked);
    if (error) {
        if (error == CC_PROTOCOL || error == CC_FORBIDDEN)
            CC_LOG(CC_LOG_ERROR, "source_failed", cc_log_text("source", cell_source_name(asked)),
                   cc_log_text("sqlstate", outcome ? outcome->sqlstate : ""),
                   cc_log_text("reason", outcome ? outcome->message : ""),
                   cc_log_error_field(error));
        on_failure(fetch, asked, error);
        return;
    }
    answered(&fetch->_sources->steps[asked]);
    struct cell_fetched value = {.source =
                                     outcome->standby ? CELL_SOURCE_REPLICA : CELL_SOURCE_PRIMARY,
                                 .final = !outcome->standby};
    read_row(fetch, outcome->results[0], &value);
    end_or_go_on(fetch, give(fetch, &value));
}

static void on_replica(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    on_postgres(context, CELL_SOURCE_REPLICA, error, outcome);
}

static void on_primary(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    on_postgres(context, CELL_SOURCE_PRIMARY, error, outcome);
}

/* Sharing is best effort: Redis heals with the next look-up. */
static void on_shared(void *context, enum cc_error error, const redisReply *reply)
{
    (void)context;
    (void)reply;
    if (error)
        CC_LOG(CC_LOG_DEBUG, "share_failed", cc_log_error_field(error));
}

static bool redis_may_be_asked(const struct cell_sources *sources)
{
    return cc_redis_is_up(sources->worker->redis) &&
           cell_breaker_is_closed(&sources->steps[CELL_SOURCE_REDIS].breaker);
}

void cell_sources_share_plan(struct cell_sources *sources, struct cc_slice tenant,
                             struct cc_slice number, const struct cell_fetched *value)
{
    char key[CELL_SHARED_KEY_MAX];
    char head[CELL_SHARED_HEAD_MAX];
    char version[VERSION_TEXT];
    struct cc_buffer shared;
    if (!redis_may_be_asked(sources) || value->row_version == 0)
        return;
    cc_buffer_init(&shared, 0);
    cc_buffer_append(&shared, cc_slice(head, cell_shared_head(value->kind, value->row_version,
                                                              value->flow_id, head)));
    cc_buffer_append(&shared, value->text);
    snprintf(version, sizeof(version), "%" PRId64, value->row_version);
    struct cc_slice eval[] = {CC_SLICE_LITERAL("EVAL"), cc_slice_of(cell_shared_put_script),
                              CC_SLICE_LITERAL("1"),    cell_shared_plan_key(tenant, number, key),
                              cc_slice_of(version),     cc_buffer_slice(&shared)};
    enum cc_error error = shared.error;
    if (!error)
        error = cc_redis_command(sources->worker->redis, eval, 6,
                                 cc_loop_now_us(sources->worker->loop) + SHARE_DEADLINE_US,
                                 on_shared, NULL);
    if (error)
        on_shared(NULL, error, NULL);
    cc_buffer_deinit(&shared);
}

void cell_sources_share_flow(struct cell_sources *sources, struct cc_slice tenant,
                             struct cc_slice flow, int64_t version, struct cc_slice document)
{
    char key[CELL_SHARED_KEY_MAX];
    char lifetime[VERSION_TEXT];
    if (!redis_may_be_asked(sources))
        return;
    snprintf(lifetime, sizeof(lifetime), "%d", FLOW_LIFETIME_S);
    struct cc_slice set[] = {CC_SLICE_LITERAL("SET"),
                             cell_shared_flow_key(tenant, flow, version, key), document,
                             CC_SLICE_LITERAL("EX"), cc_slice_of(lifetime)};
    enum cc_error error = cc_redis_command(
        sources->worker->redis, set, 5, cc_loop_now_us(sources->worker->loop) + SHARE_DEADLINE_US,
        on_shared, NULL);
    if (error)
        on_shared(NULL, error, NULL);
}
