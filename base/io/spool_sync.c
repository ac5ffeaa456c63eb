/*
 * A spool's syncs, one at a time on the thread pool: a disk that does not answer holds one thread
 * of it, however long. What is ordered is synced also after the spool was closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/spool_private.h"
#include "base/log.h"

struct sync_job {
    struct sync_job *next;
    struct spool_syncs *syncs;
    int file, folder; /* both closed when done; -1: none */
    int result;       /* errno */
};

struct spool_syncs {
    struct cc_loop *loop;
    struct sync_job *first, *last; /* first is under way */
    uint64_t failures;
    bool abandoned;
};

static void run_first(struct spool_syncs *syncs);
static void on_synced(void *context);

struct spool_syncs *spool_syncs_create(void)
{
    return calloc(1, sizeof(struct spool_syncs));
}

void spool_syncs_abandon(struct spool_syncs *syncs)
{
    if (syncs && syncs->first)
        syncs->abandoned = true; /* the last job frees it */
    else
        free(syncs);
}

bool spool_syncs_is_busy(const struct spool_syncs *syncs)
{
    return syncs->first != NULL;
}

uint64_t spool_syncs_failures(const struct spool_syncs *syncs)
{
    return syncs->failures;
}

static void close_both(const struct sync_job *job)
{
    if (job->file >= 0)
        close(job->file);
    if (job->folder >= 0)
        close(job->folder);
}

static void run_sync(void *context)
{
    struct sync_job *job = context;
    if (job->file >= 0 && fdatasync(job->file) != 0)
        job->result = errno;
    if (job->folder >= 0 && fsync(job->folder) != 0)
        job->result = errno;
}

/* A failed sync is not tried again: the kernel may have dropped the bytes and would say yes. */
static void note_failure(struct spool_syncs *syncs, const char *reason)
{
    syncs->failures++;
    CC_LOG(CC_LOG_ERROR, "spool_sync_failed", cc_log_text("reason", reason));
}

/* The first job is done. */
static void take_first(struct spool_syncs *syncs)
{
    struct sync_job *job = syncs->first;
    syncs->first = job->next;
    if (!syncs->first)
        syncs->last = NULL;
    close_both(job);
    free(job);
}

static void run_first(struct spool_syncs *syncs)
{
    while (syncs->first && cc_loop_work(syncs->loop, run_sync, on_synced, syncs->first) != CC_OK) {
        note_failure(syncs, "the thread pool is full");
        take_first(syncs);
    }
    if (!syncs->first && syncs->abandoned)
        free(syncs);
}

static void on_synced(void *context)
{
    struct sync_job *job = context;
    struct spool_syncs *syncs = job->syncs;
    if (job->result != 0)
        note_failure(syncs, strerror(job->result));
    take_first(syncs);
    run_first(syncs);
}

void spool_syncs_order(struct spool_syncs *syncs, struct cc_loop *loop, int file, int folder)
{
    struct sync_job *job = calloc(1, sizeof(*job));
    if (!job) {
        note_failure(syncs, cc_error_text(CC_NO_MEMORY));
        close_both(&(struct sync_job){.file = file, .folder = folder});
        return;
    }
    *job = (struct sync_job){.syncs = syncs, .file = file, .folder = folder};
    syncs->loop = loop;
    if (syncs->last)
        syncs->last->next = job;
    else
        syncs->first = job;
    syncs->last = job;
    if (syncs->first == job)
        run_first(syncs);
}
