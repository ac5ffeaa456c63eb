/*
 * The sealed state that travels with a call (design section 3). Text: base64url of
 *   format (1 byte) | key id (1 byte) | SIV tag (16) | ciphertext
 * associated data: country, tenant, call id, as three components. Format 2 is sealed; format 1,
 * which has no fallback target, is still opened. Deterministic, so that a repeat gives the same
 * bytes on any worker. Pure.
 */
#ifndef CELL_CALLS_STATE_H
#define CELL_CALLS_STATE_H

#include "base/arena.h"
#include "base/keyring.h"
#include "base/timestamp.h"
#include "cell/flows/flow.h"

#define CELL_STATE_LIFETIME_US (24 * INT64_C(3600) * CC_SECOND_US)

struct cell_call_state {
    struct cc_slice flow_id; /* at most 63 bytes */
    int64_t flow_version;
    struct cell_flow_position position;
    int64_t started_at_us; /* occurred_at of the call's first event: says when the state expires */
    struct cc_slice fallback_target; /* E.164, of the plan that answered last; empty: none. Speaks
                                        when the plan cannot be had */
};

struct cell_call_identity {
    struct cc_slice country;
    struct cc_slice tenant;
    struct cc_slice call_id;
};

/* At most CC_STATE_TEXT_MAX characters, from the arena. */
enum cc_error cell_state_seal(const struct cell_call_state *state,
                              const struct cell_call_identity *call,
                              const struct cc_sealing_key *key, struct cc_arena *arena,
                              struct cc_slice *out) CC_MUST_CHECK;

/* CC_SIGNATURE: forged, of another call, tenant or country, or of an unknown key; CC_EXPIRED:
 * opened, but the call started more than CELL_STATE_LIFETIME_US before occurred_at; CC_INVALID: no
 * sealed state. Strings come from the arena. */
enum cc_error cell_state_open(struct cc_slice text, const struct cell_call_identity *call,
                              const struct cc_sealing_keyring *keyring, int64_t occurred_at_us,
                              struct cc_arena *arena, struct cell_call_state *out) CC_MUST_CHECK;

#endif
