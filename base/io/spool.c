#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/io/spool_frame.h"
#include "base/io/spool_private.h"
#include "base/log.h"

enum {
    SEGMENT_DEFAULT = 16 * 1024 * 1024,
    MAXIMUM_DEFAULT = 1024 * 1024 * 1024,
    RECORD_DEFAULT = 64 * 1024,
    SYNC_DEFAULT_MS = 50,
    READ_BYTES = 128 * 1024, /* with one read */
    RUN_MAX = 64             /* records with one write */
};

static void on_sync_due(struct cc_deadline *deadline);
static void order_sync(struct cc_spool *spool, int file);
static void want_sync(struct cc_spool *spool);
static void find_oldest(struct cc_spool *spool);
static void empty_last_segment(struct cc_spool *spool, int64_t worth_bytes);

static struct segment *last_segment(struct cc_spool *spool)
{
    return spool->segment_count > 0 ? &spool->segments[spool->segment_count - 1] : NULL;
}

static uint64_t end_of(const struct segment *segment)
{
    return segment->first + segment->count;
}

static uint64_t next_number(const struct cc_spool *spool)
{
    uint64_t number = spool->cursor.number;
    if (spool->segment_count > 0) {
        uint64_t end = end_of(&spool->segments[spool->segment_count - 1]);
        number = end > number ? end : number;
    }
    return number;
}

/* ---- opening and closing ---- */

static enum cc_error copy_options(struct cc_spool *spool, const struct cc_spool_options *options)
{
    struct cc_spool_options *own = &spool->options;
    *own = *options;
    own->directory = strdup(options->directory);
    own->segment_bytes = own->segment_bytes ? own->segment_bytes : SEGMENT_DEFAULT;
    own->maximum_bytes = own->maximum_bytes ? own->maximum_bytes : MAXIMUM_DEFAULT;
    own->record_max = own->record_max ? own->record_max : RECORD_DEFAULT;
    own->sync_interval_ms = own->sync_interval_ms ? own->sync_interval_ms : SYNC_DEFAULT_MS;
    return own->directory ? CC_OK : CC_NO_MEMORY;
}

/* Moves place to the record of this number, or to the first readable one after it. */
static enum cc_error seek(struct cc_spool *spool, struct place *place, uint64_t number);

static void free_spool(struct cc_spool *spool)
{
    const int descriptors[] = {spool->active, spool->mark, spool->lock, spool->folder};
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    }
    free((char *)(uintptr_t)spool->options.directory);
    spool_syncs_abandon(spool->syncs);
    free(spool->segments);
    free(spool);
}

static void drop_shipped_segments(struct cc_spool *spool);

enum cc_error cc_spool_open(struct cc_loop *loop, const struct cc_spool_options *options,
                            struct cc_spool **out)
{
    struct cc_spool *spool = calloc(1, sizeof(*spool));
    *out = NULL;
    if (!spool)
        return CC_NO_MEMORY;
    spool->loop = loop;
    spool->folder = spool->lock = spool->mark = spool->active = -1;
    if (loop)
        cc_spool_attach(spool, loop);
    spool->syncs = spool_syncs_create();
    enum cc_error error = spool->syncs ? copy_options(spool, options) : CC_NO_MEMORY;
    if (error == CC_OK)
        error = spool_open_folder(spool);
    if (error == CC_OK) {
        uint64_t acknowledged = spool_read_mark(spool);
        if (spool->segment_count > 0)
            spool->cursor = (struct place){.number = spool->segments[0].first};
        error = seek(spool, &spool->cursor, acknowledged > 0 ? acknowledged : 1);
    }
    if (error != CC_OK) {
        free_spool(spool);
        return error;
    }
    drop_shipped_segments(spool);
    find_oldest(spool);
    *out = spool;
    return CC_OK;
}

void cc_spool_attach(struct cc_spool *spool, struct cc_loop *loop)
{
    spool->loop = loop;
    cc_deadline_init(&spool->sync, loop, on_sync_due);
}

void cc_spool_close(struct cc_spool *spool)
{
    if (!spool)
        return;
    if (spool->loop)
        cc_deadline_clear(&spool->sync);
    if (spool->dirty && spool->active >= 0)
        order_sync(spool, dup(spool->active));
    free_spool(spool);
}

/* ---- syncing, on the thread pool ---- */

