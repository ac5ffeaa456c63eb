/*
 * A cell's primary is lost or hurt: the other node becomes the primary under the next fencing term,
 * so that what still believes in the old one writes nothing more (docs/adr/0011).
 */
#ifndef CP_FAILOVER_FAILOVER_H
#define CP_FAILOVER_FAILOVER_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_cell_failover_table;

/* *to gets the name of the new primary. CC_CONFLICT with a message that states the gap when the
 * standby may lack something acknowledged and accept_loss is not set; CC_UNAVAILABLE when there is
 * nothing to promote. Prints what it cost. */
enum cc_error cp_cell_failover(struct cp_context *context, const char *cell, bool accept_loss,
                               const char **to) CC_MUST_CHECK;

#endif
