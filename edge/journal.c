/*
 * Rim: spools and deliveries. A lane is a cell's records, in its spool and, of those that the spool
 * refused, in memory; one batch at a time is under way, of the one or the other:
 *
 *   on_due -> send_batch -> on_delivered -> finish -> on_due ...
 *
 * and beside it, while records stand in memory, on_spool_due puts into the spool what that takes.
 */
#include "edge/journal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/held.h"
#include "base/io/quarantine.h"
#include "base/io/spool.h"
#include "base/log.h"
#include "edge/telemetry_list.h"

enum {
    RECORDS_MAX = 500, /* of one delivery: docs/api/internal.md */
    BYTES_MAX = 256 * 1024,
    SOON_US = 100 * 1000,
    SPOOL_AGAIN_US = 250 * 1000,
    MOVED_MAX = 256, /* in a turn of the loop */
    RETRY_US = 1000 * 1000,
    DELIVERY_US = 5 * 1000 * 1000,
    QUARANTINE_MAX = 16 * 1024 * 1024 /* bytes, per cell */
};

/* One cell's records, delivered one batch at a time. */
struct lane {
    struct edge_journal *journal;
    char cell[CC_CELL_MAX + 1];
    struct cc_spool *spool; /* NULL: its folder could not be made, and will be tried again */
    struct cc_held *held;   /* what the spool refused */
    struct cc_deadline due, spool_due;
    struct cc_http_handle *handle; /* a batch is under way */
    struct cc_slice lent[RECORDS_MAX];
    bool of_memory;     /* whether it is of memory: lent */
    uint64_t batch_end; /* of the spool: first record behind it */
    size_t batch_count;
    size_t batch_limit; /* halved when the cell refuses a batch, down to the one bad record */
    bool memory_next;   /* the two take turns, so that neither waits for the other */
    bool failing;       /* said once until the spool takes a record again */
};

struct edge_journal {
    struct edge_journal_options options;
    char *directory;
    struct lane **lanes;
    size_t count;
    bool losing; /* said once until a record is kept again */
};

static void on_due(struct cc_deadline *due);
static void on_spool_due(struct cc_deadline *due);
static void send_batch(struct lane *lane, const struct cc_slice *records, size_t count);
static void on_delivered(void *context, enum cc_error error,
                         const struct cc_http_response *response);
static void on_refused_batch(struct lane *lane, int status);

static void set(struct lane *lane, struct cc_deadline *deadline, int64_t delay_us)
{
    int64_t now_us = cc_loop_now_us(lane->journal->options.loop);
    enum cc_error error = cc_deadline_set(deadline, now_us + delay_us);
    if (error != CC_OK)
        CC_LOG(CC_LOG_ERROR, "journal_delivery_stopped", cc_log_text("cell", lane->cell),
               cc_log_error_field(error));
}

static void schedule(struct lane *lane, int64_t delay_us)
{
    set(lane, &lane->due, delay_us);
}

static struct cc_spool_state on_disk(const struct lane *lane)
{
    return lane->spool ? cc_spool_state(lane->spool) : (struct cc_spool_state){0};
}

static void show_records(struct edge_journal *journal)
{
    int64_t in_memory = 0;
    for (size_t i = 0; i < journal->count; i++)
        in_memory += (int64_t)cc_held_state(journal->lanes[i]->held).records;
    cc_telemetry_set(journal->options.telemetry, EDGE_JOURNAL_IN_MEMORY, in_memory);
    cc_telemetry_set(journal->options.telemetry, EDGE_JOURNAL_RECORDS,
                     (int64_t)edge_journal_records(journal, (struct cc_slice){0}));
}

static enum cc_error open_spool(struct lane *lane)
{
    const struct edge_journal_options *options = &lane->journal->options;
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", lane->journal->directory, lane->cell);
    if (length < 0 || length >= (int)sizeof(path))
        return CC_TOO_LARGE;
    struct cc_spool_options spool = {
        .directory = path,
        .segment_bytes = 1024 * 1024,
        .maximum_bytes = options->maximum_bytes / 2,
    };
    return cc_spool_open(options->loop, &spool, &lane->spool);
}

