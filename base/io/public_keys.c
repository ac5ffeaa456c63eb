#include "base/io/public_keys.h"

#include <fcntl.h>
#include <unistd.h>

enum { PEM_MAX_BYTES = 4096 };

static enum cc_error read_text(const char *path, char text[PEM_MAX_BYTES])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, PEM_MAX_BYTES - 1);
    if (file >= 0)
        (void)close(file);
    if (length < 0)
        return CC_IO;
    text[length] = '\0';
    return CC_OK;
}

enum cc_error cc_public_keys_read(const char *path, struct cc_public_keys *out)
{
    static const char begin[] = "-----BEGIN";
    char text[PEM_MAX_BYTES];
    *out = (struct cc_public_keys){0};
    enum cc_error error = read_text(path, text);
    if (error)
        return error;
    char *at = strstr(text, begin);
    while (at && !error) {
        char *next = strstr(at + 1, begin);
        struct cc_slice pem = cc_slice(at, next ? (size_t)(next - at) : strlen(at));
        error = out->count == CC_PUBLIC_KEYS_MAX
                    ? CC_INVALID
                    : cc_ed25519_from_public_pem(pem, &out->keys[out->count]);
        if (!error)
            out->count++;
        at = next;
    }
    if (!error && out->count == 0)
        error = CC_INVALID;
    if (error)
        cc_public_keys_deinit(out);
    return error;
}

void cc_public_keys_deinit(struct cc_public_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        cc_ed25519_free(keys->keys[i]);
    *keys = (struct cc_public_keys){0};
}
