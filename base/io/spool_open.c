/* Opening a spool's folder: lock, mark, segments. Runs before the loop and may block. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/io/folder.h"
#include "base/io/spool_frame.h"
#include "base/io/spool_private.h"
#include "base/log.h"

enum { SCAN_BYTES = 1024 * 1024, PEEK_RECORD_MAX = 1024 * 1024 };

void spool_segment_name(uint64_t first, char name[SPOOL_NAME_BYTES])
{
    (void)snprintf(name, SPOOL_NAME_BYTES, "%020" PRIu64 ".spool", first);
}

int spool_open_segment(const struct cc_spool *spool, uint64_t first, int flags)
{
    char name[SPOOL_NAME_BYTES];
    spool_segment_name(first, name);
    return openat(spool->folder, name, flags | O_CLOEXEC, 0600);
}

enum cc_error spool_add_segment(struct cc_spool *spool, uint64_t first)
{
    if (spool->segment_count == spool->segment_capacity) {
        size_t capacity = spool->segment_capacity ? spool->segment_capacity * 2 : 16;
        struct segment *grown = realloc(spool->segments, capacity * sizeof(*grown));
        if (!grown)
            return CC_NO_MEMORY;
        spool->segments = grown;
        spool->segment_capacity = capacity;
    }
    spool->segments[spool->segment_count++] = (struct segment){.first = first};
    return CC_OK;
}

static bool parse_name(const char *name, uint64_t *first)
{
    int used = 0;
    return strlen(name) == 26 && sscanf(name, "%20" SCNu64 ".spool%n", first, &used) == 1 &&
           used == 26;
}

static int by_first(const void *a, const void *b)
{
    const struct segment *left = a, *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

static enum cc_error list_segments(struct cc_spool *spool)
{
    int fd = dup(spool->folder);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    enum cc_error error = CC_OK;
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return CC_IO;
    }
    rewinddir(folder);
    for (struct dirent *entry = readdir(folder); entry && error == CC_OK; entry = readdir(folder)) {
        uint64_t first = 0;
        if (parse_name(entry->d_name, &first))
            error = spool_add_segment(spool, first);
    }
    closedir(folder);
    if (spool->segment_count > 0)
        qsort(spool->segments, spool->segment_count, sizeof(*spool->segments), by_first);
    return error;
}

/* Whom records that are not shipped are shown to, or NULL. */
struct spool_watcher {
    uint64_t mark; /* the first that is not shipped */
    void (*see)(void *context, struct cc_slice record);
    void *context;
};

static void show(const struct spool_watcher *watcher, uint64_t number, struct cc_slice record)
{
    if (watcher->see && number >= watcher->mark)
        watcher->see(watcher->context, record);
}

/* Counts whole frames from the segment's front. */
static enum cc_error scan_segment(struct cc_spool *spool, struct segment *segment, int fd,
                                  char *room, size_t room_bytes,
                                  const struct spool_watcher *watcher)
{
    struct cc_spool_frame frame;
    for (;;) {
        ssize_t got = pread(fd, room, room_bytes, segment->bytes);
        if (got < 0)
            return CC_IO;
        struct cc_slice rest = cc_slice(room, (size_t)got);
        while (cc_spool_frame_read(rest, (size_t)spool->options.record_max, &frame)) {
            show(watcher, segment->first + segment->count, frame.payload);
            rest = cc_slice(rest.data + frame.bytes, rest.length - frame.bytes);
            segment->bytes += (int64_t)frame.bytes;
            segment->count++;
        }
        if (rest.length == (size_t)got)
            return CC_OK; /* the end, or damage */
    }
}

void spool_note_cut(struct cc_spool *spool, const struct segment *segment, int64_t lost_bytes)
{
    spool->cut++;
    CC_LOG(CC_LOG_WARNING, "spool_damage_cut", cc_log_text("folder", spool->options.directory),
           cc_log_number("segment", (int64_t)segment->first),
           cc_log_number("whole_records", (int64_t)segment->count),
           cc_log_number("bytes_lost", lost_bytes));
}

static enum cc_error open_one(struct cc_spool *spool, struct segment *segment, bool last,
                              char *room, size_t room_bytes)
{
    const struct spool_watcher nobody = {0};
    struct stat stat;
    int fd = spool_open_segment(spool, segment->first, O_RDWR);
    enum cc_error error = CC_IO;
    if (fd < 0)
        return errno == ENOENT ? CC_NOT_FOUND : CC_IO;
    if (fstat(fd, &stat) == 0)
        error = scan_segment(spool, segment, fd, room, room_bytes, &nobody);
    if (error == CC_OK && stat.st_size > segment->bytes) {
        spool_note_cut(spool, segment, stat.st_size - segment->bytes);
        if (last && ftruncate(fd, segment->bytes) != 0)
            error = CC_IO;
    }
    spool->total_bytes += segment->bytes;
    if (error == CC_OK && last)
        spool->active = fd;
    else
        close(fd);
    return error;
}

/* Listed and gone. All shipped, by the mark: the one before us in this process was still removing
 * it. Anything else is a loss, and is said. */
static enum cc_error forget_segment(struct cc_spool *spool, size_t i)
{
    if (i + 1 == spool->segment_count || spool->segments[i + 1].first > spool_read_mark(spool))
        return CC_IO;
    spool->segment_count--;
    memmove(&spool->segments[i], &spool->segments[i + 1],
            (spool->segment_count - i) * sizeof(*spool->segments));
    return CC_OK;
}