/* Its spool is not open yet. */
static enum cc_error add_lane(struct edge_journal *journal, struct cc_slice cell, struct lane **out)
{
    struct lane **grown = realloc(journal->lanes, (journal->count + 1) * sizeof(struct lane *));
    if (!grown)
        return CC_NO_MEMORY;
    journal->lanes = grown;
    struct lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        return CC_NO_MEMORY;
    lane->journal = journal;
    lane->batch_limit = RECORDS_MAX;
    memcpy(lane->cell, cell.data, cell.length);
    enum cc_error error = cc_held_create(journal->options.memory_maximum_bytes / 2, &lane->held);
    if (error != CC_OK) {
        free(lane);
        return error;
    }
    cc_deadline_init(&lane->due, journal->options.loop, on_due);
    cc_deadline_init(&lane->spool_due, journal->options.loop, on_spool_due);
    journal->lanes[journal->count++] = lane;
    schedule(lane, SOON_US);
    *out = lane;
    return CC_OK;
}

static struct lane *find_lane(const struct edge_journal *journal, struct cc_slice cell)
{
    for (size_t i = 0; i < journal->count; i++)
        if (cc_slice_is(cell, journal->lanes[i]->cell))
            return journal->lanes[i];
    return NULL;
}

/* At start: the folder's cells. */
static enum cc_error open_left_over(struct edge_journal *journal)
{
    if (mkdir(journal->directory, 0700) != 0 && errno != EEXIST)
        return CC_IO;
    DIR *folder = opendir(journal->directory);
    if (!folder)
        return CC_IO;
    enum cc_error error = CC_OK;
    for (struct dirent *entry; error == CC_OK && (entry = readdir(folder));) {
        struct lane *lane = NULL;
        if (!cc_name_is_cell(cc_slice_of(entry->d_name)))
            continue;
        error = add_lane(journal, cc_slice_of(entry->d_name), &lane);
        if (error == CC_OK)
            error = open_spool(lane);
    }
    (void)closedir(folder);
    return error;
}

enum cc_error edge_journal_create(const struct edge_journal_options *options,
                                  struct edge_journal **out)
{
    struct edge_journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        return CC_NO_MEMORY;
    journal->options = *options;
    journal->directory = strdup(options->directory);
    enum cc_error error = journal->directory ? open_left_over(journal) : CC_NO_MEMORY;
    if (error != CC_OK) {
        CC_LOG(CC_LOG_ERROR, "journal_not_opened", cc_log_text("directory", options->directory),
               cc_log_error_field(error));
        edge_journal_free(journal);
        return error;
    }
    show_records(journal);
    *out = journal;
    return CC_OK;
}

uint64_t edge_journal_records(const struct edge_journal *journal, struct cc_slice cell)
{
    uint64_t records = 0;
    for (size_t i = 0; i < journal->count; i++)
        if (cell.length == 0 || cc_slice_is(cell, journal->lanes[i]->cell))
            records +=
                on_disk(journal->lanes[i]).records + cc_held_state(journal->lanes[i]->held).records;
    return records;
}

/* Of two wall clocks; 0: none. */
static int64_t older(int64_t a_us, int64_t b_us)
{
    return a_us == 0 || (b_us != 0 && b_us < a_us) ? b_us : a_us;
}

int64_t edge_journal_oldest_us(const struct edge_journal *journal)
{
    int64_t oldest_us = 0;
    for (size_t i = 0; i < journal->count; i++) {
        oldest_us = older(oldest_us, on_disk(journal->lanes[i]).oldest_us);
        oldest_us = older(oldest_us, cc_held_state(journal->lanes[i]->held).oldest_us);
    }
    return oldest_us;
}

static int64_t bytes_on_disk(const struct edge_journal *journal)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < journal->count; i++)
        bytes += on_disk(journal->lanes[i]).bytes;
    return bytes;
}

static int64_t bytes_in_memory(const struct edge_journal *journal)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < journal->count; i++)
        bytes += cc_held_state(journal->lanes[i]->held).bytes;
    return bytes;
}

static enum cc_error append_to_spool(struct lane *lane, struct cc_slice record)
{
    struct edge_journal *journal = lane->journal;
    enum cc_error error = CC_OK;
    if (!lane->spool)
        error = cc_deadline_is_set(&lane->spool_due) ? CC_UNAVAILABLE : open_spool(lane);
    if (error == CC_OK && bytes_on_disk(journal) >= journal->options.maximum_bytes)
        error = CC_FULL;
    if (error == CC_OK)
        error = cc_spool_append(lane->spool, record);
    if (error == CC_OK)
        cc_telemetry_add(journal->options.telemetry, EDGE_JOURNAL_WRITTEN, 1);
    return error;
}

