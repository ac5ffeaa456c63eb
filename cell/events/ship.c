/*
 * Rim: spool and Postgres. One batch at a time, of the spool or of memory:
 *
 *   keep -> (a moment, so that batches grow) -> take_batch -> ingest -> on_ingested
 *     ^            pause, 100 ms to 5 s <- failed ------------------------------'|
 *     '---------------------------------------- more <- acknowledge <- committed '
 *
 * and beside it, while records stand in memory: on_spool_due, every 250 ms, puts into the spool
 * what that takes again.
 */
#include "cell/events/ship.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/timestamp.h"

enum {
    BATCH_BYTES = 4 * 1024 * 1024,
    GATHER_US = 20 * 1000,
    INGEST_US = 10 * 1000 * 1000,
    PAUSE_MIN_US = 100 * 1000,
    PAUSE_MAX_US = 5 * 1000 * 1000,
    SPOOL_AGAIN_US = 250 * 1000,
    SPOOL_AGAIN_MAX = 500, /* records at a time: each is a write on the loop */
    PARTITION_DAYS = 7,
    PARTITION_MORE_US = 1000 * 1000,
    PARTITION_RETRY_US = 10 * 1000 * 1000
};

struct cell_shipper {
    struct cell_worker *worker;
    struct cell_event_store *store;
    struct cell_ingest ingest;
    struct cc_spool_batch batch; /* under way, of the spool */
    struct cc_held *held;
    struct cc_slice lent[CELL_INGEST_MAX]; /* under way, of memory */
    size_t lent_count;
    bool memory_first;            /* at the last batch: the two take turns */
    struct cc_deadline spool_due; /* when the spool is tried again for what is held */
    int64_t held_logged_us;
    struct cc_deadline next;       /* when the next batch is due */
    struct cc_deadline partitions; /* when day partitions are due */
    int64_t pause_us;
    bool busy; /* batch is under way */
    void (*on_flushed)(void *context);
    void *flush_context;
    struct cc_deadline flush_end;
};

static void on_spool_due(struct cc_deadline *deadline);
static void on_next(struct cc_deadline *deadline);
static void on_ingested(struct cell_ingest *ingest, enum cc_error error);
static void on_partitions_due(struct cc_deadline *deadline);
static void on_partitions(void *context, enum cc_error error, bool more);
static void on_flush_end(struct cc_deadline *deadline);
static void flushed(struct cell_shipper *shipper);

static void set(struct cell_shipper *shipper, struct cc_deadline *deadline, int64_t in_us)
{
    enum cc_error error = cc_deadline_set(deadline, cc_loop_now_us(shipper->worker->loop) + in_us);
    if (error)
        CC_LOG(CC_LOG_ERROR, "shipper_stands_still", cc_log_error_field(error));
}

enum cc_error cell_shipper_create(struct cell_worker *worker, struct cell_event_store *store,
                                  struct cell_shipper **out)
{
    struct cell_shipper *shipper = calloc(1, sizeof(*shipper));
    *out = NULL;
    if (!shipper)
        return CC_NO_MEMORY;
    shipper->worker = worker;
    shipper->store = store;
    shipper->pause_us = PAUSE_MIN_US;
    enum cc_error error = cc_held_create(worker->settings->spool_memory_max_bytes, &shipper->held);
    if (error) {
        free(shipper);
        return error;
    }
    cc_deadline_init(&shipper->spool_due, worker->loop, on_spool_due);
    cc_deadline_init(&shipper->next, worker->loop, on_next);
    cc_deadline_init(&shipper->partitions, worker->loop, on_partitions_due);
    cc_deadline_init(&shipper->flush_end, worker->loop, on_flush_end);
    set(shipper, &shipper->partitions, 0);
    set(shipper, &shipper->next, GATHER_US);
    *out = shipper;
    return CC_OK;
}

/* Puts what is in memory into the spool. false: that takes nothing. */
static bool move_to_spool(struct cell_shipper *shipper, size_t count_max)
{
    struct cc_slice record;
    for (size_t i = 0; i < count_max && cc_held_first(shipper->held, &record); i++) {
        if (cc_spool_append(shipper->worker->spool, record) != CC_OK)
            return false;
        cc_held_drop_first(shipper->held);
    }
    return true;
}

