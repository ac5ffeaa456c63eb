/*
 * Rim: disk and Postgres.
 *
 *   1 s -> scan (thread pool): whose lock is free, and since when? the first after 5 s is opened
 *    ^        |-> on_scanned: none
 *    |        '-> a spool -> ship: read, ingest -> on_ingested: acknowledge -> ship ...
 *    '------------------------ given back: empty, failed, or held for 1 s <----'
 */
#include "cell/events/adopt.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

enum {
    SIBLINGS_MAX = 64, /* spools that are watched at a time */
    SCAN_US = 1000 * 1000,
    ORPHANED_US = 5 * 1000 * 1000,
    HOLD_US = 1000 * 1000,
    INGEST_US = 3 * 1000 * 1000,
    BATCH_BYTES = 4 * 1024 * 1024,
    SPOOL_RECORD_MAX = 64 * 1024,
    OWN_WAIT_US = 2 * 1000 * 1000,
    OWN_PAUSE_US = 20 * 1000
};

/* One spool, by its path. */
struct sibling {
    char *path;
    int64_t free_since_us;     /* its lock; 0: somebody holds it */
    struct timespec opened_at; /* when an owner last opened it, as of free_since_us */
    bool empty;                /* nothing is in it since then */
    bool seen;                 /* in the scan under way */
};

struct cell_adopter {
    struct cell_worker *worker;
    struct cell_event_store *store;
    struct cc_deadline due;
    bool scanning, stopped, freed;
    /* The thread pool's while scanning. */
    struct sibling siblings[SIBLINGS_MAX];
    size_t count;
    struct cc_spool *found;
    struct sibling *found_at;
    /* Being shipped; NULL: none. */
    struct cc_spool *spool;
    struct cc_spool_batch batch;
    struct cell_ingest ingest;
    bool busy; /* the batch is under way */
    int64_t adopted_us;
    int64_t records;
};

static void on_due(struct cc_deadline *due);
static void scan(void *context);
static void on_scanned(void *context);
static void ship(struct cell_adopter *adopter);
static void on_ingested(struct cell_ingest *ingest, enum cc_error error);
static void give_back(struct cell_adopter *adopter, const char *why);

/* ---- a worker's own ---- */

static enum cc_error open_at(struct cell_worker *worker, const char *directory)
{
    struct cc_spool_options options = {.directory = directory,
                                       .maximum_bytes = worker->settings->spool_max_bytes,
                                       .record_max = SPOOL_RECORD_MAX};
    return cc_spool_open(worker->loop, &options, &worker->spool);
}

enum cc_error cell_spool_open(struct cell_worker *worker)
{
    char second[PATH_MAX];
    int64_t until_us = cc_monotonic_us() + OWN_WAIT_US;
    enum cc_error error = open_at(worker, worker->settings->spool_directory);
    while (error == CC_CONFLICT && cc_monotonic_us() < until_us) {
        usleep(OWN_PAUSE_US);
        error = open_at(worker, worker->settings->spool_directory);
    }
    if (error != CC_CONFLICT)
        return error;
    CC_LOG(CC_LOG_WARNING, "spool_held_by_another",
           cc_log_text("folder", worker->settings->spool_directory));
    int length = snprintf(second, sizeof(second), "%s-2", worker->settings->spool_directory);
    return length < (int)sizeof(second) ? open_at(worker, second) : CC_TOO_LARGE;
}

/* ---- life ---- */

static void schedule(struct cell_adopter *adopter)
{
    enum cc_error error =
        cc_deadline_set(&adopter->due, cc_loop_now_us(adopter->worker->loop) + SCAN_US);
    if (error)
        CC_LOG(CC_LOG_ERROR, "adoption_stands_still", cc_log_error_field(error));
}

enum cc_error cell_adopter_create(struct cell_worker *worker, struct cell_event_store *store,
                                  struct cell_adopter **out)
{
    struct cell_adopter *adopter = calloc(1, sizeof(*adopter));
    *out = adopter;
    if (!adopter)
        return CC_NO_MEMORY;
    adopter->worker = worker;
    adopter->store = store;
    cc_deadline_init(&adopter->due, worker->loop, on_due);
    if (worker->settings->spool_siblings.count > 0)
        schedule(adopter);
    return CC_OK;
}

static void destroy(struct cell_adopter *adopter)
{
    cc_spool_close(adopter->found);
    for (size_t i = 0; i < adopter->count; i++)
        free(adopter->siblings[i].path);
    free(adopter);
}

