/*
 * Makes and rotates carriers' keys: stored in the registry, written to carriers/<key>.secret,
 * published to the edges.
 */
#ifndef CP_PROVISION_CARRIER_CREATE_H
#define CP_PROVISION_CARRIER_CREATE_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_carrier_create_table;

/* tenants: "*" or comma-separated. Repeated: no change; other tenants or mode are updated, the
 * secret stays. */
enum cc_error cp_carrier_create(struct cp_context *context, const char *country, const char *key,
                                const char *tenants, const char *mode, bool *changed) CC_MUST_CHECK;

/* A new secret; the last one stays valid until the next rotation. */
enum cc_error cp_carrier_rotate(struct cp_context *context, const char *country,
                                const char *key) CC_MUST_CHECK;

#endif