void cell_shipper_free(struct cell_shipper *shipper)
{
    if (!shipper)
        return;
    (void)move_to_spool(shipper, SIZE_MAX);
    size_t lost = cc_held_state(shipper->held).records;
    cell_worker_count(shipper->worker, CELL_T_UNRECORDED, (int64_t)lost);
    if (lost > 0)
        CC_LOG(CC_LOG_ERROR, "records_lost_at_stop", cc_log_number("records", (int64_t)lost));
    cc_held_free(shipper->held);
    cc_deadline_clear(&shipper->spool_due);
    cc_deadline_clear(&shipper->next);
    cc_deadline_clear(&shipper->partitions);
    cc_deadline_clear(&shipper->flush_end);
    free(shipper);
}

/* ---- keeping ---- */

/* Told at most once a second. */
static void log_held(struct cell_shipper *shipper, enum cc_error refusal)
{
    int64_t now_us = cc_loop_now_us(shipper->worker->loop);
    if (shipper->held_logged_us != 0 && now_us - shipper->held_logged_us < CC_SECOND_US)
        return;
    shipper->held_logged_us = now_us;
    CC_LOG(CC_LOG_ERROR, "record_in_memory_only", cc_log_error_field(refusal),
           cc_log_number("in_memory", (int64_t)cc_held_state(shipper->held).records));
}

static void try_spool_again(struct cell_shipper *shipper, int64_t in_us)
{
    struct cc_slice record;
    if (cc_held_first(shipper->held, &record) && !cc_deadline_is_set(&shipper->spool_due))
        set(shipper, &shipper->spool_due, in_us);
}

static enum cc_error hold(struct cell_shipper *shipper, struct cc_slice record,
                          enum cc_error refusal)
{
    enum cc_error error = cc_held_append(shipper->held, record, cc_wall_clock_us());
    if (error)
        return error;
    cell_worker_count(shipper->worker, CELL_T_HELD, 1);
    log_held(shipper, refusal);
    try_spool_again(shipper, SPOOL_AGAIN_US);
    return CC_OK;
}

enum cc_error cell_shipper_keep(struct cell_shipper *shipper, const struct cc_slice *records,
                                size_t count, size_t *lost)
{
    struct cc_spool *spool = shipper->worker->spool;
    enum cc_error last = CC_OK, refused = CC_OK;
    *lost = 0;
    for (size_t at = 0; at < count; at++) { /* over the one that the spool refused */
        size_t taken = 0;
        enum cc_error error = refused; /* a disk that took nothing is not asked once for each */
        if (!refused)
            error = cc_spool_append_all(spool, records + at, count - at, &taken);
        at += taken;
        if (!error)
            continue;
        if (cc_spool_fits(spool, records[at])) {
            refused = error;
            error = hold(shipper, records[at], error);
        } else {
            error = CC_TOO_LARGE;
        }
        if (error) {
            last = error;
            ++*lost;
        }
    }
    if (*lost < count && !shipper->busy && !cc_deadline_is_set(&shipper->next))
        set(shipper, &shipper->next, GATHER_US);
    return last;
}

static void on_spool_due(struct cc_deadline *deadline)
{
    struct cell_shipper *shipper = CC_CONTAINER_OF(deadline, struct cell_shipper, spool_due);
    bool taken = move_to_spool(shipper, SPOOL_AGAIN_MAX);
    try_spool_again(shipper, taken ? GATHER_US : SPOOL_AGAIN_US);
}

struct cc_held_state cell_shipper_held(const struct cell_shipper *shipper)
{
    return cc_held_state(shipper->held);
}

/* ---- shipping ---- */

static void pause_and_retry(struct cell_shipper *shipper)
{
    cell_worker_count(shipper->worker, CELL_T_SHIP_FAILURES, 1);
    set(shipper, &shipper->next, shipper->pause_us);
    shipper->pause_us = shipper->pause_us * 2 < PAUSE_MAX_US ? shipper->pause_us * 2 : PAUSE_MAX_US;
}

static bool take_of_memory(struct cell_shipper *shipper)
{
    shipper->lent_count = cc_held_lend(shipper->held, CELL_INGEST_MAX, BATCH_BYTES, shipper->lent);
    return shipper->lent_count > 0;
}

/* Of memory and of the spool in turns, so that neither waits for the other; nothing is left when
 * neither has any. */
