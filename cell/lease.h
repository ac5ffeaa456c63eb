/*
 * The lease: which fencing term the workers of a cell at a site write under (docs/adr/0011). One
 * JSON line with a newline, and a detached Ed25519 signature over these exact bytes. Pure.
 *
 *   {"cell":"se-1","term":3,"site":"a","issued_at":"2026-…Z","issued_by":"control-plane"}
 */
#ifndef CELL_LEASE_H
#define CELL_LEASE_H

#include "base/crypto.h"
#include "base/json.h"
#include "base/names.h"

enum { CELL_LEASE_BYTES_MAX = 512, CELL_LEASE_SITE_MAX = 15 };

struct cell_lease {
    int64_t term; /* from 1; 0: no lease */
    int64_t issued_at_us;
    char site[CELL_LEASE_SITE_MAX + 1];
    bool break_glass; /* issued by hand, the control plane gone */
};

/* Verifies with any of the keys, then reads. CC_SIGNATURE; CC_INVALID with reason (a field is
 * missing, unknown or wrong); CC_CONFLICT (another cell's). */
enum cc_error cell_lease_open(struct cc_slice bytes, struct cc_slice signature,
                              const struct cc_ed25519 *const *keys, size_t key_count,
                              struct cc_slice cell, struct cell_lease *out,
                              struct cc_json_reason *reason) CC_MUST_CHECK;

/* CC_STALE when next's term is lower than the held one's. */
enum cc_error cell_lease_follows(const struct cell_lease *held,
                                 const struct cell_lease *next) CC_MUST_CHECK;

#endif
