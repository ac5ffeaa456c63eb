/* Rim: Postgres. */
#include "cell/events/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io/quarantine.h"
#include "base/log.h"
#include "base/timestamp.h"

enum {
    BATCH_BYTES_MAX = 64 * 1024 * 1024,
    QUARANTINE_MAX = 64 * 1024 * 1024,
    CLASHES_MAX = 16 * 1024 * 1024,
    CONNECTIONS = 2,
    PARTITIONS_DEADLINE_US = 30 * 1000 * 1000,
    NUMBER_TEXT = 24
};

struct cell_event_store {
    struct cell_worker *worker;
    struct cc_pg_pool *primary;
    char *quarantine_file, *clashes_file;
    int64_t refusal_told_us, clash_told_us;
};

static const struct cc_pg_statement ingest_statement = {"ingest",
                                                        "SELECT events.ingest($1::jsonb)"};
static const struct cc_pg_statement partitions_statement = {
    "partitions", "SELECT events.ensure_partitions($1::integer)"};
static const struct cc_pg_statement list_statement = {
    "call_events",
    "SELECT coalesce(jsonb_agg(jsonb_build_object("
    "'event_id', event_id, 'event', event, 'occurred_at', occurred_at, 'call_id', call_id, "
    "'kind', kind, 'direction', direction, 'from', from_number, 'to', to_number, "
    "'sequence', sequence, 'source', source, 'decision_id', decision_id, "
    "'plan_version', plan_version, 'flow', flow_id, 'flow_version', flow_version, "
    "'carrier_key', carrier_key, 'giver', giver, 'attempt', attempt, 'request_id', request_id, "
    "'delivered', delivered, "
    "'received_at', received_at, 'processing_us', processing_us, 'actions', actions) "
    "ORDER BY occurred_at, sequence, received_at, event_id), '[]')::text "
    "FROM (SELECT * FROM events.events WHERE tenant_id = $1 AND call_id = $2 "
    "ORDER BY occurred_at, sequence LIMIT 1000) e"};

static enum cc_error submit_batch(struct cell_ingest *ingest);
static void on_batch(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);

enum cc_error cell_event_store_create(struct cell_worker *worker, const char *quarantine_file,
                                      const char *clashes_file, struct cell_event_store **out)
{
    struct cell_event_store *store = calloc(1, sizeof(*store));
    *out = NULL;
    if (!store)
        return CC_NO_MEMORY;
    store->worker = worker;
    store->quarantine_file = strdup(quarantine_file);
    store->clashes_file = strdup(clashes_file);
    enum cc_error error = store->quarantine_file && store->clashes_file ? CC_OK : CC_NO_MEMORY;
    if (!error)
        error = cell_worker_pool(worker, "events", "events", "read-write", CONNECTIONS, NULL,
                                 &store->primary);
    if (error) {
        cell_event_store_free(store);
        return error;
    }
    *out = store;
    return CC_OK;
}

void cell_event_store_free(struct cell_event_store *store)
{
    if (!store)
        return;
    if (store->primary)
        cc_pg_pool_free(store->primary);
    free(store->quarantine_file);
    free(store->clashes_file);
    free(store);
}

bool cell_event_store_is_up(const struct cell_event_store *store)
{
    return cc_pg_pool_is_up(store->primary);
}

enum cc_error cell_ingest_start(struct cell_event_store *store, struct cell_ingest *ingest)
{
    ingest->_store = store;
    ingest->_first = 0;
    ingest->_size = ingest->count;
    ingest->quarantined = 0;
    memset(ingest->_apart, 0, sizeof(ingest->_apart));
    return submit_batch(ingest);
}

static enum cc_error submit_batch(struct cell_ingest *ingest)
{
    struct cc_buffer array;
    cc_buffer_init(&array, BATCH_BYTES_MAX);
    cc_buffer_text(&array, "[");
    for (size_t i = 0; i < ingest->_size; i++) {
        if (i > 0)
            cc_buffer_text(&array, ",\n");
        cc_buffer_append(&array, ingest->records[ingest->_first + i]);
    }
    cc_buffer_text(&array, "]");
    struct cc_pg_query query = {.statement = &ingest_statement,
                                .parameters = {cc_buffer_slice(&array)},
                                .parameter_count = 1};
    struct cc_pg_transaction transaction = {.queries = &query,
                                            .query_count = 1,
                                            .writes = true,
                                            .deadline_us = ingest->deadline_us,
                                            .done = on_batch,
                                            .context = ingest};
    enum cc_error error = array.error;
    if (!error)
        error = cc_pg_submit(ingest->_store->primary, &transaction);
    cc_buffer_deinit(&array);
    return error;
}

