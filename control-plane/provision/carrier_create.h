/*
 * Makes, rotates and deletes carriers' keys: stored in the registry, written to
 * carriers/<country>/<key>.secret, published to the edges.
 */
#ifndef CP_PROVISION_CARRIER_CREATE_H
#define CP_PROVISION_CARRIER_CREATE_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_carrier_create_table, cp_carrier_delete_table;

/* tenants: "*" or comma-separated. Repeated: no change; other tenants or mode are updated, the
 * secret stays; its file is written again when it is not there. */
enum cc_error cp_carrier_create(struct cp_context *context, const char *country, const char *key,
                                const char *tenants, const char *mode, bool *changed) CC_MUST_CHECK;

/* A new secret; the last one stays valid until the next rotation. */
enum cc_error cp_carrier_rotate(struct cp_context *context, const char *country,
                                const char *key) CC_MUST_CHECK;

/* Its signatures are refused once the edges have confirmed; then its file goes. One that was
 * deleted already: no change. CC_UNSUPPORTED: no such key, now or ever. */
enum cc_error cp_carrier_delete(struct cp_context *context, const char *country, const char *key,
                                bool *changed) CC_MUST_CHECK;

#endif
