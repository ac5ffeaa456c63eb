/* Rim: the disk. */
#include "cell/calls/last_known.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "cell/calls/snapshot_file.h"
#include "cell/model/shared.h"

#define WRITE_BYTES_PER_S (INT64_C(4) << 20)

enum { SLICE = 4096 };

/* One write at a time into the folder, and never an older snapshot over a newer one: at the end a
 * second one may be handed over while the first is still being written. */
struct turn {
    pthread_mutex_t mutex;
    uint64_t written; /* the newest job's order; guarded by the mutex */
    int references;   /* of the owner and of its jobs; the loop's thread */
};

/* One snapshot on its way to disk. Outlives its owner while a thread writes it. */
struct job {
    struct cell_last_known *known; /* NULL: nobody waits for it */
    struct turn *turn;
    uint64_t order; /* 1, 2, ... as they were begun */
    struct cell_snapshot_record *records;
    size_t count;
    size_t room;
    size_t plan_place; /* next to be gathered */
    size_t flow_place;
    uint64_t changes; /* what it holds */
    int64_t bytes;
    int64_t left_out;
    int64_t loop_us;   /* that the loop spent on it */
    int64_t thread_us; /* that the thread did */
    enum cc_error error;
    int failure; /* errno */
    char *cell;
    char *directory;
};

enum phase { WAITING, GATHERING, WRITING, RELEASING };

struct cell_last_known {
    struct cell_worker *worker;
    struct cell_plan_cache *plans;
    struct cell_flow_cache *flows;
    struct turn *turn;
    uint64_t jobs; /* begun so far */
    enum phase phase;
    struct job *job;         /* unless waiting */
    struct cc_deadline tick; /* the next snapshot, or the next slice of this one */
    int64_t next_us;         /* when the next one may begin */
    uint64_t written_changes;
    size_t loaded;
    bool failing;
    bool finishing;
};

static void on_tick(struct cc_deadline *deadline);
static void gather(struct cell_last_known *known, size_t slice);
static void hand_over(struct cell_last_known *known);
static void write_job(void *context);
static void on_written(void *context);
static void release(struct cell_last_known *known, size_t slice);

static int64_t interval_us(const struct cell_last_known *known)
{
    return known->worker->settings->plans_interval_ms * 1000;
}

static uint64_t changes_of(const struct cell_last_known *known)
{
    return cell_plan_cache_changes(known->plans) + cell_flow_cache_changes(known->flows);
}

static void tick_at(struct cell_last_known *known, int64_t due_us)
{
    if (cc_deadline_set(&known->tick, due_us))
        CC_LOG(CC_LOG_ERROR, "call_plans_not_kept", cc_log_error_field(CC_NO_MEMORY));
}

/* ---- at start ---- */

static enum cc_error take_plan(struct cell_last_known *known,
                               const struct cell_snapshot_value *value,
                               struct cell_snapshot_item *item)
{
    struct cell_plan_news news = {.tenant = value->tenant,
                                  .number = value->name,
                                  .flow_id = value->flow_id,
                                  .item = item,
                                  .gone = value->kind == CELL_SNAPSHOT_GONE,
                                  .from_disk = true,
                                  .row_version = value->version,
                                  .minimum_version = value->minimum_version};
    known->loaded += value->kind == CELL_SNAPSHOT_PLAN;
    return cell_plan_cache_put(known->plans, &news);
}

/* One that does not compile any more is looked up when a call needs it. */
static enum cc_error take_flow(struct cell_last_known *known,
                               const struct cell_snapshot_value *value,
                               struct cell_snapshot_item *item)
{
    char key[CELL_SHARED_KEY_MAX];
    struct cell_zones zones = cell_zone_files_zones(known->worker->zones);
    struct cc_json_reason reason = {{0}};
    struct cell_held_flow *held = NULL;
    enum cc_error error = cell_held_flow_compile(value->text, &zones, &held, &reason);
    if (error)
        return error == CC_NO_MEMORY ? error : CC_OK;
    held->item = cell_snapshot_item_ref(item);
    error = cell_flow_cache_put(
        known->flows, cell_shared_flow_key(value->tenant, value->name, value->version, key), held);
    cell_held_flow_unref(held);
    return error;
}

