#include "base/io/publication_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io/folder.h"

enum { PATH_TEXT_MAX = 4096, NAME_TEXT_MAX = 64, EPOCH_DIGITS = 20, READ_BYTES = 64 * 1024 };

size_t publication_store_countries(const char *directory, char (*out)[CC_COUNTRY_LENGTH + 1],
                                   size_t capacity)
{
    size_t count = 0;
    DIR *folder = opendir(directory);
    if (!folder)
        return 0;
    for (struct dirent *entry = readdir(folder); entry && count < capacity;
         entry = readdir(folder)) {
        if (!cc_name_is_country(cc_slice_of(entry->d_name)))
            continue;
        memcpy(out[count], entry->d_name, CC_COUNTRY_LENGTH);
        out[count++][CC_COUNTRY_LENGTH] = '\0';
    }
    (void)closedir(folder);
    return count;
}

static enum cc_error country_path(const struct publication_place *place, char path[PATH_TEXT_MAX])
{
    int length = snprintf(path, PATH_TEXT_MAX, "%s/%s", place->directory, place->country);
    return length > 0 && length < PATH_TEXT_MAX ? CC_OK : CC_TOO_LARGE;
}

/* suffix: ".pub", ".sig.tmp" ... */
static void file_name(const struct publication_place *place, int64_t epoch, const char *suffix,
                      char name[NAME_TEXT_MAX])
{
    (void)snprintf(name, NAME_TEXT_MAX, "%s-%0*lld%s", cc_publication_kind_name(place->kind),
                   EPOCH_DIGITS, (long long)epoch, suffix);
}

/* The epoch and what follows it when this is a file of the kind. */
static bool parse_name(const struct publication_place *place, const char *name, int64_t *epoch,
                       const char **suffix)
{
    struct cc_slice kind = cc_slice_of(cc_publication_kind_name(place->kind));
    if (!cc_slice_starts_with(cc_slice_of(name), kind) || name[kind.length] != '-')
        return false;
    const char *digits = name + kind.length + 1;
    *epoch = 0;
    for (int i = 0; i < EPOCH_DIGITS; i++) {
        int64_t digit = digits[i] - '0';
        if (digit < 0 || digit > 9 || *epoch > (INT64_MAX - digit) / 10)
            return false;
        *epoch = *epoch * 10 + digit;
    }
    *suffix = digits + EPOCH_DIGITS;
    return *epoch > 0;
}

static DIR *open_country(const struct publication_place *place)
{
    char path[PATH_TEXT_MAX];
    return country_path(place, path) == CC_OK ? opendir(path) : NULL;
}

/* Into the descending list, which keeps the largest. */
static size_t insert_epoch(int64_t *epochs, size_t count, size_t capacity, int64_t epoch)
{
    size_t at = count;
    while (at > 0 && epochs[at - 1] < epoch)
        at--;
    if (at == capacity)
        return count;
    size_t moved = count < capacity ? count - at : capacity - at - 1;
    memmove(&epochs[at + 1], &epochs[at], moved * sizeof(*epochs));
    epochs[at] = epoch;
    return count < capacity ? count + 1 : count;
}

/* The largest epochs not above highest. */
static size_t list_epochs(const struct publication_place *place, int64_t highest, int64_t *out,
                          size_t capacity)
{
    size_t count = 0;
    DIR *folder = open_country(place);
    if (!folder)
        return 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        int64_t epoch = 0;
        const char *suffix = NULL;
        if (parse_name(place, entry->d_name, &epoch, &suffix) && strcmp(suffix, ".pub") == 0 &&
            epoch <= highest)
            count = insert_epoch(out, count, capacity, epoch);
    }
    (void)closedir(folder);
    return count;
}

size_t publication_store_epochs(const struct publication_place *place, int64_t *out,
                                size_t capacity)
{
    return list_epochs(place, INT64_MAX, out, capacity);
}

static enum cc_error read_file(int folder, const char *name, struct cc_buffer *out)
{
    char part[READ_BYTES];
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? CC_NOT_FOUND : CC_IO;
    ssize_t got = 0;
    do {
        got = read(file, part, sizeof(part));
        if (got > 0)
            cc_buffer_append(out, cc_slice(part, (size_t)got));
    } while ((got > 0 && !out->error) || (got < 0 && errno == EINTR));
    explicit_bzero(part, sizeof(part));
    (void)close(file);
    return got < 0 ? CC_IO : out->error;
}

