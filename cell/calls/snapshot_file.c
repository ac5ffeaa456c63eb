/* Rim: the disk. */
#include "cell/calls/snapshot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/io/folder.h"

enum { PATH_ROOM = 4096, WRITE_BUFFER = 1 << 20 };

static bool path_of(const char *directory, const char *name, char path[PATH_ROOM])
{
    int length = snprintf(path, PATH_ROOM, "%s/%s", directory, name);
    return length > 0 && length < PATH_ROOM;
}

static enum cc_error read_bytes(int file, char *out, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = read(file, out + at, size - at);
        if (got <= 0)
            return CC_IO;
        at += (size_t)got;
    }
    return CC_OK;
}

enum cc_error cell_snapshot_file_read(const char *directory, char **out, size_t *out_length)
{
    char path[PATH_ROOM];
    struct stat stat;
    *out = NULL;
    *out_length = 0;
    if (!path_of(directory, "call-plans", path))
        return CC_TOO_LARGE;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? CC_NOT_FOUND : CC_IO;
    enum cc_error error = fstat(file, &stat) == 0 ? CC_OK : CC_IO;
    if (!error && stat.st_size > CELL_SNAPSHOT_FILE_MAX)
        error = CC_TOO_LARGE;
    if (!error) {
        *out_length = (size_t)stat.st_size;
        *out = malloc(*out_length + 1);
        error = *out ? read_bytes(file, *out, *out_length) : CC_NO_MEMORY;
    }
    close(file);
    return error;
}

/* Over the cell's line and all records. */
static enum cc_error digest(struct cc_slice cell, const struct cell_snapshot_record *records,
                            size_t count, uint8_t out[CELL_SNAPSHOT_DIGEST])
{
    struct cc_slice *parts = calloc(2 * count + 2, sizeof(*parts));
    size_t at = 0;
    if (!parts)
        return CC_NO_MEMORY;
    parts[at++] = cell;
    parts[at++] = CC_SLICE_LITERAL("\n");
    for (size_t i = 0; i < count; i++) {
        parts[at++] = cc_slice((const char *)records[i].head, sizeof(records[i].head));
        parts[at++] = cc_slice(records[i].item->bytes, records[i].item->length);
    }
    enum cc_error error = cc_sha256_parts(parts, at, out);
    free(parts);
    return error;
}

static bool write_content(FILE *file, struct cc_slice cell, const uint8_t *sum,
                          const struct cell_snapshot_record *records, size_t count)
{
    bool written = fwrite(cell_snapshot_magic, CELL_SNAPSHOT_MAGIC, 1, file) == 1 &&
                   fwrite(sum, CELL_SNAPSHOT_DIGEST, 1, file) == 1 &&
                   fwrite(cell.data, cell.length, 1, file) == 1 && fputc('\n', file) != EOF;
    for (size_t i = 0; i < count && written; i++)
        written = fwrite(records[i].head, sizeof(records[i].head), 1, file) == 1 &&
                  fwrite(records[i].item->bytes, records[i].item->length, 1, file) == 1;
    return written && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

static bool sync_folder(const char *directory)
{
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return false;
    bool synced = fsync(folder) == 0;
    close(folder);
    return synced;
}

/* errno is the first failure's. */
static bool write_whole(const char *path, struct cc_slice cell, const uint8_t *sum,
                        const struct cell_snapshot_record *records, size_t count)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "wb") : NULL;
    if (!file) {
        int failure = errno;
        if (descriptor >= 0)
            close(descriptor);
        errno = failure;
        return false;
    }
    setvbuf(file, NULL, _IOFBF, WRITE_BUFFER);
    bool written = write_content(file, cell, sum, records, count);
    int failure = errno;
    bool closed = fclose(file) == 0;
    if (!written)
        errno = failure;
    return written && closed;
}

enum cc_error cell_snapshot_file_write(const char *directory, const char *cell,
                                       const struct cell_snapshot_record *records, size_t count)
{
    char path[PATH_ROOM], unfinished[PATH_ROOM];
    uint8_t sum[CELL_SNAPSHOT_DIGEST];
    struct cc_slice owner = cc_slice_of(cell);
    if (!path_of(directory, "call-plans", path) ||
        !path_of(directory, "call-plans.tmp", unfinished))
        return CC_TOO_LARGE;
    enum cc_error error = cc_folder_make(directory);
    if (!error)
        error = digest(owner, records, count, sum);
    if (error)
        return error;
    if (write_whole(unfinished, owner, sum, records, count) && rename(unfinished, path) == 0 &&
        sync_folder(directory))
        return CC_OK;
    int failure = errno;
    (void)unlink(unfinished);
    errno = failure;
    return failure == ENOSPC || failure == EDQUOT ? CC_FULL : CC_IO;
}