static enum cc_error take(struct cell_last_known *known, struct cc_slice bytes,
                          const struct cell_snapshot_value *value)
{
    struct cell_snapshot_item *item = cell_snapshot_item_copy(bytes);
    if (!item)
        return CC_NO_MEMORY;
    enum cc_error error = value->kind == CELL_SNAPSHOT_FLOW ? take_flow(known, value, item)
                                                            : take_plan(known, value, item);
    cell_snapshot_item_unref(item);
    return error == CC_STALE ? CC_OK : error;
}

static enum cc_error look_at_all(struct cc_slice records)
{
    struct cell_snapshot_value value;
    struct cc_slice item;
    enum cc_error error;
    do {
        error = cell_snapshot_next(&records, &item, &value);
    } while (!error);
    return error == CC_NOT_FOUND ? CC_OK : error;
}

/* All records are looked at before the first is taken. */
static enum cc_error take_all(struct cell_last_known *known, struct cc_slice records)
{
    struct cell_snapshot_value value;
    struct cc_slice item;
    enum cc_error error = look_at_all(records);
    while (!error) {
        error = cell_snapshot_next(&records, &item, &value);
        if (error == CC_NOT_FOUND)
            return CC_OK;
        if (!error)
            error = take(known, item, &value);
    }
    return error;
}

static void load(struct cell_last_known *known)
{
    char *bytes = NULL;
    size_t length = 0;
    struct cc_slice records;
    const struct cell_settings *settings = known->worker->settings;
    int64_t began_us = cc_monotonic_us();
    enum cc_error error = cell_snapshot_file_read(settings->plans_directory, &bytes, &length);
    bool absent = error == CC_NOT_FOUND;
    if (!error)
        error = cell_snapshot_open(cc_slice(bytes, length), cc_slice_of(settings->cell), &records);
    if (!error)
        error = take_all(known, records);
    free(bytes);
    if (absent)
        return;
    if (error) {
        cell_worker_count(known->worker, CELL_T_SNAPSHOTS_REFUSED, 1);
        CC_LOG(CC_LOG_ERROR, "call_plans_on_disk_refused",
               cc_log_text("directory", settings->plans_directory), cc_log_error_field(error));
        return;
    }
    CC_LOG(CC_LOG_INFO, "call_plans_loaded", cc_log_number("plans", (int64_t)known->loaded),
           cc_log_number("bytes", (int64_t)length),
           cc_log_number("took_us", cc_monotonic_us() - began_us));
}

static struct turn *turn_ref(struct turn *turn)
{
    turn->references++;
    return turn;
}

static void turn_unref(struct turn *turn)
{
    if (!turn || --turn->references > 0)
        return;
    (void)pthread_mutex_destroy(&turn->mutex);
    free(turn);
}

static struct turn *turn_create(void)
{
    struct turn *turn = calloc(1, sizeof(*turn));
    if (turn && pthread_mutex_init(&turn->mutex, NULL)) {
        free(turn);
        return NULL;
    }
    return turn ? turn_ref(turn) : NULL;
}

enum cc_error cell_last_known_create(struct cell_worker *worker, struct cell_plan_cache *plans,
                                     struct cell_flow_cache *flows, struct cell_last_known **out)
{
    struct cell_last_known *known = calloc(1, sizeof(*known));
    struct turn *turn = turn_create();
    *out = known;
    if (!known || !turn) {
        turn_unref(turn);
        free(known);
        *out = NULL;
        return CC_NO_MEMORY;
    }
    known->turn = turn;
    known->worker = worker;
    known->plans = plans;
    known->flows = flows;
    cc_deadline_init(&known->tick, worker->loop, on_tick);
    load(known);
    cc_telemetry_set(&worker->telemetry, CELL_T_PLANS_LOADED, (int64_t)known->loaded);
    known->written_changes = changes_of(known);
    known->next_us = cc_loop_now_us(worker->loop) + interval_us(known);
    tick_at(known, known->next_us);
    return CC_OK;
}

