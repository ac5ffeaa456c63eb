/*
 * The planned change of a cell's primary: both nodes are well, the engine does it, no term changes.
 */
#ifndef CP_FAILOVER_SWITCHOVER_H
#define CP_FAILOVER_SWITCHOVER_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_cell_switchover_table;

/* *to gets the name of the new primary. CC_CONFLICT with a message unless the cell has a primary
 * and a synchronous replica. Prints what it cost. */
enum cc_error cp_cell_switchover(struct cp_context *context, const char *cell,
                                 const char **to) CC_MUST_CHECK;

#endif
