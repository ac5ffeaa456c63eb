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
    CONNECTIONS = 2,
    PARTITIONS_DEADLINE_US = 30 * 1000 * 1000,
    NUMBER_TEXT = 24
};

struct cell_event_store {
    struct cell_worker *worker;
    struct cc_pg_pool *primary;
    char *quarantine_file;
    int64_t clash_told_us, apart_told_us;
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
                                      struct cell_event_store **out)
{
    struct cell_event_store *store = calloc(1, sizeof(*store));
    *out = NULL;
    if (!store)
        return CC_NO_MEMORY;
    store->worker = worker;
    store->quarantine_file = strdup(quarantine_file);
    enum cc_error error = store->quarantine_file ? CC_OK : CC_NO_MEMORY;
    if (!error)
        error = cell_worker_pool(worker, "events", "events", "read-write", CONNECTIONS,
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

/* Halves the batch under way, or puts its one record apart. */
static void on_refused(struct cell_ingest *ingest, const struct cc_pg_outcome *outcome)
{
    if (ingest->_size > 1) {
        ingest->_size /= 2;
        return;
    }
    CC_LOG(CC_LOG_ERROR, "record_refused", cc_log_text("sqlstate", outcome->sqlstate));
    ingest->_apart[ingest->_first] = CELL_REFUSED;
    next_batch(ingest);
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

static void tell_clash(struct cell_event_store *store, struct cc_slice text, const char *held_by)
{
    if (!may_tell(store, &store->clash_told_us))
        return;
    json_t *record = json_loadb(text.data, text.length, 0, NULL);
    CC_LOG(CC_LOG_ERROR, "event_id_clash", cc_log_text("tenant", text_of(record, "tenant")),
           cc_log_text("event_id", text_of(record, "event_id")),
           cc_log_text("call_event", text_of(record, "event")),
           cc_log_text("call_id", text_of(record, "call_id")),
           cc_log_text("held_by_call", held_by ? held_by : ""));
    json_decref(record);
}

/* A Postgres of before 0012 says nothing of clashes. */
static enum cc_error on_committed(struct cell_ingest *ingest, const struct cc_pg_outcome *outcome)
{
    struct cc_slice said = cc_pg_value(outcome->results[0], 0, 0);
    json_t *answer = json_loadb(said.data, said.length, 0, NULL);
    if (!answer)
        return CC_NO_MEMORY;
    const json_t *clashes = json_object_get(answer, "clashes");
    const json_t *held_by = json_object_get(answer, "held_by");
    for (size_t i = 0; i < json_array_size(clashes); i++) {
        json_int_t position = json_integer_value(json_array_get(clashes, i));
        if (position < 0 || (size_t)position >= ingest->_size)
            continue;
        size_t at = ingest->_first + (size_t)position;
        ingest->_apart[at] = CELL_CLASHES;
        tell_clash(ingest->_store, ingest->records[at],
                   json_string_value(json_array_get(held_by, i)));
    }
    json_decref(answer);
    next_batch(ingest);
    return CC_OK;
}

/* A line each; answers how many. */
static size_t gather_apart(const struct cell_ingest *ingest, enum cell_ingest_apart kind,
                           struct cc_buffer *lines)
{
    size_t count = 0;
    for (size_t i = 0; i < ingest->count; i++) {
        if (ingest->_apart[i] != kind)
            continue;
        if (lines->length > 0)
            cc_buffer_text(lines, "\n");
        cc_buffer_append(lines, ingest->records[i]);
        count++;
    }
    return count;
}

static void count_apart(struct cell_ingest *ingest, size_t refused, size_t clashing, bool lost)
{
    struct cell_worker *worker = ingest->_store->worker;
    ingest->quarantined = refused + clashing;
    cell_worker_count(worker, CELL_T_EVENT_ID_CLASHES, (int64_t)clashing);
    if (lost)
        cell_worker_count(worker, CELL_T_QUARANTINE_LOST, (int64_t)ingest->quarantined);
    else
        cell_worker_count(worker, CELL_T_QUARANTINED, (int64_t)refused);
}

/* In one write, so that a batch that is tried again for a full disk leaves none twice. */
static enum cc_error put_apart(struct cell_ingest *ingest)
{
    struct cell_event_store *store = ingest->_store;
    struct cc_buffer lines;
    cc_buffer_init(&lines, BATCH_BYTES_MAX);
    size_t refused = gather_apart(ingest, CELL_REFUSED, &lines);
    size_t clashing = gather_apart(ingest, CELL_CLASHES, &lines);
    enum cc_error error = lines.error;
    if (!error && refused + clashing > 0)
        error = cc_quarantine_append(store->worker->loop, store->quarantine_file, QUARANTINE_MAX,
                                     cc_buffer_slice(&lines));
    cc_buffer_deinit(&lines);
    if (refused + clashing > 0 && may_tell(store, &store->apart_told_us))
        CC_LOG(CC_LOG_ERROR, "records_put_apart", cc_log_number("refused", (int64_t)refused),
               cc_log_number("clashing", (int64_t)clashing),
               cc_log_text("file", store->quarantine_file), cc_log_error_field(error));
    if (error && error != CC_TOO_LARGE)
        return error;
    count_apart(ingest, refused, clashing, error == CC_TOO_LARGE);
    return CC_OK;
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
