/*
 * A whole cell moves to its other site: the site it was at is lost, or is to be left
 * (docs/adr/0013). `cell heal` rebuilds the old site as the standby afterwards.
 */
#ifndef CP_FAILOVER_EVACUATE_H
#define CP_FAILOVER_EVACUATE_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_cell_evacuate_table;
extern const struct cc_transition_table cp_break_glass_evacuate_table;

struct cp_evacuate_request {
    const char *cell;
    const char *to; /* "a", "b"; NULL: the standby site */
    bool accept_loss;
    const char *key_file; /* break-glass: no registry is asked, leases are signed with this key */
};

/* Killed at any point and given again it goes on. *to gets the site that is active now; *changed is
 * false when it was already. CC_CONFLICT with a message that states the gap when the standby may
 * lack something acknowledged and accept_loss is not set, when another move of the primary was
 * begun and not finished, or when the same command is at work; CC_UNSUPPORTED: the cell has one
 * site. Prints what it cost. */
enum cc_error cp_cell_evacuate(struct cp_context *context,
                               const struct cp_evacuate_request *request, const char **to,
                               bool *changed) CC_MUST_CHECK;

#endif
