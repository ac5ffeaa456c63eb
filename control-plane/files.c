#include "control-plane/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"

enum cc_error cp_file_read(struct cp_context *context, const char *path, struct cc_slice *out)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? CC_NOT_FOUND : CC_IO;
    struct stat about;
    enum cc_error error = CC_IO;
    if (fstat(file, &about) || !S_ISREG(about.st_mode))
        goto close_file;
    size_t length = (size_t)about.st_size, at = 0;
    char *bytes = cp_alloc(context, length + 1);
    while (at < length) {
        ssize_t got = read(file, bytes + at, length - at);
        if (got <= 0)
            goto close_file;
        at += (size_t)got;
    }
    *out = cc_slice(bytes, length);
    error = CC_OK;
close_file:
    (void)close(file);
    return error;
}

enum cc_error cp_file_secret(struct cp_context *context, const char *path, const char **out)
{
    struct cc_slice text;
    enum cc_error error = cp_file_read(context, path, &text);
    if (error)
        return cp_fail(context, error, "cannot read %s", path);
    while (text.length > 0 &&
           (text.data[text.length - 1] == '\n' || text.data[text.length - 1] == ' '))
        text.length--;
    *out = cp_copy(context, text);
    return CC_OK;
}

static bool write_all(int file, struct cc_slice bytes)
{
    for (size_t at = 0; at < bytes.length;) {
        ssize_t put = write(file, bytes.data + at, bytes.length - at);
        if (put < 0)
            return false;
        at += (size_t)put;
    }
    return fsync(file) == 0;
}

void cp_difference(struct cp_context *context, const char *what, const char *name, const char *is,
                   const char *should, const char *mend)
{
    json_array_append_new(context->differences,
                          json_pack("{s:s, s:s, s:s, s:s, s:s}", "what", what, "name", name, "is",
                                    is, "should", should, "mend", mend));
}

static const char *line_at(struct cp_context *context, struct cc_slice text, size_t at)
{
    while (at > 0 && text.data[at - 1] != '\n')
        at--;
    const char *end = memchr(text.data + at, '\n', text.length - at);
    size_t length = end ? (size_t)(end - text.data) - at : text.length - at;
    return cp_copy(context, cc_slice(text.data + at, length));
}

/* Its first line that is different; of secrets only that they are. */
static void note_file(struct cp_context *context, const char *path, const struct cc_slice *old,
                      struct cc_slice bytes)
{
    size_t home = strlen(context->home), at = 0, length = strlen(path);
    const char *name = strncmp(path, context->home, home) == 0 ? path + home + 1 : path;
    bool plain = (length > 5 && (strcmp(path + length - 5, ".yaml") == 0 ||
                                 strcmp(path + length - 5, ".conf") == 0)) ||
                 (length > 4 && strcmp(path + length - 4, "/run") == 0) ||
                 (length > 10 && strcmp(path + length - 10, ".endpoints") == 0);
    while (old && at < old->length && at < bytes.length && old->data[at] == bytes.data[at])
        at++;
    if (!old)
        cp_difference(context, "file", name, "missing", "there", "apply");
    else if (plain)
        cp_difference(context, "file", name, line_at(context, *old, at),
                      line_at(context, bytes, at), "apply");
    else
        cp_difference(context, "file", name, "other bytes", "as rendered", "apply");
}

enum cc_error cp_file_write(struct cp_context *context, const char *path, struct cc_slice bytes,
                            unsigned mode)
{
    struct cc_slice old;
    bool there = !cp_file_read(context, path, &old);
    if (there && cc_slice_equal(old, bytes))
        return CC_OK;
    if (context->differences) {
        note_file(context, path, there ? &old : NULL, bytes);
        return CC_OK;
    }
    const char *temporary = cp_format(context, "%s.new", path);
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (file < 0)
        return cp_fail(context, CC_IO, "cannot write %s: %s", temporary, strerror(errno));
    bool written = fchmod(file, mode) == 0 && write_all(file, bytes);
    if (close(file) || !written || rename(temporary, path))
        return cp_fail(context, CC_IO, "cannot write %s: %s", path, strerror(errno));
    return CC_OK;
}

enum cc_error cp_folder_make(struct cp_context *context, const char *path)
{
    if (context->differences) {
        if (!cp_file_exists(path))
            cp_difference(context, "folder", path, "missing", "there", "apply");
        return CC_OK;
    }
    char *copy = cp_alloc(context, strlen(path) + 1);
    memcpy(copy, path, strlen(path));
    for (char *at = copy + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        bool last = *at == '\0';
        *at = '\0';
        if (mkdir(copy, 0700) && errno != EEXIST)
            return cp_fail(context, CC_IO, "cannot make folder %s: %s", copy, strerror(errno));
        if (last)
            return CC_OK;
        *at = '/';
    }
}

bool cp_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *at)
{
    (void)about;
    (void)type;
    (void)at;
    return remove(path);
}

enum cc_error cp_tree_remove(struct cp_context *context, const char *path)
{
    if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
        return cp_fail(context, CC_IO, "cannot remove %s: %s", path, strerror(errno));
    return CC_OK;
}

enum cc_error cp_secret_ensure(struct cp_context *context, const char *path, const char **out)
{
    if (cp_file_exists(path))
        return cp_file_secret(context, path, out);
    *out = "";
    if (context->differences) {
        cp_difference(context, "file", path, "missing", "a secret", "restore it from a backup");
        return CC_OK;
    }
    uint8_t random[32];
    char text[64];
    if (cc_random_bytes(random, sizeof(random)))
        return cp_fail(context, CC_CRYPTO, "no random bytes");
    size_t length = cc_base64url_encode(cc_slice((const char *)random, sizeof(random)), text);
    *out = cp_copy(context, cc_slice(text, length));
    return cp_file_write(context, path, cc_slice_of(cp_format(context, "%s\n", *out)), 0600);
}