static enum cc_error take_batch(struct cell_shipper *shipper)
{
    shipper->memory_first = !shipper->memory_first;
    if (shipper->memory_first && take_of_memory(shipper))
        return CC_OK;
    enum cc_error error =
        cc_spool_read(shipper->worker->spool, CELL_INGEST_MAX, BATCH_BYTES, &shipper->batch);
    if (error)
        CC_LOG(CC_LOG_ERROR, "spool_unreadable", cc_log_error_field(error));
    if (shipper->batch.count == 0 && take_of_memory(shipper))
        return CC_OK;
    return error;
}

static void on_next(struct cc_deadline *deadline)
{
    struct cell_shipper *shipper = CC_CONTAINER_OF(deadline, struct cell_shipper, next);
    enum cc_error error = take_batch(shipper);
    size_t count = shipper->lent_count + shipper->batch.count;
    if (error) {
        pause_and_retry(shipper);
        return;
    }
    if (count == 0) {
        cc_spool_batch_free(&shipper->batch);
        flushed(shipper);
        return;
    }
    shipper->ingest = (struct cell_ingest){
        .records = shipper->lent_count > 0 ? shipper->lent : shipper->batch.records,
        .count = count,
        .deadline_us = cc_loop_now_us(shipper->worker->loop) + INGEST_US,
        .on_done = on_ingested};
    shipper->busy = true;
    error = cell_ingest_start(shipper->store, &shipper->ingest);
    if (error)
        on_ingested(&shipper->ingest, error);
}

/* Of what was shipped, or was not. */
static enum cc_error settle_batch(struct cell_shipper *shipper, bool shipped)
{
    uint64_t next = shipper->batch.first + shipper->batch.count;
    bool of_memory = shipper->lent_count > 0;
    cc_spool_batch_free(&shipper->batch);
    shipper->lent_count = 0;
    if (!of_memory)
        return shipped ? cc_spool_acknowledge(shipper->worker->spool, next) : CC_OK;
    cc_held_return(shipper->held, shipped);
    return CC_OK;
}

static void on_ingested(struct cell_ingest *ingest, enum cc_error error)
{
    struct cell_shipper *shipper = CC_CONTAINER_OF(ingest, struct cell_shipper, ingest);
    size_t shipped = ingest->count;
    shipper->busy = false;
    enum cc_error settled = settle_batch(shipper, !error);
    if (!error)
        error = settled;
    if (error == CC_CANCELLED)
        return;
    try_spool_again(shipper, SPOOL_AGAIN_US);
    if (error) {
        CC_LOG(CC_LOG_DEBUG, "ship_failed", cc_log_error_field(error));
        pause_and_retry(shipper);
        return;
    }
    cell_worker_count(shipper->worker, CELL_T_SHIPPED, (int64_t)(shipped - ingest->quarantined));
    shipper->pause_us = PAUSE_MIN_US;
    set(shipper, &shipper->next, shipped == CELL_INGEST_MAX ? 0 : GATHER_US);
}

static void on_partitions_due(struct cc_deadline *deadline)
{
    struct cell_shipper *shipper = CC_CONTAINER_OF(deadline, struct cell_shipper, partitions);
    cell_event_store_ensure_partitions(shipper->store, PARTITION_DAYS, on_partitions, shipper);
}

static void on_partitions(void *context, enum cc_error error, bool more)
{
    struct cell_shipper *shipper = context;
    if (error != CC_CANCELLED)
        set(shipper, &shipper->partitions,
            error  ? PARTITION_RETRY_US
            : more ? PARTITION_MORE_US
                   : CC_DAY_US);
}

void cell_shipper_flush(struct cell_shipper *shipper, int64_t deadline_us,
                        void (*on_done)(void *context), void *context)
{
    shipper->on_flushed = on_done;
    shipper->flush_context = context;
    if (cc_deadline_set(&shipper->flush_end, deadline_us)) {
        flushed(shipper);
        return;
    }
    if (!shipper->busy)
        set(shipper, &shipper->next, 0);
}

static void on_flush_end(struct cc_deadline *deadline)
{
    flushed(CC_CONTAINER_OF(deadline, struct cell_shipper, flush_end));
}

static void flushed(struct cell_shipper *shipper)
{
    void (*on_flushed)(void *context) = shipper->on_flushed;
    if (!on_flushed)
        return;
    shipper->on_flushed = NULL;
    cc_deadline_clear(&shipper->flush_end);
    on_flushed(shipper->flush_context);
}
