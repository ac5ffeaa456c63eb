/*
 * Who signed a request, and may they: Standard Webhooks over the country's carrier keyring. Pure.
 *
 * A signature that was seen before is valid again within the tolerance: carriers repeat events, and
 * a repeat has the same answer and effect.
 */
#ifndef EDGE_AUTH_H
#define EDGE_AUTH_H

#include "base/json.h"
#include "base/keyring.h"
#include "base/webhook_signature.h"
#include "edge/route.h"

enum { EDGE_AUTH_TRIED_KEYS_MAX = 16 };

enum edge_auth_verdict {
    EDGE_AUTH_VALID,
    EDGE_AUTH_REPORTED,    /* bad, but the key is in report-only mode: let through and counted */
    EDGE_AUTH_REFUSED,     /* 401 */
    EDGE_AUTH_UNKNOWN_KEY, /* 401, or 403 when the key is another country's */
    EDGE_AUTH_FORBIDDEN    /* 403 */
};

struct edge_auth_request {
    struct cc_webhook webhook;
    struct cc_slice key_id; /* header callcell-key; empty: every key of the country is tried */
    struct cc_slice tenant; /* empty: not known, any key of the country will do */
    int64_t now_us;         /* wall clock */
};

struct edge_auth_result {
    enum edge_auth_verdict verdict;
    const struct cc_carrier_key *key; /* NULL unless valid, reported or forbidden */
    struct cc_json_reason reason;     /* what is wrong, for the carrier; names no secret */
};

void edge_auth_decide(const struct cc_carrier_keyring *keyring,
                      const struct edge_auth_request *request, struct edge_auth_result *out);

/* Whether some country's keyring knows the named key and its signature: a known carrier in the
 * wrong place gets 403, a stranger 401. */
bool edge_auth_is_elsewhere(const struct edge_countries *countries,
                            const struct edge_auth_request *request);

/* Whether the verdict lets the request through. */
bool edge_auth_passes(const struct edge_auth_result *result);

#endif
