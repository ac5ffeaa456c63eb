/*
 * A carrier's webhook, composed and signed (docs/api/calls.md). Pure: the time is a parameter.
 */
#ifndef BENCH_WEBHOOK_H
#define BENCH_WEBHOOK_H

#include "base/buffer.h"
#include "base/crypto.h"

enum { BENCH_SECRET_MAX = 64, BENCH_SIGNATURE_MAX = 64, BENCH_PATH_MAX = 384 };

/* Texts are NUL-terminated and borrowed; NULL or empty: left out. */
struct bench_webhook {
    const char *country;
    const char *tenant; /* NULL: the one-URL form, the edge finds the tenant by number */
    const char *kind;
    const char *direction;
    const char *from;
    const char *to;
    const char *dialled;
    const char *call_id;
    const char *event_id;
    const char *event;
    const char *occurred_at; /* RFC 3339 */
    int64_t sequence;        /* from 1 */
    const char *state;
    const char *status;
    const char *digits; /* empty text is sent as it is: a caller who dialled nothing */
    const char *reason;
};

/* "/v1/se/tenants/acme/calls", "…/calls/c-1/events" or "/v1/se/calls". */
void bench_webhook_path(const struct bench_webhook *webhook, struct cc_buffer *out);

/* The JSON body; errors stick to the buffer. */
void bench_webhook_body(const struct bench_webhook *webhook, struct cc_buffer *out);

struct bench_secret {
    uint8_t bytes[BENCH_SECRET_MAX];
    size_t length;
};

/* From "whsec_<base64>", white space around it allowed. */
enum cc_error bench_secret_parse(struct cc_slice text, struct bench_secret *out) CC_MUST_CHECK;

struct bench_signature {
    char timestamp[24];
    char text[BENCH_SIGNATURE_MAX];
};

/* Standard Webhooks headers for these bytes, sent at time_us (wall clock). */
enum cc_error bench_webhook_sign(const char *event_id, struct cc_slice body,
                                 const struct bench_secret *secret, int64_t time_us,
                                 struct bench_signature *out) CC_MUST_CHECK;

#endif