/* Whether Postgres refused what stands in a record: SQLSTATE class 22 data, 23 constraint, 54 a
 * limit exceeded, P0001 raised. All else may go away by itself. */
static bool is_poison(enum cc_error error, const struct cc_pg_outcome *outcome)
{
    if (!outcome || error == CC_UNKNOWN_OUTCOME)
        return false;
    const char *state = outcome->sqlstate ? outcome->sqlstate : "";
    return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
           strncmp(state, "54", 2) == 0 || strcmp(state, "P0001") == 0;
}

static void next_batch(struct cell_ingest *ingest)
{
    ingest->_first += ingest->_size;
    ingest->_size = ingest->count - ingest->_first;
}

/* At most once a second: what a carrier does wrong it may do with every call. */
static bool may_tell(const struct cell_event_store *store, int64_t *told_us)
{
    int64_t now_us = cc_loop_now_us(store->worker->loop);
    if (*told_us != 0 && now_us - *told_us < CC_SECOND_US)
        return false;
    *told_us = now_us;
    return true;
}

static const char *text_of(const json_t *record, const char *key)
{
    const char *value = json_string_value(json_object_get(record, key));
    return value ? value : "";
}

/* why: its name and value. */
static void tell(const char *event, struct cc_slice text, const char *why, const char *value,
                 const char *file)
{
    json_t *record = json_loadb(text.data, text.length, 0, NULL);
    CC_LOG(CC_LOG_ERROR, event, cc_log_text("tenant", text_of(record, "tenant")),
           cc_log_text("event_id", text_of(record, "event_id")),
           cc_log_text("call_event", text_of(record, "event")),
           cc_log_text("call_id", text_of(record, "call_id")), cc_log_text(why, value ? value : ""),
           cc_log_text("file", file));
    json_decref(record);
}

/* Halves the batch under way, or puts its one record apart. */
static void on_refused(struct cell_ingest *ingest, const struct cc_pg_outcome *outcome)
{
    struct cell_event_store *store = ingest->_store;
    if (ingest->_size > 1) {
        ingest->_size /= 2;
        return;
    }
    if (may_tell(store, &store->refusal_told_us))
        tell("record_refused", ingest->records[ingest->_first], "sqlstate", outcome->sqlstate,
             store->quarantine_file);
    ingest->_apart[ingest->_first] = CELL_REFUSED;
    next_batch(ingest);
}

/* A Postgres of before 0012 says nothing of clashes. */
static enum cc_error on_committed(struct cell_ingest *ingest, const struct cc_pg_outcome *outcome)
{
    struct cc_slice said = cc_pg_value(outcome->results[0], 0, 0);
    struct cell_event_store *store = ingest->_store;
    json_t *answer = json_loadb(said.data, said.length, 0, NULL);
    if (!answer) {
        CC_LOG(CC_LOG_ERROR, "ingest_answer_unreadable", cc_log_slice("answer", said));
        return CC_PROTOCOL;
    }
    const json_t *clashes = json_object_get(answer, "clashes");
    const json_t *held_by = json_object_get(answer, "held_by");
    for (size_t i = 0; i < json_array_size(clashes); i++) {
        json_int_t position = json_integer_value(json_array_get(clashes, i));
        if (position < 0 || (size_t)position >= ingest->_size)
            continue;
        size_t at = ingest->_first + (size_t)position;
        ingest->_apart[at] = CELL_CLASHES;
        if (may_tell(store, &store->clash_told_us))
            tell("event_id_clash", ingest->records[at], "held_by_call",
                 json_string_value(json_array_get(held_by, i)), store->clashes_file);
    }
    json_decref(answer);
    next_batch(ingest);
    return CC_OK;
}

/* All records of a kind in one write, so that they are kept all or none. Answers how many. */
static size_t append(const struct cell_ingest *ingest, enum cell_ingest_apart kind,
                     const char *file, int64_t maximum_bytes, enum cc_error *error)
{
    struct cc_buffer lines;
    size_t count = 0;
    cc_buffer_init(&lines, BATCH_BYTES_MAX);
    for (size_t i = 0; i < ingest->count; i++) {
        if (ingest->_apart[i] != kind)
            continue;
        if (lines.length > 0)
            cc_buffer_text(&lines, "\n");
        cc_buffer_append(&lines, ingest->records[i]);
        count++;
    }
    *error = lines.error;
    if (!*error && count > 0)
        *error = cc_quarantine_append(ingest->_store->worker->loop, file, maximum_bytes,
                                      cc_buffer_slice(&lines));
    cc_buffer_deinit(&lines);
    return count;
}

