/*
 * Takes an edge away for good: its journal first, so that no record is lost with it; then its
 * process, its place in the registry, where publications wait for it, and its files, the
 * certificate among them.
 */
#ifndef CP_FLEET_EDGE_REMOVE_H
#define CP_FLEET_EDGE_REMOVE_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_edge_remove_table;

struct cp_edge_removal {
    bool last;        /* even when no other edge is ready */
    bool accept_loss; /* even when its journal holds records that no cell has taken */
};

/* CC_CONFLICT: no other edge is ready, and not last. One that was removed: *changed false; one that
 * never was: as unknown.h. */
enum cc_error cp_edge_remove(struct cp_context *context, const char *edge,
                             const struct cp_edge_removal *options, bool *changed) CC_MUST_CHECK;

#endif