/* As many, or until the spool refuses one. */
static enum cc_error move_to_spool(struct lane *lane, size_t count_max)
{
    struct cc_slice record;
    for (size_t i = 0; i < count_max && cc_held_first(lane->held, &record); i++) {
        enum cc_error error = append_to_spool(lane, record);
        if (error != CC_OK)
            return error;
        cc_held_drop_first(lane->held);
    }
    return CC_OK;
}

/* What memory holds goes to the spool, as far as that takes it. */
static void free_lane(struct lane *lane)
{
    cc_deadline_clear(&lane->due);
    cc_deadline_clear(&lane->spool_due);
    if (lane->handle)
        cc_http_exchange_cancel(lane->handle);
    if (lane->handle && lane->of_memory)
        cc_held_return(lane->held, false);
    (void)move_to_spool(lane, SIZE_MAX);
    size_t lost = cc_held_state(lane->held).records;
    cc_telemetry_add(lane->journal->options.telemetry, EDGE_JOURNAL_LOST, (int64_t)lost);
    if (lost > 0)
        CC_LOG(CC_LOG_ERROR, "journal_records_lost_at_stop", cc_log_text("cell", lane->cell),
               cc_log_number("records", (int64_t)lost));
    if (lane->spool)
        cc_spool_close(lane->spool);
    cc_held_free(lane->held);
    free(lane);
}

void edge_journal_free(struct edge_journal *journal)
{
    if (!journal)
        return;
    /* One that is freed still asks what those before it have on disk. */
    for (; journal->count > 0; journal->count--)
        free_lane(journal->lanes[journal->count - 1]);
    free(journal->lanes);
    free(journal->directory);
    free(journal);
}

/* Said once, until the spool takes a record again. */
static void say_failing(struct lane *lane, enum cc_error error)
{
    if (error != CC_OK && !lane->failing)
        CC_LOG(CC_LOG_ERROR, "journal_in_memory_only", cc_log_text("cell", lane->cell),
               cc_log_error_field(error));
    lane->failing = error != CC_OK;
}

static enum cc_error hold(struct lane *lane, struct cc_slice record)
{
    const struct edge_journal_options *options = &lane->journal->options;
    if (bytes_in_memory(lane->journal) >= options->memory_maximum_bytes)
        return CC_FULL;
    enum cc_error error = cc_held_append(lane->held, record, cc_wall_clock_us());
    if (error != CC_OK)
        return error;
    cc_telemetry_add(options->telemetry, EDGE_JOURNAL_HELD, 1);
    if (!cc_deadline_is_set(&lane->spool_due))
        set(lane, &lane->spool_due, SPOOL_AGAIN_US);
    return CC_OK;
}

static enum cc_error keep(struct lane *lane, struct cc_slice record)
{
    enum cc_error error = append_to_spool(lane, record);
    if (error == CC_TOO_LARGE) /* that it never takes */
        return error;
    say_failing(lane, error);
    return error != CC_OK ? hold(lane, record) : CC_OK;
}

static void count_lost(struct edge_journal *journal, struct cc_slice cell, enum cc_error error)
{
    cc_telemetry_add(journal->options.telemetry, EDGE_JOURNAL_LOST, 1);
    if (!journal->losing)
        CC_LOG(CC_LOG_ERROR, "journal_record_lost", cc_log_slice("cell", cell),
               cc_log_error_field(error));
}

void edge_journal_append(struct edge_journal *journal, struct cc_slice cell, struct cc_slice record)
{
    struct lane *lane = find_lane(journal, cell);
    enum cc_error error = lane ? CC_OK : add_lane(journal, cell, &lane);
    if (error == CC_OK)
        error = keep(lane, record);
    if (error != CC_OK)
        count_lost(journal, cell, error);
    journal->losing = error != CC_OK;
    show_records(journal);
    if (error == CC_OK && !lane->handle && !cc_deadline_is_set(&lane->due))
        schedule(lane, SOON_US);
}

