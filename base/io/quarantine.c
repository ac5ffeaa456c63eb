#include "base/io/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"

struct sync_job {
    int file; /* closed when done */
};

static void run_sync(void *context)
{
    struct sync_job *job = context;
    if (fdatasync(job->file) != 0)
        CC_LOG(CC_LOG_ERROR, "quarantine_sync_failed", cc_log_text("reason", strerror(errno)));
    close(job->file);
}

/* Takes file. */
static void order_sync(struct cc_loop *loop, int file)
{
    struct sync_job *job = calloc(1, sizeof(*job));
    if (job)
        job->file = file;
    if (job && cc_loop_work(loop, run_sync, free, job) == CC_OK)
        return;
    CC_LOG(CC_LOG_ERROR, "quarantine_sync_failed", cc_log_text("reason", "no thread for it"));
    close(file);
    free(job);
}

static enum cc_error append(int file, int64_t maximum_bytes, struct cc_slice record)
{
    struct stat state;
    struct iovec parts[] = {{(char *)(uintptr_t)record.data, record.length},
                            {(char *)(uintptr_t) "\n", 1}};
    if (fstat(file, &state) != 0)
        return CC_IO;
    if (state.st_size >= maximum_bytes)
        return CC_TOO_LARGE;
    ssize_t written = writev(file, parts, 2);
    if (written == (ssize_t)record.length + 1)
        return CC_OK;
    bool full = written >= 0 || errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    if (written > 0 && ftruncate(file, state.st_size) != 0)
        CC_LOG(CC_LOG_ERROR, "quarantine_torn", cc_log_text("reason", strerror(errno)));
    return full ? CC_FULL : CC_IO;
}

enum cc_error cc_quarantine_append(struct cc_loop *loop, const char *path, int64_t maximum_bytes,
                                   struct cc_slice record)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        return errno == ENOSPC || errno == EDQUOT ? CC_FULL : CC_IO;
    enum cc_error error = append(file, maximum_bytes, record);
    if (error)
        close(file);
    else
        order_sync(loop, file);
    return error;
}