/* Takes file. */
static void order_sync(struct cc_spool *spool, int file)
{
    int folder = spool->folder_dirty ? dup(spool->folder) : -1;
    spool->folder_dirty = spool->folder_dirty && folder < 0;
    spool_syncs_order(spool->syncs, spool->loop, file, folder);
}

static void on_sync_due(struct cc_deadline *deadline)
{
    struct cc_spool *spool = CC_CONTAINER_OF(deadline, struct cc_spool, sync);
    if (spool_syncs_is_busy(spool->syncs)) { /* one at a time: the next covers all until then */
        want_sync(spool);
        return;
    }
    spool->dirty = false;
    order_sync(spool, spool->active >= 0 ? dup(spool->active) : -1);
}

static void want_sync(struct cc_spool *spool)
{
    spool->dirty = true;
    if (cc_deadline_is_set(&spool->sync))
        return;
    /* Half of the interval is left for the sync itself. */
    int64_t due = cc_loop_now_us(spool->loop) + spool->options.sync_interval_ms * 500;
    if (cc_deadline_set(&spool->sync, due) != CC_OK)
        CC_LOG(CC_LOG_ERROR, "spool_sync_failed", cc_log_error_field(CC_NO_MEMORY));
}

/* ---- appending ---- */

static enum cc_error error_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? CC_FULL : CC_IO;
}

static enum cc_error begin_segment(struct cc_spool *spool)
{
    uint64_t first = next_number(spool);
    struct segment *last = last_segment(spool);
    if (last && last->first == first)
        spool->segment_count--; /* empty: begun anew */
    int fd = spool_open_segment(spool, first, O_RDWR | O_CREAT | O_TRUNC);
    if (fd < 0)
        return error_of_errno();
    enum cc_error error = spool_add_segment(spool, first);
    if (error != CC_OK) {
        close(fd);
        return error;
    }
    if (spool->active >= 0)
        order_sync(spool, spool->active);
    spool->active = fd;
    spool->folder_dirty = true;
    if (spool->segment_count == 1)
        spool->cursor = (struct place){.number = first};
    return CC_OK;
}

static int64_t frame_bytes(struct cc_slice record)
{
    return (int64_t)(record.length + CC_SPOOL_FRAME_HEAD);
}

/* Afterwards the last segment takes so many bytes. */
static enum cc_error make_room(struct cc_spool *spool, int64_t bytes)
{
    if (spool->total_bytes + bytes > spool->options.maximum_bytes)
        empty_last_segment(spool, 1); /* what is shipped must not keep out what comes */
    if (spool->total_bytes + bytes > spool->options.maximum_bytes)
        return CC_FULL;
    const struct segment *segment = last_segment(spool);
    if (spool->active < 0 || segment->bytes + bytes > spool->options.segment_bytes ||
        end_of(segment) < next_number(spool))
        return begin_segment(spool);
    return CC_OK;
}

bool cc_spool_fits(const struct cc_spool *spool, struct cc_slice record)
{
    return record.length <= (size_t)spool->options.record_max;
}

/* How many go into the last segment with one write, which has room for the first. */
static size_t run_of(struct cc_spool *spool, const struct cc_slice *records, size_t count,
                     int64_t *bytes)
{
    int64_t segment = spool->options.segment_bytes - last_segment(spool)->bytes;
    int64_t whole = spool->options.maximum_bytes - spool->total_bytes;
    int64_t room = segment < whole ? segment : whole;
    size_t run = 1;
    *bytes = frame_bytes(records[0]);
    while (run < count && run < RUN_MAX && cc_spool_fits(spool, records[run]) &&
           *bytes + frame_bytes(records[run]) <= room)
        *bytes += frame_bytes(records[run++]);
    return run;
}

