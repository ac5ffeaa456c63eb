#include "base/io/publication_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, LIST_MAX = 256, READ_BYTES = 64 * 1024 };

static bool name_file(char path[PATH_BYTES], const char *directory, const char *country,
                      enum cc_publication_kind kind, int64_t epoch, const char *suffix)
{
    int length = snprintf(path, PATH_BYTES, "%s/%s/%s-%020" PRId64 "%s", directory, country,
                          cc_publication_kind_name(kind), epoch, suffix);
    return length > 0 && length < PATH_BYTES;
}

/* ---- reading ---- */

static bool parse_name(const char *name, enum cc_publication_kind kind, int64_t *epoch)
{
    struct cc_slice prefix = cc_slice_of(cc_publication_kind_name(kind));
    int used = 0;
    if (!cc_slice_starts_with(cc_slice_of(name), prefix))
        return false;
    name += prefix.length;
    return strlen(name) == 25 && sscanf(name, "-%20" SCNd64 ".pub%n", epoch, &used) == 1 &&
           used == 25;
}

static int newest_first(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left < right) - (left > right);
}

size_t cc_publication_store_list(const char *directory, const char *country,
                                 enum cc_publication_kind kind, int64_t *epochs, size_t capacity)
{
    char path[PATH_BYTES];
    int64_t found[LIST_MAX];
    size_t count = 0;
    int length = snprintf(path, sizeof(path), "%s/%s", directory, country);
    DIR *folder = length > 0 && length < PATH_BYTES ? opendir(path) : NULL;
    if (!folder)
        return 0;
    for (struct dirent *entry = readdir(folder); entry && count < LIST_MAX;
         entry = readdir(folder)) {
        if (parse_name(entry->d_name, kind, &found[count]))
            count++;
    }
    closedir(folder);
    if (count == 0)
        return 0;
    qsort(found, count, sizeof(found[0]), newest_first);
    count = count < capacity ? count : capacity;
    memcpy(epochs, found, count * sizeof(epochs[0]));
    return count;
}

static enum cc_error read_file(const char *path, struct cc_buffer *out)
{
    char part[READ_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    if (fd < 0)
        return errno == ENOENT ? CC_NOT_FOUND : CC_IO;
    while ((got = read(fd, part, sizeof(part))) > 0)
        cc_buffer_append(out, cc_slice(part, (size_t)got));
    close(fd);
    return got < 0 ? CC_IO : out->error;
}

enum cc_error cc_publication_store_read(const char *directory, const char *country,
                                        enum cc_publication_kind kind, int64_t epoch,
                                        struct cc_buffer *bytes, struct cc_buffer *signature)
{
    char path[PATH_BYTES];
    enum cc_error error = CC_TOO_LARGE;
    cc_buffer_init(bytes, CC_PUBLICATION_FILE_MAX);
    cc_buffer_init(signature, CC_ED25519_SIGNATURE_BYTES);
    if (name_file(path, directory, country, kind, epoch, ".pub"))
        error = read_file(path, bytes);
    if (error == CC_OK && name_file(path, directory, country, kind, epoch, ".sig"))
        error = read_file(path, signature);
    return error;
}

void cc_publication_store_countries(const char *directory,
                                    void (*each)(void *context, const char *country), void *context)
{
    DIR *folder = opendir(directory);
    if (!folder)
        return;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (cc_name_is_country(cc_slice_of(entry->d_name)))
            each(context, entry->d_name);
    }
    closedir(folder);
}

/* ---- writing ---- */

static enum cc_error make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? CC_OK : CC_IO;
}

static enum cc_error write_all(int fd, struct cc_slice bytes)
{
    while (bytes.length > 0) {
        ssize_t written = write(fd, bytes.data, bytes.length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return errno == ENOSPC ? CC_FULL : CC_IO;
        bytes = cc_slice(bytes.data + written, bytes.length - (size_t)written);
    }
    return CC_OK;
}

static enum cc_error write_file(const char *path, struct cc_slice bytes)
{
    char temporary[PATH_BYTES];
    int length = snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    if (length <= 0 || length >= PATH_BYTES)
        return CC_TOO_LARGE;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return CC_IO;
    enum cc_error error = write_all(fd, bytes);
    if (error == CC_OK && fsync(fd) != 0)
        error = CC_IO;
    if (close(fd) != 0 && error == CC_OK)
        error = CC_IO;
    if (error == CC_OK && rename(temporary, path) != 0)
        error = CC_IO;
    if (error != CC_OK)
        (void)unlink(temporary);
    return error;
}

static enum cc_error sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum cc_error error = fd >= 0 && fsync(fd) == 0 ? CC_OK : CC_IO;
    if (fd >= 0)
        close(fd);
    return error;
}

static void prune(const char *directory, const char *country, enum cc_publication_kind kind)
{
    int64_t epochs[LIST_MAX];
    char path[PATH_BYTES];
    size_t count = cc_publication_store_list(directory, country, kind, epochs, LIST_MAX);
    for (size_t i = CC_PUBLICATIONS_KEPT; i < count; i++) {
        if (name_file(path, directory, country, kind, epochs[i], ".pub"))
            (void)unlink(path);
        if (name_file(path, directory, country, kind, epochs[i], ".sig"))
            (void)unlink(path);
    }
}

enum cc_error cc_publication_store_write(const char *directory,
                                         const struct cc_publication *publication,
                                         struct cc_slice bytes, struct cc_slice signature)
{
    char folder[PATH_BYTES], path[PATH_BYTES];
    const char *country = publication->country;
    enum cc_publication_kind kind = publication->kind;
    int length = snprintf(folder, sizeof(folder), "%s/%s", directory, country);
    enum cc_error error = length > 0 && length < PATH_BYTES ? make_folder(directory) : CC_TOO_LARGE;
    if (error == CC_OK)
        error = make_folder(folder);
    if (error == CC_OK && name_file(path, directory, country, kind, publication->epoch, ".sig"))
        error = write_file(path, signature);
    if (error == CC_OK && name_file(path, directory, country, kind, publication->epoch, ".pub"))
        error = write_file(path, bytes);
    if (error == CC_OK)
        error = sync_folder(folder);
    if (error == CC_OK)
        prune(directory, country, kind);
    return error;
}