void cell_adopter_stop(struct cell_adopter *adopter)
{
    adopter->stopped = true;
    cc_deadline_clear(&adopter->due);
    if (adopter->spool && !adopter->busy)
        give_back(adopter, "stopping");
}

void cell_adopter_free(struct cell_adopter *adopter)
{
    if (!adopter)
        return;
    adopter->busy = false;
    cell_adopter_stop(adopter);
    adopter->freed = true;
    if (!adopter->scanning)
        destroy(adopter); /* else on_scanned does */
}

/* ---- looking ---- */

static void on_due(struct cc_deadline *due)
{
    struct cell_adopter *adopter = CC_CONTAINER_OF(due, struct cell_adopter, due);
    /* What cannot be shipped need not be taken from its owner. */
    if (cell_event_store_is_up(adopter->store))
        adopter->scanning = cc_loop_work(adopter->worker->loop, scan, on_scanned, adopter) == CC_OK;
    if (!adopter->scanning)
        schedule(adopter);
}

static struct sibling *find_sibling(struct cell_adopter *adopter, const char *path)
{
    for (size_t i = 0; i < adopter->count; i++) {
        if (strcmp(adopter->siblings[i].path, path) == 0)
            return &adopter->siblings[i];
    }
    if (adopter->count == SIBLINGS_MAX)
        return NULL;
    struct sibling *sibling = &adopter->siblings[adopter->count];
    *sibling = (struct sibling){.path = strdup(path)};
    adopter->count += sibling->path != NULL;
    return sibling->path ? sibling : NULL;
}

/* Whether nobody holds the lock; an owner that came and went meanwhile counts as one that holds it.
 */
static void probe(struct cell_adopter *adopter, const char *path)
{
    char lock[PATH_MAX];
    struct stat state = {0};
    int length = snprintf(lock, sizeof(lock), "%s/lock", path);
    int file = length < (int)sizeof(lock) ? open(lock, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    struct sibling *sibling = find_sibling(adopter, path);
    bool is_free = fstat(file, &state) == 0 && flock(file, LOCK_EX | LOCK_NB) == 0;
    close(file);
    if (!sibling)
        return;
    sibling->seen = true;
    bool same = is_free && sibling->free_since_us != 0 &&
                sibling->opened_at.tv_sec == state.st_mtim.tv_sec &&
                sibling->opened_at.tv_nsec == state.st_mtim.tv_nsec;
    if (same)
        return;
    sibling->free_since_us = is_free ? cc_monotonic_us() : 0;
    sibling->opened_at = state.st_mtim;
    sibling->empty = false;
}

static void probe_all(struct cell_adopter *adopter, const char *siblings)
{
    char path[PATH_MAX];
    DIR *folder = opendir(siblings);
    if (!folder)
        return; /* another site's, out of reach */
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(path, sizeof(path), "%s/%s/spool", siblings, entry->d_name) < PATH_MAX)
            probe(adopter, path);
        if (snprintf(path, sizeof(path), "%s/%s/spool-2", siblings, entry->d_name) < PATH_MAX)
            probe(adopter, path);
    }
    closedir(folder);
}

static void forget_unseen(struct cell_adopter *adopter)
{
    for (size_t i = adopter->count; i-- > 0;) {
        if (adopter->siblings[i].seen)
            continue;
        free(adopter->siblings[i].path);
        adopter->siblings[i] = adopter->siblings[--adopter->count];
    }
}

/* Takes the lock and reads what is there. */
static bool take(struct cell_adopter *adopter, struct sibling *sibling)
{
    struct cc_spool_options options = {.directory = sibling->path,
                                       .maximum_bytes = adopter->worker->settings->spool_max_bytes,
                                       .record_max = SPOOL_RECORD_MAX,
                                       .adopts = true};
    struct cc_spool *spool = NULL;
    enum cc_error error = cc_spool_open(NULL, &options, &spool);
    if (error && error != CC_CONFLICT)
        CC_LOG(CC_LOG_WARNING, "spool_not_adopted", cc_log_text("folder", sibling->path),
               cc_log_error_field(error));
    if (error)
        return false;
    sibling->empty = cc_spool_state(spool).records == 0;
    if (sibling->empty) {
        cc_spool_close(spool);
        return false;
    }
    adopter->found = spool;
    adopter->found_at = sibling;
    return true;
}