static enum cc_error write_run(struct cc_spool *spool, const struct cc_slice *records, size_t count,
                               int64_t bytes)
{
    struct segment *segment = last_segment(spool);
    uint8_t heads[RUN_MAX][CC_SPOOL_FRAME_HEAD];
    struct iovec parts[2 * RUN_MAX];
    int64_t now_us = cc_wall_clock_us();
    for (size_t i = 0; i < count; i++) {
        cc_spool_frame_head(records[i], now_us, heads[i]);
        parts[2 * i] = (struct iovec){heads[i], CC_SPOOL_FRAME_HEAD};
        parts[2 * i + 1] = (struct iovec){(char *)(uintptr_t)records[i].data, records[i].length};
    }
    ssize_t written = pwritev(spool->active, parts, (int)(2 * count), segment->bytes);
    if (written != bytes) {
        /* A part of a frame is cut by the next reader too, should truncating fail. */
        enum cc_error error = written >= 0 ? CC_FULL : error_of_errno();
        if (ftruncate(spool->active, segment->bytes) != 0)
            CC_LOG(CC_LOG_ERROR, "spool_truncate_failed", cc_log_text("reason", strerror(errno)));
        return error;
    }
    if (spool->oldest_us == 0)
        spool->oldest_us = now_us;
    segment->bytes += bytes;
    segment->count += count;
    spool->total_bytes += bytes;
    want_sync(spool);
    return CC_OK;
}

enum cc_error cc_spool_append_all(struct cc_spool *spool, const struct cc_slice *records,
                                  size_t count, size_t *taken)
{
    *taken = 0;
    while (*taken < count) {
        const struct cc_slice *first = records + *taken;
        if (!cc_spool_fits(spool, *first))
            return CC_TOO_LARGE;
        enum cc_error error = make_room(spool, frame_bytes(*first));
        int64_t bytes = 0;
        size_t run = error ? 0 : run_of(spool, first, count - *taken, &bytes);
        if (!error)
            error = write_run(spool, first, run, bytes);
        if (error)
            return error;
        *taken += run;
    }
    return CC_OK;
}

enum cc_error cc_spool_append(struct cc_spool *spool, struct cc_slice record)
{
    size_t taken;
    return cc_spool_append_all(spool, &record, 1, &taken);
}

/* ---- reading ---- */

/* Over the end of a segment, to the front of the next one that has records. */
static void skip_ends(const struct cc_spool *spool, struct place *place)
{
    while (place->segment + 1 < spool->segment_count &&
           place->number >= end_of(&spool->segments[place->segment])) {
        place->segment++;
        place->offset = 0;
        if (place->number < spool->segments[place->segment].first)
            place->number = spool->segments[place->segment].first;
    }
}

/* What cc_spool_read has taken so far, and its bounds. */
struct reading {
    struct place *place;
    struct cc_buffer *bytes; /* payloads, one after another */
    size_t *lengths;         /* of each */
    size_t count;
    size_t count_max;
    size_t bytes_max;
};

static bool is_full(const struct reading *reading)
{
    return reading->count == reading->count_max ||
           (reading->count > 0 && reading->bytes->length >= reading->bytes_max);
}

/* The whole frames at the front; false: there is none. */
static bool take_frames(const struct cc_spool *spool, struct cc_slice from, struct reading *reading)
{
    struct cc_spool_frame frame;
    size_t before = reading->count;
    while (!is_full(reading) &&
           cc_spool_frame_read(from, (size_t)spool->options.record_max, &frame)) {
        cc_buffer_append(reading->bytes, frame.payload);
        reading->lengths[reading->count++] = frame.payload.length;
        from = cc_slice(from.data + frame.bytes, from.length - frame.bytes);
        reading->place->offset += (int64_t)frame.bytes;
        reading->place->number++;
    }
    return reading->count > before;
}

/* Stays within one segment. Piece by piece: with many records behind those that are wanted, reading
 * as much as they may be would take the loop a millisecond for nothing. */
static enum cc_error read_segment(const struct cc_spool *spool, struct reading *reading)
{
    const struct segment *segment = &spool->segments[reading->place->segment];
    size_t room_bytes = (size_t)spool->options.record_max + CC_SPOOL_FRAME_HEAD;
    room_bytes = room_bytes > READ_BYTES ? room_bytes : READ_BYTES;
    char *room = malloc(room_bytes);
    int fd = spool_open_segment(spool, segment->first, O_RDONLY);
    enum cc_error error = room && fd >= 0 ? CC_OK : CC_IO;
    bool more = true;
    while (error == CC_OK && more && !is_full(reading)) {
        int64_t left = segment->bytes - reading->place->offset;
        size_t want = left < (int64_t)room_bytes ? (size_t)left : room_bytes;
        ssize_t got = pread(fd, room, want, reading->place->offset);
        error = got < 0 ? CC_IO : CC_OK;
        more = got > 0 && take_frames(spool, cc_slice(room, (size_t)got), reading);
    }
    if (fd >= 0)
        close(fd);
    free(room);
    return error ? error : reading->bytes->error;
}

