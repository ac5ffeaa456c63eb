/*
 * Rim: the disk and Postgres.
 *
 *   250 ms -> look (thread pool): changed? read, verify -> on_looked: take or refuse -> 250 ms
 *
 * The file and its signature are two files: one may be seen without the other. What does not verify
 * is therefore refused only when it is still the same at the next look.
 */
#include "cell/lease_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io/public_keys.h"
#include "base/log.h"
#include "cell/file.h"
#include "cell/telemetry_list.h"

enum { LOOK_US = 250 * 1000 };

/* Which bytes lie there, by what the file system says of both files. */
struct identity {
    dev_t device;
    ino_t inode[2];
    off_t bytes[2];
    struct timespec changed[2];
};

struct look {
    struct identity identity;
    bool changed; /* else nothing below is filled */
    enum cc_error error;
    struct cell_lease lease;
    struct cc_json_reason reason;
};

struct cell_lease_watch {
    struct cc_loop *loop;
    struct cc_telemetry *telemetry;
    char *file, *signature_file, *cell;
    struct cc_public_keys keys;
    struct cc_deadline due;
    struct look look;       /* the thread pool's while looking */
    struct identity judged; /* taken or refused: not read again */
    struct identity doubted;
    bool looking, freed, fenced, missing;
    struct cell_lease held;
    struct cc_pg_guard guard;
};

static const struct cc_pg_statement require_statement = {"fencing_require",
                                                         "SELECT fencing.require($1::bigint)"};

static void on_due(struct cc_deadline *due);
static void look(void *context);
static void on_looked(void *context);
static void judge(struct cell_lease_watch *watch);
static void on_fenced(void *context, const char *message);

static void destroy(struct cell_lease_watch *watch)
{
    cc_public_keys_deinit(&watch->keys);
    free(watch->file);
    free(watch->signature_file);
    free(watch->cell);
    free(watch);
}

static void require_term(struct cell_lease_watch *watch, int64_t term)
{
    (void)snprintf(watch->guard.parameter, sizeof(watch->guard.parameter), "%" PRId64, term);
    cc_telemetry_set(watch->telemetry, CELL_T_LEASE_TERM, term);
}

static void schedule(struct cell_lease_watch *watch)
{
    enum cc_error error = cc_deadline_set(&watch->due, cc_loop_now_us(watch->loop) + LOOK_US);
    if (error)
        CC_LOG(CC_LOG_ERROR, "lease_not_watched", cc_log_error_field(error));
}

static enum cc_error copy_names(struct cell_lease_watch *watch,
                                const struct cell_lease_watch_options *options)
{
    watch->file = strdup(options->file);
    watch->cell = strdup(options->cell);
    if (asprintf(&watch->signature_file, "%s.sig", options->file) < 0)
        watch->signature_file = NULL;
    return watch->file && watch->cell && watch->signature_file ? CC_OK : CC_NO_MEMORY;
}

enum cc_error cell_lease_watch_create(struct cc_loop *loop,
                                      const struct cell_lease_watch_options *options,
                                      struct cell_lease_watch **out)
{
    struct cell_lease_watch *watch = calloc(1, sizeof(*watch));
    *out = NULL;
    if (!watch)
        return CC_NO_MEMORY;
    watch->loop = loop;
    watch->telemetry = options->telemetry;
    cc_deadline_init(&watch->due, loop, on_due);
    enum cc_error error = copy_names(watch, options);
    if (!error)
        error = cc_public_keys_read(options->public_key_file, &watch->keys);
    if (error) {
        destroy(watch);
        return error;
    }
    watch->guard = (struct cc_pg_guard){.statement = &require_statement,
                                        .sqlstate = "CC001",
                                        .on_refused = on_fenced,
                                        .context = watch};
    require_term(watch, 0);
    look(watch);
    judge(watch);
    schedule(watch);
    *out = watch;
    return CC_OK;
}

void cell_lease_watch_free(struct cell_lease_watch *watch)
{
    if (!watch)
        return;
    cc_deadline_clear(&watch->due);
    watch->freed = true;
    if (!watch->looking)
        destroy(watch); /* else on_looked does */
}

const struct cc_pg_guard *cell_lease_watch_guard(const struct cell_lease_watch *watch)
{
    return &watch->guard;
}

const struct cell_lease *cell_lease_watch_held(const struct cell_lease_watch *watch)
{
    return &watch->held;
}

static void on_due(struct cc_deadline *due)
{
    struct cell_lease_watch *watch = CC_CONTAINER_OF(due, struct cell_lease_watch, due);
    watch->looking = cc_loop_work(watch->loop, look, on_looked, watch) == CC_OK;
    if (!watch->looking)
        schedule(watch);
}