static void scan(void *context)
{
    struct cell_adopter *adopter = context;
    const struct cc_config_list *folders = &adopter->worker->settings->spool_siblings;
    adopter->found = NULL;
    for (size_t i = 0; i < adopter->count; i++)
        adopter->siblings[i].seen = false;
    for (size_t i = 0; i < folders->count; i++)
        probe_all(adopter, folders->items[i]);
    forget_unseen(adopter);
    int64_t now_us = cc_monotonic_us();
    for (size_t i = 0; i < adopter->count; i++) {
        struct sibling *sibling = &adopter->siblings[i];
        if (sibling->free_since_us != 0 && !sibling->empty &&
            now_us - sibling->free_since_us >= ORPHANED_US && take(adopter, sibling))
            return;
    }
}

static void on_scanned(void *context)
{
    struct cell_adopter *adopter = context;
    adopter->scanning = false;
    if (adopter->freed) {
        destroy(adopter);
        return;
    }
    if (adopter->stopped)
        return;
    if (!adopter->found) {
        schedule(adopter);
        return;
    }
    adopter->spool = adopter->found;
    adopter->found = NULL;
    adopter->records = 0;
    adopter->adopted_us = cc_loop_now_us(adopter->worker->loop);
    cc_spool_attach(adopter->spool, adopter->worker->loop);
    CC_LOG(CC_LOG_WARNING, "spool_adopted", cc_log_text("folder", adopter->found_at->path),
           cc_log_number("records", (int64_t)cc_spool_state(adopter->spool).records));
    cell_worker_count(adopter->worker, CELL_T_ADOPTED, 1);
    ship(adopter);
}

/* ---- shipping ---- */

static void ship(struct cell_adopter *adopter)
{
    enum cc_error error =
        cc_spool_read(adopter->spool, CELL_INGEST_MAX, BATCH_BYTES, &adopter->batch);
    if (error) {
        give_back(adopter, cc_error_text(error));
        return;
    }
    if (adopter->batch.count == 0 && cc_spool_state(adopter->spool).records == 0) {
        adopter->found_at->empty = true;
        give_back(adopter, "empty");
        return;
    }
    adopter->ingest =
        (struct cell_ingest){.records = adopter->batch.records,
                             .count = adopter->batch.count,
                             .deadline_us = cc_loop_now_us(adopter->worker->loop) + INGEST_US,
                             .on_done = on_ingested};
    adopter->busy = true;
    error = adopter->batch.count > 0 ? cell_ingest_start(adopter->store, &adopter->ingest) : CC_OK;
    if (error || adopter->batch.count == 0) /* none: damage was passed over */
        on_ingested(&adopter->ingest, error);
}

static void on_ingested(struct cell_ingest *ingest, enum cc_error error)
{
    struct cell_adopter *adopter = CC_CONTAINER_OF(ingest, struct cell_adopter, ingest);
    int64_t shipped = (int64_t)adopter->batch.count;
    uint64_t next = adopter->batch.first + adopter->batch.count;
    adopter->busy = false;
    cc_spool_batch_free(&adopter->batch);
    if (!error)
        error = cc_spool_acknowledge(adopter->spool, next);
    if (error == CC_CANCELLED)
        return; /* cell_adopter_free follows */
    if (error) {
        give_back(adopter, cc_error_text(error));
        return;
    }
    adopter->records += shipped;
    cell_worker_count(adopter->worker, CELL_T_ADOPTED_RECORDS, shipped);
    int64_t held_us = cc_loop_now_us(adopter->worker->loop) - adopter->adopted_us;
    if (adopter->stopped || (held_us >= HOLD_US && cc_spool_state(adopter->spool).records > 0))
        give_back(adopter, adopter->stopped ? "stopping" : "in turns");
    else
        ship(adopter);
}

/* The lock goes with the spool; what is left is looked at again at the next scan. */
static void give_back(struct cell_adopter *adopter, const char *why)
{
    CC_LOG(CC_LOG_INFO, "spool_given_back", cc_log_text("why", why),
           cc_log_number("shipped", adopter->records),
           cc_log_number("left", (int64_t)cc_spool_state(adopter->spool).records));
    cc_spool_batch_free(&adopter->batch);
    cc_spool_close(adopter->spool);
    adopter->spool = NULL;
    if (!adopter->stopped)
        schedule(adopter);
}
