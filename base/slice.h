/*
 * A borrowed run of bytes: who lends it says for how long. Not NUL-terminated.
 */
#ifndef CC_SLICE_H
#define CC_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct cc_slice {
    const char *data;
    size_t length;
};

#define CC_SLICE_LITERAL(text) ((struct cc_slice){(text), sizeof(text) - 1})

static inline struct cc_slice cc_slice(const char *data, size_t length)
{
    return (struct cc_slice){data, length};
}

/* NULL gives the empty slice. */
static inline struct cc_slice cc_slice_of(const char *text)
{
    return (struct cc_slice){text, text ? strlen(text) : 0};
}

static inline bool cc_slice_equal(struct cc_slice a, struct cc_slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool cc_slice_is(struct cc_slice a, const char *text)
{
    return cc_slice_equal(a, cc_slice_of(text));
}

static inline bool cc_slice_starts_with(struct cc_slice a, struct cc_slice prefix)
{
    return a.length >= prefix.length &&
           (prefix.length == 0 || memcmp(a.data, prefix.data, prefix.length) == 0);
}

#endif