/* Damage that came after opening: the rest of the segment cannot be framed. */
static void give_up_segment(struct cc_spool *spool, struct place *place)
{
    struct segment *segment = &spool->segments[place->segment];
    spool_note_cut(spool, segment, segment->bytes - place->offset);
    spool->total_bytes -= segment->bytes - place->offset;
    segment->bytes = place->offset;
    segment->count = place->number - segment->first;
}

enum cc_error cc_spool_read(struct cc_spool *spool, size_t count_max, size_t bytes_max,
                            struct cc_spool_batch *out)
{
    *out = (struct cc_spool_batch){0};
    skip_ends(spool, &spool->cursor);
    struct place place = spool->cursor;
    out->first = place.number;
    if (spool->segment_count == 0 || place.number >= end_of(&spool->segments[place.segment]))
        return CC_OK;
    size_t *lengths = calloc(count_max, sizeof(*lengths));
    out->records = calloc(count_max, sizeof(*out->records));
    cc_buffer_init(&out->_bytes, bytes_max + (size_t)spool->options.record_max);
    enum cc_error error = lengths && out->records ? CC_OK : CC_NO_MEMORY;
    struct reading reading = {.place = &place,
                              .bytes = &out->_bytes,
                              .lengths = lengths,
                              .count_max = count_max,
                              .bytes_max = bytes_max};
    if (error == CC_OK)
        error = read_segment(spool, &reading);
    out->count = reading.count;
    const char *at = out->_bytes.data;
    for (size_t i = 0; i < out->count && error == CC_OK; i++) {
        out->records[i] = cc_slice(at, lengths[i]);
        at += lengths[i];
    }
    free(lengths);
    if (error != CC_OK)
        cc_spool_batch_free(out);
    else if (out->count == 0)
        give_up_segment(spool, &spool->cursor);
    spool->read_end = place;
    return error;
}

void cc_spool_batch_free(struct cc_spool_batch *batch)
{
    free(batch->records);
    cc_buffer_deinit(&batch->_bytes);
    *batch = (struct cc_spool_batch){0};
}

static enum cc_error seek(struct cc_spool *spool, struct place *place, uint64_t number)
{
    struct cc_spool_frame frame;
    while (place->segment + 1 < spool->segment_count &&
           number >= spool->segments[place->segment + 1].first) {
        place->segment++;
        place->offset = 0;
        place->number = spool->segments[place->segment].first;
    }
    if (spool->segment_count == 0 || number >= end_of(&spool->segments[place->segment])) {
        if (spool->segment_count > 0)
            place->offset = spool->segments[place->segment].bytes;
        place->number = number > place->number ? number : place->number;
        skip_ends(spool, place);
        return CC_OK;
    }
    size_t room_bytes = (size_t)spool->options.record_max + CC_SPOOL_FRAME_HEAD;
    char *room = malloc(room_bytes);
    int fd = spool_open_segment(spool, spool->segments[place->segment].first, O_RDONLY);
    enum cc_error error = room && fd >= 0 ? CC_OK : CC_IO;
    while (error == CC_OK && place->number < number) {
        ssize_t got = pread(fd, room, room_bytes, place->offset);
        if (got < 0 || !cc_spool_frame_read(cc_slice(room, (size_t)got),
                                            (size_t)spool->options.record_max, &frame))
            error = CC_IO;
        else
            place->offset += (int64_t)frame.bytes;
        place->number += error == CC_OK;
    }
    if (fd >= 0)
        close(fd);
    free(room);
    return error;
}

/* ---- acknowledging ---- */

static enum cc_error write_mark(const struct cc_spool *spool)
{
    char bytes[SPOOL_MARK_BYTES];
    memcpy(bytes, &spool->cursor.number, sizeof(uint64_t));
    uint32_t crc = cc_crc32c(0, cc_slice(bytes, sizeof(uint64_t)));
    memcpy(bytes + sizeof(uint64_t), &crc, sizeof(crc));
    return pwrite(spool->mark, bytes, sizeof(bytes), 0) == SPOOL_MARK_BYTES ? CC_OK : CC_IO;
}

struct drop_job {
    int folder; /* closed when done */
    char name[SPOOL_NAME_BYTES];
};

