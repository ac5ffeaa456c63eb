/*
 * Takes a cell away for good: its numbers first, so that nobody is sent there; then, once its last
 * records are in Postgres, a backup; out of the map; and only then its processes and files.
 */
#ifndef CP_FLEET_DESTROY_H
#define CP_FLEET_DESTROY_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_cell_destroy_table;

struct cp_destroy_options {
    bool with_tenants;   /* its tenants and numbers go with it */
    bool without_backup; /* when its Postgres cannot be had any more */
};

/* *backup: the file that is left, or NULL. CC_CONFLICT: tenants or numbers live there and not
 * with_tenants. CC_NOT_FOUND: no such cell, now or ever; one that was destroyed: no change. */
enum cc_error cp_cell_destroy(struct cp_context *context, const char *cell,
                              const struct cp_destroy_options *options, const char **backup,
                              bool *changed) CC_MUST_CHECK;

#endif
