/*
 * Finds what is not as it should be in a cell, and mends it: processes that are down or frozen, a
 * standby site that is gone, a monitor that is lost, a node that does not replicate, a lease, a
 * discovery file, a move of break-glass that the registry does not know.
 */
#ifndef CP_FAILOVER_HEAL_H
#define CP_FAILOVER_HEAL_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_cell_heal_table;

/* Says on stderr what it found; with dry run no more than that. *found: how many things.
 * Promotes no node; throws none away unless the other one alone takes writes. CC_CONFLICT with a
 * message when no node takes writes, when both do, or when a move is unfinished: that command is to
 * be given again first. */
enum cc_error cp_cell_heal(struct cp_context *context, const char *cell,
                           size_t *found) CC_MUST_CHECK;

#endif