/* What Postgres refuses is a mistake of ours: it waits for space on the disk. */
static enum cc_error put_refused_apart(struct cell_ingest *ingest)
{
    struct cell_event_store *store = ingest->_store;
    enum cc_error error;
    size_t count = append(ingest, CELL_REFUSED, store->quarantine_file, QUARANTINE_MAX, &error);
    if (error)
        CC_LOG(CC_LOG_ERROR, "quarantine_failed", cc_log_text("file", store->quarantine_file),
               cc_log_error_field(error));
    if (error && error != CC_TOO_LARGE)
        return error;
    cell_worker_count(store->worker, error ? CELL_T_QUARANTINE_LOST : CELL_T_QUARANTINED,
                      (int64_t)count);
    ingest->quarantined += count;
    return CC_OK;
}

/* What clashes is a mistake of a carrier's: nobody else's records ever wait for it. */
static void put_clashing_apart(struct cell_ingest *ingest)
{
    struct cell_event_store *store = ingest->_store;
    enum cc_error error;
    size_t count = append(ingest, CELL_CLASHES, store->clashes_file, CLASHES_MAX, &error);
    cell_worker_count(store->worker, CELL_T_EVENT_ID_CLASHES, (int64_t)count);
    if (error)
        cell_worker_count(store->worker, CELL_T_EVENT_ID_CLASHES_LOST, (int64_t)count);
    ingest->quarantined += count;
}

static enum cc_error put_apart(struct cell_ingest *ingest)
{
    enum cc_error error = put_refused_apart(ingest);
    if (!error)
        put_clashing_apart(ingest);
    return error;
}

static void on_batch(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct cell_ingest *ingest = context;
    if (error && is_poison(error, outcome)) {
        error = CC_OK;
        on_refused(ingest, outcome);
    } else if (error) {
        if (outcome && outcome->message && *outcome->message)
            CC_LOG(CC_LOG_WARNING, "ingest_failed", cc_log_text("sqlstate", outcome->sqlstate),
                   cc_log_text("reason", outcome->message), cc_log_error_field(error));
    } else {
        error = on_committed(ingest, outcome);
    }
    bool done = ingest->_first == ingest->count;
    if (!error)
        error = done ? put_apart(ingest) : submit_batch(ingest);
    if (error || done)
        ingest->on_done(ingest, error);
}

struct partitions {
    void (*on_done)(void *context, enum cc_error error, bool more);
    void *context;
};

static void on_partitions(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct partitions *asked = context;
    bool more = false;
    if (error == CC_OK) {
        struct cc_slice said = cc_pg_value(outcome->results[0], 0, 0);
        CC_LOG(CC_LOG_INFO, "partitions_ensured", cc_log_slice("outcome", said));
        json_t *values = json_loadb(said.data, said.length, 0, NULL);
        more = json_is_true(json_object_get(values, "more"));
        json_decref(values);
    }
    if (error != CC_OK && error != CC_CANCELLED)
        CC_LOG(CC_LOG_WARNING, "partitions_failed",
               cc_log_text("reason", outcome && outcome->message ? outcome->message : ""),
               cc_log_error_field(error));
    asked->on_done(asked->context, error, more);
    free(asked);
}

void cell_event_store_ensure_partitions(struct cell_event_store *store, int64_t days,
                                        void (*on_done)(void *context, enum cc_error error,
                                                        bool more),
                                        void *context)
{
    char text[NUMBER_TEXT];
    struct partitions *asked = calloc(1, sizeof(*asked));
    enum cc_error error = asked ? CC_OK : CC_NO_MEMORY;
    if (asked) {
        *asked = (struct partitions){on_done, context};
        snprintf(text, sizeof(text), "%" PRId64, days);
        struct cc_pg_query query = {.statement = &partitions_statement,
                                    .parameters = {cc_slice_of(text)},
                                    .parameter_count = 1};
        struct cc_pg_transaction transaction = {.queries = &query,
                                                .query_count = 1,
                                                .writes = true,
                                                .deadline_us = cc_loop_now_us(store->worker->loop) +
                                                               PARTITIONS_DEADLINE_US,
                                                .done = on_partitions,
                                                .context = asked};
        error = cc_pg_submit(store->primary, &transaction);
    }
    if (error) {
        free(asked);
        on_done(context, error, false);
    }
}

enum cc_error cell_event_store_list(struct cell_event_store *store, struct cc_slice tenant,
                                    struct cc_slice call_id, int64_t deadline_us, cc_pg_done done,
                                    void *context)
{
    struct cc_pg_query query = {
        .statement = &list_statement, .parameters = {tenant, call_id}, .parameter_count = 2};
    struct cc_pg_transaction transaction = {.tenant = tenant,
                                            .queries = &query,
                                            .query_count = 1,
                                            .deadline_us = deadline_us,
                                            .done = done,
                                            .context = context};
    return cc_pg_submit(store->primary, &transaction);
}
