/*
 * Which tenants live in a cell, by the registry.
 */
#ifndef CP_FLEET_TENANTS_H
#define CP_FLEET_TENANTS_H

#include "control-plane/context.h"

/* Pinned to it, or not pinned and in one of its slots. *list: a JSON array of names. */
enum cc_error cp_tenants_of_cell(struct cp_context *context, const char *country, const char *cell,
                                 const char **list, size_t *count) CC_MUST_CHECK;

#endif