static void on_spool_due(struct cc_deadline *due)
{
    struct lane *lane = CC_CONTAINER_OF(due, struct lane, spool_due);
    struct cc_slice left;
    enum cc_error error = move_to_spool(lane, MOVED_MAX);
    say_failing(lane, error);
    show_records(lane->journal);
    if (cc_held_first(lane->held, &left))
        set(lane, due, error != CC_OK ? SPOOL_AGAIN_US : 0);
    if (!lane->handle && !cc_deadline_is_set(&lane->due))
        schedule(lane, SOON_US);
}

static bool send_of_memory(struct lane *lane)
{
    size_t count = cc_held_lend(lane->held, lane->batch_limit, BYTES_MAX, lane->lent);
    lane->of_memory = count > 0;
    if (lane->of_memory)
        send_batch(lane, lane->lent, count);
    return lane->of_memory;
}

static bool send_of_spool(struct lane *lane)
{
    struct cc_spool_batch batch = {0};
    enum cc_error error =
        lane->spool ? cc_spool_read(lane->spool, lane->batch_limit, BYTES_MAX, &batch) : CC_OK;
    if (error != CC_OK) {
        CC_LOG(CC_LOG_ERROR, "journal_unreadable", cc_log_text("cell", lane->cell),
               cc_log_error_field(error));
        schedule(lane, RETRY_US);
        return false;
    }
    bool any = batch.count > 0;
    lane->batch_end = batch.first + batch.count;
    if (any)
        send_batch(lane, batch.records, batch.count);
    cc_spool_batch_free(&batch);
    return any;
}

static void on_due(struct cc_deadline *due)
{
    struct lane *lane = CC_CONTAINER_OF(due, struct lane, due);
    if (lane->handle) /* of memory, while the spool could not be read */
        return;
    lane->of_memory = false;
    if (lane->memory_next && send_of_memory(lane))
        return;
    if (!send_of_spool(lane) && !lane->memory_next)
        (void)send_of_memory(lane);
}

static void render_batch(const struct cc_slice *records, size_t count, struct cc_buffer *body)
{
    cc_buffer_text(body, "{\"records\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            cc_buffer_text(body, ",");
        cc_buffer_append(body, records[i]);
    }
    cc_buffer_text(body, "]}");
}

static enum cc_error start_delivery(struct lane *lane, const struct edge_cell *cell,
                                    const char *address, struct cc_slice body)
{
    const struct edge_journal_options *options = &lane->journal->options;
    struct cc_slice country = cc_slice(lane->cell, CC_COUNTRY_LENGTH);
    struct edge_snapshot *snapshot = edge_countries_find(options->countries, country);
    struct cc_slice token = {0};
    if (snapshot)
        token = edge_route_cell_token(snapshot, cc_slice_of(lane->cell));
    char path[64], authorization[512];
    (void)snprintf(path, sizeof(path), "/internal/v1/%.2s/journal", lane->cell);
    (void)snprintf(authorization, sizeof(authorization), "Bearer %.*s", (int)token.length,
                   token.length ? token.data : "");
    const struct cc_http_header headers[] = {
        {CC_SLICE_LITERAL("authorization"), cc_slice_of(authorization)},
        {CC_SLICE_LITERAL("content-type"), CC_SLICE_LITERAL("application/json")},
    };
    struct cc_http_exchange exchange = {
        .address = cc_slice_of(address),
        .peer = cell->identity,
        .method = CC_SLICE_LITERAL("POST"),
        .path = cc_slice_of(path),
        .headers = headers,
        .header_count = sizeof(headers) / sizeof(headers[0]),
        .body = body,
        .deadline_us = cc_loop_now_us(options->loop) + DELIVERY_US,
        .retry_stale_connection = true,
        .done = on_delivered,
        .context = lane,
    };
    return cc_http_exchange_start(options->http, &exchange, &lane->handle);
}

/* The batch under way was not taken. */
static void again(struct lane *lane, int64_t delay_us)
{
    if (lane->of_memory)
        cc_held_return(lane->held, false);
    schedule(lane, delay_us);
}

/* The batch under way cannot be put apart either. The other one need not wait for that. */
static void give_way(struct lane *lane)
{
    lane->memory_next = !lane->of_memory;
    lane->batch_limit = RECORDS_MAX;
    again(lane, RETRY_US);
}

