/* Rim: Postgres. */
#include "cell/durability.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/timestamp.h"

enum { ASK_US = 1000 * 1000, ANSWER_US = 900 * 1000, CONNECTIONS = 1 };

struct cell_durability {
    struct cell_worker *worker;
    struct cc_pg_pool *primary;
    struct cc_deadline due;
    bool known, degraded;
    int64_t ok_us; /* monotonic; the start until a primary has answered */
};

static const struct cc_pg_statement ask_statement = {
    "durability", "SELECT current_setting('synchronous_standby_names') = ''"};

static void on_due(struct cc_deadline *due);
static void on_answer(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);

static void schedule(struct cell_durability *durability)
{
    enum cc_error error =
        cc_deadline_set(&durability->due, cc_loop_now_us(durability->worker->loop) + ASK_US);
    if (error)
        CC_LOG(CC_LOG_ERROR, "durability_not_watched", cc_log_error_field(error));
}

enum cc_error cell_durability_create(struct cell_worker *worker, struct cell_durability **out)
{
    struct cell_durability *durability = calloc(1, sizeof(*durability));
    *out = NULL;
    if (!durability)
        return CC_NO_MEMORY;
    durability->worker = worker;
    durability->ok_us = cc_monotonic_us();
    cc_deadline_init(&durability->due, worker->loop, on_due);
    enum cc_error error = cell_worker_pool(worker, "durability", "events", "read-write",
                                           CONNECTIONS, NULL, &durability->primary);
    if (error) {
        free(durability);
        return error;
    }
    worker->scout = durability->primary;
    schedule(durability);
    *out = durability;
    return CC_OK;
}

void cell_durability_free(struct cell_durability *durability)
{
    if (!durability)
        return;
    durability->worker->scout = NULL;
    cc_pg_pool_free(durability->primary);
    cc_deadline_clear(&durability->due);
    free(durability);
}

static void on_due(struct cc_deadline *due)
{
    struct cell_durability *durability = CC_CONTAINER_OF(due, struct cell_durability, due);
    struct cc_pg_query query = {.statement = &ask_statement};
    struct cc_pg_transaction transaction = {
        .queries = &query,
        .query_count = 1,
        .deadline_us = cc_loop_now_us(durability->worker->loop) + ANSWER_US,
        .done = on_answer,
        .context = durability};
    enum cc_error error = cc_pg_submit(durability->primary, &transaction);
    if (error)
        on_answer(durability, error, NULL);
}

static void note(struct cell_durability *durability, bool degraded)
{
    bool changed = !durability->known ? degraded : degraded != durability->degraded;
    if (changed && degraded)
        CC_LOG(CC_LOG_ERROR, "durability_degraded",
               cc_log_text("reason", "the primary's commits wait for no replica"));
    else if (changed)
        CC_LOG(CC_LOG_INFO, "durability_restored",
               cc_log_text("reason", "the primary's commits wait for a replica again"));
    durability->known = true;
    durability->degraded = degraded;
    durability->ok_us = cc_monotonic_us();
}

static void on_answer(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct cell_durability *durability = context;
    if (error == CC_CANCELLED)
        return;
    if (!error)
        note(durability, cc_slice_is(cc_pg_value(outcome->results[0], 0, 0), "t"));
    schedule(durability);
}

struct cell_durability_state cell_durability_state(const struct cell_durability *durability)
{
    return (struct cell_durability_state){
        .known = durability->known,
        .degraded = durability->degraded,
        .seconds_since_ok = (cc_monotonic_us() - durability->ok_us) / CC_SECOND_US};
}
