/*
 * A request's bytes as they go over the wire. For http_client.c.
 */
#ifndef CC_IO_HTTP_RENDER_H
#define CC_IO_HTTP_RENDER_H

#include "base/io/http_client.h"

/* Shared by an exchange and the connection that may still be writing it. */
struct http_bytes {
    unsigned users;
    size_t length;
    char data[];
};

/* One user. CC_INVALID: a line break in the target or a header would let it write headers of its
 * own. */
enum cc_error http_render(const struct cc_http_exchange *exchange,
                          struct http_bytes **out) CC_MUST_CHECK;
/* One user. */
enum cc_error http_bytes_copy(struct cc_slice text, struct http_bytes **out) CC_MUST_CHECK;
void http_bytes_drop(struct http_bytes *bytes);

#endif