static void send_batch(struct lane *lane, const struct cc_slice *records, size_t count)
{
    struct edge_upstreams *upstreams = lane->journal->options.upstreams;
    struct edge_cell *cell = edge_upstreams_cell(upstreams, cc_slice_of(lane->cell), false);
    const struct edge_worker *worker = cell ? edge_cell_pick(cell, NULL, 0) : NULL;
    struct cc_buffer body;
    cc_buffer_init(&body, 0);
    render_batch(records, count, &body);
    lane->batch_count = count;
    enum cc_error error = worker ? body.error : CC_UNAVAILABLE;
    if (error == CC_OK)
        error = start_delivery(lane, cell, worker->address, cc_buffer_slice(&body));
    cc_buffer_deinit(&body);
    if (error != CC_OK) {
        lane->handle = NULL;
        again(lane, RETRY_US);
    }
}

/* The batch is done with: the cell or the quarantine has it, or nobody ever will. */
static void finish(struct lane *lane, size_t series)
{
    struct edge_journal *journal = lane->journal;
    enum cc_error error = CC_OK;
    lane->memory_next = !lane->of_memory;
    if (lane->of_memory)
        cc_held_return(lane->held, true);
    else
        error = cc_spool_acknowledge(lane->spool, lane->batch_end);
    if (error != CC_OK) { /* delivered again: the cell counts a record once */
        CC_LOG(CC_LOG_ERROR, "journal_not_acknowledged", cc_log_text("cell", lane->cell),
               cc_log_error_field(error));
        schedule(lane, RETRY_US);
        return;
    }
    cc_telemetry_add(journal->options.telemetry, series, (int64_t)lane->batch_count);
    show_records(journal);
    schedule(lane, 0);
}

static void on_delivered(void *context, enum cc_error error,
                         const struct cc_http_response *response)
{
    struct lane *lane = context;
    int status = error == CC_OK ? response->status : 0;
    lane->handle = NULL;
    if (status == 200) {
        CC_LOG(CC_LOG_INFO, "journal_delivered", cc_log_text("cell", lane->cell),
               cc_log_number("records", (int64_t)lane->batch_count));
        lane->batch_limit = RECORDS_MAX;
        finish(lane, EDGE_JOURNAL_DELIVERED);
    } else if (status == 400 || status == 413 || status == 422) {
        on_refused_batch(lane, status);
    } else {
        CC_LOG(CC_LOG_DEBUG, "journal_waits", cc_log_text("cell", lane->cell),
               cc_log_number("status", status), cc_log_error_field(error));
        again(lane, RETRY_US);
    }
}

/* The batch's one record. It is read again if it is the spool's: a batch is not kept. */
static void put_apart(struct lane *lane)
{
    char path[PATH_MAX];
    struct cc_spool_batch batch = {.count = 1, .records = lane->lent};
    enum cc_error error =
        lane->of_memory ? CC_OK : cc_spool_read(lane->spool, 1, BYTES_MAX, &batch);
    int length = snprintf(path, sizeof(path), "%s/%s/quarantine.jsonl", lane->journal->directory,
                          lane->cell);
    if (error == CC_OK && (length < 0 || length >= (int)sizeof(path)))
        error = CC_IO;
    if (error == CC_OK && batch.count == 1)
        error = cc_quarantine_append(lane->journal->options.loop, path, QUARANTINE_MAX,
                                     batch.records[0]);
    if (!lane->of_memory)
        cc_spool_batch_free(&batch);
    CC_LOG(CC_LOG_ERROR, "journal_record_quarantined", cc_log_text("file", path),
           cc_log_error_field(error));
    if (error != CC_OK && error != CC_TOO_LARGE)
        give_way(lane);
    else
        finish(lane, error ? EDGE_JOURNAL_LOST : EDGE_JOURNAL_QUARANTINED);
}

/* One record that the cell can never take must not hold back those behind it. */
static void on_refused_batch(struct lane *lane, int status)
{
    CC_LOG(CC_LOG_ERROR, "journal_refused", cc_log_text("cell", lane->cell),
           cc_log_number("status", status), cc_log_number("records", (int64_t)lane->batch_count));
    if (lane->batch_count > 1) {
        lane->batch_limit = lane->batch_count / 2;
        again(lane, SOON_US);
        return;
    }
    put_apart(lane);
}
