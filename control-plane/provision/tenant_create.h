/*
 * Makes a tenant: claimed in the registry, written in its cell, pinned in the map when asked for.
 */
#ifndef CP_PROVISION_TENANT_CREATE_H
#define CP_PROVISION_TENANT_CREATE_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_tenant_create_table;

/* name NULL: the tenant's id. pin NULL: by slot. Repeated: no change; another name is updated;
 * another pin is CC_CONFLICT (a tenant is moved, not re-created). */
enum cc_error cp_tenant_create(struct cp_context *context, const char *country, const char *tenant,
                               const char *name, const char *pin, bool *changed) CC_MUST_CHECK;

#endif