static void free_job(struct job *job)
{
    for (size_t i = 0; i < job->count; i++)
        cell_snapshot_item_unref(job->records[i].item);
    turn_unref(job->turn);
    free(job->records);
    free(job->cell);
    free(job->directory);
    free(job);
}

void cell_last_known_free(struct cell_last_known *known)
{
    if (!known)
        return;
    cc_deadline_clear(&known->tick);
    if (known->phase == WRITING)
        known->job->known = NULL;
    else if (known->job)
        free_job(known->job);
    turn_unref(known->turn);
    free(known);
}

size_t cell_last_known_loaded(const struct cell_last_known *known)
{
    return known->loaded;
}

/* ---- one snapshot, in time order ---- */

static struct job *make_job(struct cell_last_known *known)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return NULL;
    job->known = known;
    job->turn = turn_ref(known->turn);
    job->order = ++known->jobs;
    job->changes = changes_of(known);
    job->room = cell_plan_cache_count(known->plans) + cell_flow_cache_count(known->flows);
    job->records = calloc(job->room + 1, sizeof(*job->records));
    job->cell = strdup(known->worker->settings->cell);
    job->directory = strdup(known->worker->settings->plans_directory);
    if (job->records && job->cell && job->directory)
        return job;
    free_job(job);
    return NULL;
}

static void begin(struct cell_last_known *known)
{
    known->next_us = cc_loop_now_us(known->worker->loop) + interval_us(known);
    if (changes_of(known) == known->written_changes)
        return;
    known->job = make_job(known);
    if (known->job)
        known->phase = GATHERING;
    else
        cell_worker_count(known->worker, CELL_T_SNAPSHOTS_FAILED, 1);
}

static void on_tick(struct cc_deadline *deadline)
{
    struct cell_last_known *known = CC_CONTAINER_OF(deadline, struct cell_last_known, tick);
    if (known->phase == WAITING)
        begin(known);
    else if (known->phase == GATHERING)
        gather(known, SLICE);
    else if (known->phase == RELEASING)
        release(known, SLICE);
    if (known->phase == WAITING)
        tick_at(known, known->next_us);
    else if (known->phase != WRITING)
        tick_at(known, cc_loop_now_us(known->worker->loop));
}

static void add(struct job *job, struct cell_snapshot_item *item, int64_t minimum_version)
{
    if (!item)
        return;
    int64_t bytes = CELL_SNAPSHOT_RECORD_HEAD + (int64_t)item->length;
    if (job->count == job->room || job->bytes + bytes > CELL_SNAPSHOT_FILE_MAX / 2) {
        job->left_out++;
        return;
    }
    struct cell_snapshot_record *record = &job->records[job->count++];
    record->item = cell_snapshot_item_ref(item);
    cell_snapshot_record_head(item->length, minimum_version, record->head);
    job->bytes += bytes;
}

/* References to the next slice of what memory holds. What is replaced behind the gatherer's back is
 * in the next snapshot. */
static void gather(struct cell_last_known *known, size_t slice)
{
    struct job *job = known->job;
    size_t plans = cell_plan_cache_count(known->plans);
    size_t flows = cell_flow_cache_count(known->flows);
    int64_t began_us = cc_monotonic_us();
    for (; slice > 0 && job->plan_place < plans; slice--) {
        const struct cell_plan_entry *entry = cell_plan_cache_at(known->plans, job->plan_place++);
        add(job, entry->item, entry->minimum_version);
    }
    for (; slice > 0 && job->flow_place < flows; slice--)
        add(job, cell_flow_cache_at(known->flows, job->flow_place++)->item, 0);
    job->loop_us += cc_monotonic_us() - began_us;
    if (job->plan_place >= plans && job->flow_place >= flows)
        hand_over(known);
}

