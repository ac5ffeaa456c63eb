/* Rim: reads the disk. */
#include "cell/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SECRET_MAX = 4096 };

enum cc_error cell_file_read(const char *path, struct cc_buffer *out)
{
    char chunk[16 * 1024];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT || errno == ENOTDIR ? CC_NOT_FOUND : CC_IO;
    ssize_t got;
    while ((got = read(file, chunk, sizeof(chunk))) > 0 && !out->error)
        cc_buffer_append(out, cc_slice(chunk, (size_t)got));
    close(file);
    explicit_bzero(chunk, sizeof(chunk));
    if (got < 0)
        return CC_IO;
    return out->error;
}

enum cc_error cell_secret_read(const char *path, char **out)
{
    struct cc_buffer bytes;
    *out = NULL;
    cc_buffer_init(&bytes, SECRET_MAX);
    enum cc_error error = cell_file_read(path, &bytes);
    while (!error && bytes.length > 0 &&
           (bytes.data[bytes.length - 1] == '\n' || bytes.data[bytes.length - 1] == '\r'))
        bytes.length--;
    if (!error && bytes.length == 0)
        error = CC_INVALID;
    if (!error) {
        *out = strndup(bytes.data, bytes.length);
        error = *out ? CC_OK : CC_NO_MEMORY;
    }
    if (bytes.data)
        explicit_bzero(bytes.data, bytes.capacity);
    cc_buffer_deinit(&bytes);
    return error;
}

void cell_secret_free(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
