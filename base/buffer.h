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
    size_t capacity;
    size_t limit_bytes;
    enum cc_error error; /* first failure: CC_NO_MEMORY or CC_TOO_LARGE; then appends do nothing */
};

/* limit_bytes 0 means 16 MiB. */
void cc_buffer_init(struct cc_buffer *buffer, size_t limit_bytes);
void cc_buffer_deinit(struct cc_buffer *buffer);
void cc_buffer_clear(struct cc_buffer *buffer);
void cc_buffer_append(struct cc_buffer *buffer, struct cc_slice slice);
void cc_buffer_text(struct cc_buffer *buffer, const char *text);
void cc_buffer_printf(struct cc_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cc_buffer_integer(struct cc_buffer *buffer, int64_t value);

/* Appends text as a JSON string with quotes; invalid UTF-8 bytes become U+FFFD. */
void cc_buffer_json_string(struct cc_buffer *buffer, struct cc_slice text);

/* The bytes so far; valid until the next append. */
struct cc_slice cc_buffer_slice(const struct cc_buffer *buffer);

#endif