static enum cc_error scan_all(struct cc_spool *spool)
{
    size_t room_bytes = (size_t)spool->options.record_max + CC_SPOOL_FRAME_HEAD;
    room_bytes = room_bytes > SCAN_BYTES ? room_bytes : SCAN_BYTES;
    char *room = malloc(room_bytes);
    enum cc_error error = room ? CC_OK : CC_NO_MEMORY;
    for (size_t i = 0; i < spool->segment_count && error == CC_OK;) {
        error =
            open_one(spool, &spool->segments[i], i + 1 == spool->segment_count, room, room_bytes);
        if (error == CC_NOT_FOUND)
            error = forget_segment(spool, i);
        else
            i++;
    }
    free(room);
    return error;
}

uint64_t spool_read_mark(const struct cc_spool *spool)
{
    char bytes[SPOOL_MARK_BYTES];
    uint64_t number = 0;
    uint32_t crc = 0;
    if (pread(spool->mark, bytes, sizeof(bytes), 0) != SPOOL_MARK_BYTES)
        return 0;
    memcpy(&number, bytes, sizeof(number));
    memcpy(&crc, bytes + sizeof(number), sizeof(crc));
    return crc == cc_crc32c(0, cc_slice(bytes, sizeof(number))) ? number : 0;
}

/* So that what is shipped can be noted on a full disk too: that is what makes room. */
static void reserve_mark(const struct cc_spool *spool)
{
    static const char nothing[SPOOL_MARK_BYTES];
    struct stat state;
    if (fstat(spool->mark, &state) == 0 && state.st_size < SPOOL_MARK_BYTES &&
        pwrite(spool->mark, nothing, sizeof(nothing), 0) < 0)
        CC_LOG(CC_LOG_WARNING, "spool_mark_not_reserved",
               cc_log_text("folder", spool->options.directory),
               cc_log_text("reason", strerror(errno)));
}

static enum cc_error open_files(struct cc_spool *spool)
{
    bool adopts = spool->options.adopts;
    int make = adopts ? 0 : O_CREAT;
    enum cc_error error = adopts ? CC_OK : cc_folder_make(spool->options.directory);
    if (error != CC_OK)
        return error;
    spool->folder = open(spool->options.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->folder < 0)
        return errno == ENOENT ? CC_NOT_FOUND : CC_IO;
    spool->lock = openat(spool->folder, "lock", O_RDWR | make | O_CLOEXEC, 0600);
    if (spool->lock < 0)
        return errno == ENOENT ? CC_NOT_FOUND : CC_IO;
    if (flock(spool->lock, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? CC_CONFLICT : CC_IO;
    if (!adopts && futimens(spool->lock, NULL) != 0)
        return CC_IO;
    spool->mark = openat(spool->folder, "acknowledged", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->mark < 0)
        return CC_IO;
    reserve_mark(spool);
    return CC_OK;
}

enum cc_error spool_open_folder(struct cc_spool *spool)
{
    enum cc_error error = open_files(spool);
    if (error == CC_OK)
        error = list_segments(spool);
    if (error == CC_OK)
        error = scan_all(spool);
    return error;
}

/* One that went meanwhile was shipped, and others may have come since the folder was listed: look
 * again. */
static enum cc_error count_left(struct cc_spool *spool, struct segment *segment,
                                const struct spool_watcher *watcher, char *room, size_t room_bytes,
                                uint64_t *left)
{
    int fd = spool_open_segment(spool, segment->first, O_RDONLY);
    if (fd < 0) {
        *left += 1;
        return errno == ENOENT ? CC_OK : CC_IO;
    }
    enum cc_error error = scan_segment(spool, segment, fd, room, room_bytes, watcher);
    uint64_t from = segment->first > watcher->mark ? segment->first : watcher->mark;
    uint64_t end = segment->first + segment->count;
    *left += end > from ? end - from : 0;
    close(fd);
    return error;
}

/* The mark first: what is shipped after that is counted all the same. */
static enum cc_error peek(struct cc_spool *spool, struct spool_watcher *watcher, uint64_t *left)
{
    size_t room_bytes = PEEK_RECORD_MAX + CC_SPOOL_FRAME_HEAD;
    char *room = malloc(room_bytes);
    enum cc_error error = room ? CC_OK : CC_NO_MEMORY;
    spool->mark = openat(spool->folder, "acknowledged", O_RDONLY | O_CLOEXEC);
    if (error == CC_OK && spool->mark < 0 && errno != ENOENT)
        error = CC_IO;
    watcher->mark = spool->mark < 0 ? 0 : spool_read_mark(spool);
    if (error == CC_OK)
        error = list_segments(spool);
    for (size_t i = 0; i < spool->segment_count && error == CC_OK; i++)
        error = count_left(spool, &spool->segments[i], watcher, room, room_bytes, left);
    if (spool->mark >= 0)
        close(spool->mark);
    free(spool->segments);
    free(room);
    return error;
}

static enum cc_error look_into(const char *directory, struct spool_watcher *watcher, uint64_t *left)
{
    struct cc_spool spool = {.options = {.record_max = PEEK_RECORD_MAX}};
    spool.folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool.folder < 0)
        return errno == ENOENT ? CC_NOT_FOUND : CC_IO;
    enum cc_error error = peek(&spool, watcher, left);
    close(spool.folder);
    return error;
}

enum cc_error cc_spool_left(const char *directory, uint64_t *out)
{
    struct spool_watcher nobody = {0};
    *out = 0;
    return look_into(directory, &nobody, out);
}

enum cc_error cc_spool_look(const char *directory,
                            void (*see)(void *context, struct cc_slice record), void *context)
{
    struct spool_watcher watcher = {.see = see, .context = context};
    uint64_t left = 0;
    return look_into(directory, &watcher, &left);
}
