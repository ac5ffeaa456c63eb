/*
 * Strict screening of a request's raw bytes (RFC 9110, RFC 9112): what libh2o 2.2 lets through, and
 * request smuggling lives on. Pure: bytes in, verdict out; http_server.c calls it before any
 * handler.
 */
#ifndef CC_IO_HTTP_SCREEN_H
#define CC_IO_HTTP_SCREEN_H

#include "base/slice.h"

enum { CC_HTTP_HEAD_MAX = 16 * 1024, CC_HTTP_HEADERS_MAX = 64 };

enum cc_screen_verdict {
    CC_SCREEN_OK,
    CC_SCREEN_TRANSFER_ENCODING, /* 501: any Transfer-Encoding */
    CC_SCREEN_CONTENT_LENGTH,    /* 400: twice, or not 1*DIGIT */
    CC_SCREEN_HOST,              /* 400: missing, twice, or malformed */
    CC_SCREEN_TARGET,            /* 400: not origin-form, or bytes outside printable ASCII */
    CC_SCREEN_FOLDING,           /* 400: obs-fold */
    CC_SCREEN_LINE_END,          /* 400: bare LF or bare CR */
    CC_SCREEN_BYTES,             /* 400: NUL or other control byte, white space before ':' */
    CC_SCREEN_HEAD_TOO_LARGE,    /* 431 */
    CC_SCREEN_INCOMPLETE         /* 400: no end of head found */
};

/* bytes: from the first byte of the request line; what follows the head is ignored. */
enum cc_screen_verdict cc_http_screen(struct cc_slice bytes);

int cc_screen_status(enum cc_screen_verdict verdict);       /* HTTP status */
const char *cc_screen_name(enum cc_screen_verdict verdict); /* "transfer_encoding" ...: telemetry */
const char *cc_screen_text(enum cc_screen_verdict verdict); /* for a person */

#endif
