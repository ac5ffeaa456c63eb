/*
 * Standard Webhooks signatures (standardwebhooks.com, scheme v1): HMAC-SHA-256 over
 * "<webhook-id>.<webhook-timestamp>.<body>", base64, header "v1,<signature>" (several, separated by
 * one space, during rotation). Pure; the time is a parameter. Signing is for tools and tests.
 */
#ifndef CC_WEBHOOK_SIGNATURE_H
#define CC_WEBHOOK_SIGNATURE_H

#include "base/crypto.h"

enum { CC_WEBHOOK_TOLERANCE_S = 300, CC_WEBHOOK_SIGNATURE_TEXT = 48 };

struct cc_webhook {
    struct cc_slice id;        /* header webhook-id */
    struct cc_slice timestamp; /* header webhook-timestamp: decimal seconds */
    struct cc_slice signature; /* header webhook-signature */
    struct cc_slice body;
};

/* CC_INVALID: a header is missing or malformed; CC_EXPIRED: outside the tolerance; CC_SIGNATURE: no
 * v1 signature matches any of the secrets. They are compared in constant time; the first that
 * matches ends the search, which tells the sender only what he signed with. */
enum cc_error cc_webhook_verify(const struct cc_webhook *webhook, const struct cc_slice *secrets,
                                size_t secret_count, int64_t now_us) CC_MUST_CHECK;

/* "v1,<base64>" with NUL into out (CC_WEBHOOK_SIGNATURE_TEXT bytes). webhook->signature is ignored.
 */
enum cc_error cc_webhook_sign(const struct cc_webhook *webhook, struct cc_slice secret,
                              char *out) CC_MUST_CHECK;

/* "whsec_<base64>" to raw bytes; 24 to 64 bytes. */
enum cc_error cc_webhook_secret_parse(struct cc_slice text, uint8_t *out, size_t capacity,
                                      size_t *out_length) CC_MUST_CHECK;

#endif
