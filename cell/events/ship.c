/*
 * Rim: spool and Postgres. One batch at a time:
 *
 *   wake -> (a moment, so that batches grow) -> read the spool -> ingest -> on_ingested
 *     ^            pause, 100 ms to 5 s <- failed ------------------------------'|
 *     '---------------------------------------- more <- acknowledge <- committed '
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
    PARTITION_DAYS = 7,
    PARTITION_MORE_US = 1000 * 1000,
    PARTITION_RETRY_US = 10 * 1000 * 1000
};

struct cell_shipper {
    struct cell_worker *worker;
    struct cell_event_store *store;
    struct cell_ingest ingest;
    struct cc_spool_batch batch;
    struct cc_deadline next;       /* when the next batch is due */
    struct cc_deadline partitions; /* when day partitions are due */
    int64_t pause_us;
    bool busy; /* batch is under way */
    void (*on_flushed)(void *context);
    void *flush_context;
    struct cc_deadline flush_end;
};

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
    cc_deadline_init(&shipper->next, worker->loop, on_next);
    cc_deadline_init(&shipper->partitions, worker->loop, on_partitions_due);
    cc_deadline_init(&shipper->flush_end, worker->loop, on_flush_end);
    set(shipper, &shipper->partitions, 0);
    set(shipper, &shipper->next, GATHER_US);
    *out = shipper;
    return CC_OK;
}

void cell_shipper_free(struct cell_shipper *shipper)
{
    if (!shipper)
        return;
    cc_deadline_clear(&shipper->next);
    cc_deadline_clear(&shipper->partitions);
    cc_deadline_clear(&shipper->flush_end);
    free(shipper);
}

void cell_shipper_wake(struct cell_shipper *shipper)
{
    if (!shipper->busy && !cc_deadline_is_set(&shipper->next))
        set(shipper, &shipper->next, GATHER_US);
}

static void pause_and_retry(struct cell_shipper *shipper)
{
    cell_worker_count(shipper->worker, CELL_T_SHIP_FAILURES, 1);
    set(shipper, &shipper->next, shipper->pause_us);
    shipper->pause_us = shipper->pause_us * 2 < PAUSE_MAX_US ? shipper->pause_us * 2 : PAUSE_MAX_US;
}

static void on_next(struct cc_deadline *deadline)
{
    struct cell_shipper *shipper = CC_CONTAINER_OF(deadline, struct cell_shipper, next);
    enum cc_error error =
        cc_spool_read(shipper->worker->spool, CELL_INGEST_MAX, BATCH_BYTES, &shipper->batch);
    if (error) {
        CC_LOG(CC_LOG_ERROR, "spool_unreadable", cc_log_error_field(error));
        pause_and_retry(shipper);
        return;
    }
    if (shipper->batch.count == 0) {
        cc_spool_batch_free(&shipper->batch);
        flushed(shipper);
        return;
    }
    shipper->ingest =
        (struct cell_ingest){.records = shipper->batch.records,
                             .count = shipper->batch.count,
                             .deadline_us = cc_loop_now_us(shipper->worker->loop) + INGEST_US,
                             .on_done = on_ingested};
    shipper->busy = true;
    error = cell_ingest_start(shipper->store, &shipper->ingest);
    if (error)
        on_ingested(&shipper->ingest, error);
}

static void on_ingested(struct cell_ingest *ingest, enum cc_error error)
{
    struct cell_shipper *shipper = CC_CONTAINER_OF(ingest, struct cell_shipper, ingest);
    uint64_t next = shipper->batch.first + shipper->batch.count;
    size_t shipped = shipper->batch.count;
    shipper->busy = false;
    cc_spool_batch_free(&shipper->batch);
    if (!error)
        error = cc_spool_acknowledge(shipper->worker->spool, next);
    if (error == CC_CANCELLED)
        return;
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