static enum cc_error open_folder(const struct publication_place *place, int *folder)
{
    char path[PATH_TEXT_MAX];
    enum cc_error error = country_path(place, path);
    if (error)
        return error;
    *folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *folder < 0 ? CC_IO : CC_OK;
}

enum cc_error publication_store_read(const struct publication_place *place, int64_t epoch,
                                     struct cc_buffer *bytes, struct cc_buffer *signature)
{
    char name[NAME_TEXT_MAX];
    int folder = -1;
    enum cc_error error = open_folder(place, &folder);
    if (error)
        return error;
    file_name(place, epoch, ".pub", name);
    error = read_file(folder, name, bytes);
    if (error == CC_OK) {
        file_name(place, epoch, ".sig", name);
        error = read_file(folder, name, signature);
        if (error == CC_NOT_FOUND)
            error = CC_OK;
    }
    (void)close(folder);
    return error;
}

static enum cc_error write_all(int file, struct cc_slice bytes)
{
    while (bytes.length > 0) {
        ssize_t written = write(file, bytes.data, bytes.length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return CC_IO;
        bytes = cc_slice(bytes.data + written, bytes.length - (size_t)written);
    }
    return fsync(file) == 0 ? CC_OK : CC_IO;
}

static enum cc_error write_tmp(int folder, const char *name, struct cc_slice bytes)
{
    (void)unlinkat(folder, name, 0); /* left over by a crash, perhaps with another mode */
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return CC_IO;
    enum cc_error error = write_all(file, bytes);
    if (close(file) != 0)
        error = CC_IO;
    if (error)
        (void)unlinkat(folder, name, 0);
    return error;
}

static enum cc_error write_both(int folder, const struct publication_place *place, int64_t epoch,
                                struct cc_slice bytes, struct cc_slice signature)
{
    char names[4][NAME_TEXT_MAX];
    file_name(place, epoch, ".sig.tmp", names[0]);
    file_name(place, epoch, ".sig", names[1]);
    file_name(place, epoch, ".pub.tmp", names[2]);
    file_name(place, epoch, ".pub", names[3]);
    enum cc_error error = write_tmp(folder, names[0], signature);
    if (error == CC_OK)
        error = write_tmp(folder, names[2], bytes);
    if (error == CC_OK && (renameat(folder, names[0], folder, names[1]) != 0 ||
                           renameat(folder, names[2], folder, names[3]) != 0))
        error = CC_IO;
    return error == CC_OK && fsync(folder) != 0 ? CC_IO : error;
}

/* A file of the kind stays when its epoch is kept and it is no leftover of a crash. */
static void remove_others(int folder, const struct publication_place *place, int64_t newest)
{
    int64_t kept[PUBLICATIONS_KEPT];
    size_t count = list_epochs(place, newest, kept, PUBLICATIONS_KEPT);
    DIR *listing = open_country(place);
    if (!listing)
        return;
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        int64_t epoch = 0;
        const char *suffix = NULL;
        bool is_kept = false;
        if (!parse_name(place, entry->d_name, &epoch, &suffix))
            continue;
        for (size_t i = 0; i < count; i++)
            is_kept |= kept[i] == epoch;
        if (!is_kept || strlen(suffix) != strlen(".pub"))
            (void)unlinkat(folder, entry->d_name, 0);
    }
    (void)closedir(listing);
}

enum cc_error publication_store_write(const struct publication_place *place, int64_t epoch,
                                      struct cc_slice bytes, struct cc_slice signature)
{
    char path[PATH_TEXT_MAX];
    int folder = -1;
    enum cc_error error = country_path(place, path);
    if (error == CC_OK)
        error = cc_folder_make(path);
    if (error == CC_OK)
        error = open_folder(place, &folder);
    if (error)
        return error;
    error = write_both(folder, place, epoch, bytes, signature);
    if (error == CC_OK)
        remove_others(folder, place, epoch);
    (void)close(folder);
    return error;
}