static void hand_over(struct cell_last_known *known)
{
    known->phase = WRITING;
    enum cc_error error = cc_loop_work(known->worker->loop, write_job, on_written, known->job);
    if (!error)
        return;
    known->job->error = error;
    on_written(known->job);
}

static void write_job(void *context)
{
    struct job *job = context;
    struct turn *turn = job->turn;
    (void)pthread_mutex_lock(&turn->mutex);
    int64_t began_us = cc_monotonic_us();
    if (job->order > turn->written)
        job->error = cell_snapshot_file_write(job->directory, job->cell, job->records, job->count);
    job->failure = job->error ? errno : 0;
    job->thread_us = cc_monotonic_us() - began_us;
    if (!job->error && job->order > turn->written)
        turn->written = job->order;
    (void)pthread_mutex_unlock(&turn->mutex);
}

static void tell_failure(struct cell_last_known *known)
{
    cell_worker_count(known->worker, CELL_T_SNAPSHOTS_FAILED, 1);
    if (!known->failing)
        CC_LOG(CC_LOG_ERROR, "call_plans_not_kept", cc_log_text("directory", known->job->directory),
               cc_log_number("errno", known->job->failure), cc_log_error_field(known->job->error));
    known->failing = true;
}

static void tell_success(struct cell_last_known *known)
{
    const struct job *job = known->job;
    struct cc_telemetry *telemetry = &known->worker->telemetry;
    known->failing = false;
    known->written_changes = job->changes;
    cell_worker_count(known->worker, CELL_T_SNAPSHOTS_WRITTEN, 1);
    cell_worker_count(known->worker, CELL_T_SNAPSHOT_LEFT_OUT, job->left_out);
    cc_telemetry_set(telemetry, CELL_T_SNAPSHOT_ITEMS, (int64_t)job->count);
    cc_telemetry_set(telemetry, CELL_T_SNAPSHOT_BYTES, job->bytes);
    cc_telemetry_observe(telemetry, CELL_T_SNAPSHOT_TIME, job->thread_us);
    CC_LOG(CC_LOG_DEBUG, "call_plans_kept", cc_log_number("items", (int64_t)job->count),
           cc_log_number("bytes", job->bytes), cc_log_number("thread_us", job->thread_us),
           cc_log_number("loop_us", job->loop_us));
}

static void on_written(void *context)
{
    struct job *job = context;
    struct cell_last_known *known = job->known;
    if (!known) {
        free_job(job);
        return;
    }
    if (job->error)
        tell_failure(known);
    else
        tell_success(known);
    int64_t pause_us = job->bytes * CC_SECOND_US / WRITE_BYTES_PER_S;
    if (pause_us < interval_us(known))
        pause_us = interval_us(known);
    known->next_us = cc_loop_now_us(known->worker->loop) + pause_us;
    known->phase = RELEASING;
    if (known->finishing)
        release(known, job->count);
    else
        tick_at(known, cc_loop_now_us(known->worker->loop));
}

static void release(struct cell_last_known *known, size_t slice)
{
    struct job *job = known->job;
    for (; slice > 0 && job->count > 0; slice--)
        cell_snapshot_item_unref(job->records[--job->count].item);
    if (job->count > 0)
        return;
    free_job(job);
    known->job = NULL;
    known->phase = WAITING;
}

/* What is gathered already may be older than what the last calls taught, so all is gathered anew.
 */
static void drop_what_is_not_whole(struct cell_last_known *known)
{
    if (known->phase == RELEASING)
        release(known, known->job->count);
    if (known->phase == GATHERING)
        free_job(known->job);
    if (known->phase == WRITING && changes_of(known) == known->job->changes)
        return;
    if (known->phase == WRITING)
        known->job->known = NULL;
    known->job = NULL;
    known->phase = WAITING;
}

void cell_last_known_finish(struct cell_last_known *known)
{
    cc_deadline_clear(&known->tick);
    known->finishing = true;
    drop_what_is_not_whole(known);
    if (known->phase == WAITING)
        begin(known);
    if (known->phase == GATHERING)
        gather(known, SIZE_MAX);
}
