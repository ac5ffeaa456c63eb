#include "control-plane/backup/digest_compare.h"

#include <stdio.h>
#include <string.h>

static struct cc_slice next_line(struct cc_slice *rest)
{
    const char *end = rest->length ? memchr(rest->data, '\n', rest->length) : NULL;
    size_t length = end ? (size_t)(end - rest->data) : rest->length;
    struct cc_slice line = cc_slice(rest->data, length);
    size_t used = length + (end ? 1 : 0);
    *rest = cc_slice(rest->length ? rest->data + used : NULL, rest->length - used);
    return line;
}

static struct cc_slice told(struct cc_slice line)
{
    return line.length ? line : CC_SLICE_LITERAL("nothing");
}

bool cp_digest_equal(struct cc_slice expected, struct cc_slice found, char *difference, size_t size)
{
    while (expected.length || found.length) {
        struct cc_slice wanted = next_line(&expected), got = next_line(&found);
        if (cc_slice_equal(wanted, got))
            continue;
        wanted = told(wanted);
        got = told(got);
        (void)snprintf(difference, size, "expected %.*s, found %.*s", (int)wanted.length,
                       wanted.data, (int)got.length, got.data);
        return false;
    }
    return true;
}