static void run_drop(void *context)
{
    struct drop_job *job = context;
    if (unlinkat(job->folder, job->name, 0) != 0 && errno != ENOENT)
        CC_LOG(CC_LOG_WARNING, "spool_segment_not_deleted", cc_log_text("segment", job->name),
               cc_log_text("reason", strerror(errno)));
    close(job->folder);
}

/* Unlinking a large file takes its time: off the loop. What is not deleted now is at the next
 * opening. */
static void drop_segment(struct cc_spool *spool, const struct segment *segment)
{
    struct drop_job *job = calloc(1, sizeof(*job));
    if (!job)
        return;
    spool_segment_name(segment->first, job->name);
    job->folder = dup(spool->folder);
    if (!spool->loop && job->folder >= 0) { /* on another thread: see cc_spool_attach */
        run_drop(job);
        free(job);
        return;
    }
    if (job->folder < 0 || cc_loop_work(spool->loop, run_drop, free, job) != CC_OK) {
        if (job->folder >= 0)
            close(job->folder);
        free(job);
    }
}

static void drop_shipped_segments(struct cc_spool *spool)
{
    size_t gone = spool->cursor.segment;
    for (size_t i = 0; i < gone; i++) {
        spool->total_bytes -= spool->segments[i].bytes;
        drop_segment(spool, &spool->segments[i]);
    }
    if (gone == 0)
        return;
    spool->segment_count -= gone;
    memmove(spool->segments, spool->segments + gone,
            spool->segment_count * sizeof(*spool->segments));
    spool->cursor.segment = 0;
}

/* The last segment, all shipped, is emptied in place once it is worth it, so that an idle spool is
 * small. */
static void empty_last_segment(struct cc_spool *spool, int64_t worth_bytes)
{
    struct segment *last = last_segment(spool);
    if (spool->segment_count != 1 || last->bytes < worth_bytes ||
        spool->cursor.number < end_of(last))
        return;
    struct segment shipped = *last;
    if (begin_segment(spool) == CC_OK) {
        spool->cursor.segment = spool->segment_count - 1;
        spool->cursor.offset = 0;
        spool->total_bytes -= shipped.bytes;
        spool->segments[0] = spool->segments[spool->segment_count - 1];
        spool->segment_count = 1;
        spool->cursor.segment = 0;
        spool->read_end = spool->cursor;
        drop_segment(spool, &shipped);
    }
}

static void find_oldest(struct cc_spool *spool)
{
    char head[CC_SPOOL_FRAME_HEAD];
    spool->oldest_us = 0;
    if (spool->segment_count == 0)
        return;
    const struct segment *segment = &spool->segments[spool->cursor.segment];
    if (spool->cursor.number >= end_of(segment))
        return;
    int fd = spool_open_segment(spool, segment->first, O_RDONLY);
    if (fd >= 0 && pread(fd, head, sizeof(head), spool->cursor.offset) == (ssize_t)sizeof(head))
        spool->oldest_us = cc_spool_frame_time(head);
    if (fd >= 0)
        close(fd);
}

enum cc_error cc_spool_acknowledge(struct cc_spool *spool, uint64_t next)
{
    enum cc_error error = CC_OK;
    if (next <= spool->cursor.number)
        return CC_OK;
    if (next > next_number(spool))
        return CC_INVALID;
    if (next == spool->read_end.number && spool->read_end.segment == spool->cursor.segment)
        spool->cursor = spool->read_end;
    else
        error = seek(spool, &spool->cursor, next);
    if (error != CC_OK)
        return error;
    skip_ends(spool, &spool->cursor);
    error = write_mark(spool);
    drop_shipped_segments(spool);
    empty_last_segment(spool, spool->options.segment_bytes / 4);
    spool->read_end = spool->cursor;
    find_oldest(spool);
    return error;
}

/* ---- state ---- */

struct cc_spool_state cc_spool_state(const struct cc_spool *spool)
{
    struct cc_spool_state state = {.bytes = spool->total_bytes,
                                   .oldest_us = spool->oldest_us,
                                   .cut = spool->cut,
                                   .sync_failures = spool_syncs_failures(spool->syncs)};
    for (size_t i = spool->cursor.segment; i < spool->segment_count; i++)
        state.records += spool->segments[i].count;
    if (spool->segment_count > 0) {
        uint64_t shipped = spool->cursor.number - spool->segments[spool->cursor.segment].first;
        state.records -= shipped < state.records ? shipped : state.records;
    }
    return state;
}
