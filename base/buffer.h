/*
 * A growing byte string with a sticky error: append without checking each step, check once at the
 * end. Owner calls cc_buffer_deinit.
 */
#ifndef CC_BUFFER_H
#define CC_BUFFER_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct cc_buffer {
    char *data;
    size_t length;
    size_t capacity; /* at most limit_bytes and one */
    size_t limit_bytes;
    enum cc_error error; /* first failure: CC_NO_MEMORY or CC_TOO_LARGE; then appends do nothing */
};

/* limit_bytes 0 means 16 MiB. */
void cc_buffer_init(struct cc_buffer *buffer, size_t limit_bytes);
void cc_buffer_deinit(struct cc_buffer *buffer);
void cc_buffer_clear(struct cc_buffer *buffer);

/* The same as cc_buffer_append, which calls it where there is no room left. */
void cc_buffer_append_growing(struct cc_buffer *buffer, struct cc_slice slice);

/* Here, for what most calls append are a few bytes whose number the compiler knows. */
static inline void cc_buffer_append(struct cc_buffer *buffer, struct cc_slice slice)
{
    if (buffer->error || slice.length >= buffer->capacity - buffer->length) {
        cc_buffer_append_growing(buffer, slice);
        return;
    }
    if (slice.length > 0)
        memcpy(buffer->data + buffer->length, slice.data, slice.length);
    buffer->length += slice.length;
}

static inline void cc_buffer_text(struct cc_buffer *buffer, const char *text)
{
    cc_buffer_append(buffer, cc_slice_of(text));
}

void cc_buffer_printf(struct cc_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cc_buffer_integer(struct cc_buffer *buffer, int64_t value);

/* Appends text as a JSON string with quotes; invalid UTF-8 bytes become U+FFFD. */
void cc_buffer_json_string(struct cc_buffer *buffer, struct cc_slice text);

/* The bytes so far; valid until the next append. */
struct cc_slice cc_buffer_slice(const struct cc_buffer *buffer);

#endif