static bool identify(const struct cell_lease_watch *watch, struct identity *out)
{
    const char *const files[] = {watch->file, watch->signature_file};
    *out = (struct identity){0};
    for (size_t i = 0; i < 2; i++) {
        struct stat state;
        if (stat(files[i], &state) != 0)
            return false;
        out->device = state.st_dev;
        out->inode[i] = state.st_ino;
        out->bytes[i] = state.st_size;
        out->changed[i] = state.st_mtim;
    }
    return true;
}

static bool same(const struct identity *a, const struct identity *b)
{
    for (size_t i = 0; i < 2; i++) {
        if (a->inode[i] != b->inode[i] || a->bytes[i] != b->bytes[i] ||
            a->changed[i].tv_sec != b->changed[i].tv_sec ||
            a->changed[i].tv_nsec != b->changed[i].tv_nsec)
            return false;
    }
    return a->device == b->device;
}

static void look(void *context)
{
    struct cell_lease_watch *watch = context;
    struct look *result = &watch->look;
    struct cc_buffer bytes, signature;
    *result = (struct look){.changed = true, .error = CC_NOT_FOUND};
    if (!identify(watch, &result->identity))
        return;
    result->changed = !same(&result->identity, &watch->judged);
    if (!result->changed)
        return;
    cc_buffer_init(&bytes, CELL_LEASE_BYTES_MAX);
    cc_buffer_init(&signature, CELL_LEASE_BYTES_MAX);
    result->error = cell_file_read(watch->file, &bytes);
    if (!result->error)
        result->error = cell_file_read(watch->signature_file, &signature);
    if (!result->error)
        result->error =
            cell_lease_open(cc_buffer_slice(&bytes), cc_buffer_slice(&signature),
                            (const struct cc_ed25519 *const *)watch->keys.keys, watch->keys.count,
                            cc_slice_of(watch->cell), &result->lease, &result->reason);
    cc_buffer_deinit(&bytes);
    cc_buffer_deinit(&signature);
}

static void on_looked(void *context)
{
    struct cell_lease_watch *watch = context;
    watch->looking = false;
    if (watch->freed) {
        destroy(watch);
        return;
    }
    judge(watch);
    schedule(watch);
}

static void take(struct cell_lease_watch *watch, const struct cell_lease *lease)
{
    if (lease->term != watch->held.term)
        CC_LOG(CC_LOG_INFO, "lease_taken", cc_log_number("term", lease->term),
               cc_log_text("site", lease->site),
               cc_log_text("issued_by", lease->break_glass ? "break-glass" : "control-plane"));
    watch->held = *lease;
    watch->fenced = false;
    require_term(watch, lease->term);
}

static void refuse(struct cell_lease_watch *watch, enum cc_error error)
{
    cc_telemetry_add(watch->telemetry, CELL_T_LEASES_REFUSED, 1);
    CC_LOG(CC_LOG_WARNING, "lease_refused", cc_log_text("file", watch->file),
           cc_log_number("held_term", watch->held.term),
           cc_log_number("refused_term", watch->look.lease.term), cc_log_error_field(error),
           cc_log_text("reason", watch->look.reason.text));
}

static void judge(struct cell_lease_watch *watch)
{
    const struct look *result = &watch->look;
    enum cc_error error = result->error;
    bool missing = error == CC_NOT_FOUND;
    if (!result->changed)
        return;
    if (missing && !watch->missing)
        CC_LOG(CC_LOG_WARNING, "lease_missing", cc_log_text("file", watch->file),
               cc_log_number("held_term", watch->held.term));
    watch->missing = missing;
    if (missing)
        return;
    if (!error)
        error = cell_lease_follows(&watch->held, &result->lease);
    bool again = same(&watch->doubted, &result->identity);
    watch->doubted = result->identity;
    if (error == CC_SIGNATURE && !again)
        return;
    watch->judged = result->identity;
    if (error)
        refuse(watch, error);
    else
        take(watch, &result->lease);
}

/* Logged once per lease: a worker that is fenced off goes on trying. */
static void on_fenced(void *context, const char *message)
{
    struct cell_lease_watch *watch = context;
    cc_telemetry_add(watch->telemetry, CELL_T_FENCED, 1);
    if (!watch->fenced)
        CC_LOG(CC_LOG_ERROR, "writes_fenced", cc_log_number("held_term", watch->held.term),
               cc_log_text("reason", message));
    watch->fenced = true;
}
