/*
 * Takes a worker out of service without losing a call, and back; and, one after another, gives
 * every worker of a cell a new process.
 */
#ifndef CP_FLEET_DRAIN_H
#define CP_FLEET_DRAIN_H

#include "base/transitions.h"
#include "control-plane/fleet/workers.h"

extern const struct cc_transition_table cp_cell_drain_table;
extern const struct cc_transition_table cp_cell_undrain_table;
extern const struct cc_transition_table cp_cell_restart_table;

/* CC_CONFLICT: it is the last worker of the cell that answers, and not force. Repeated: no change.
 */
enum cc_error cp_cell_drain(struct cp_context *context, const char *cell, const char *worker,
                            bool force, bool *changed) CC_MUST_CHECK;
/* One that was not drained and is not ready is started and waited for all the same. */
enum cc_error cp_cell_undrain(struct cp_context *context, const char *cell, const char *worker,
                              bool *changed) CC_MUST_CHECK;

/* Whether a restart may begin. CC_CONFLICT: no other worker would answer while one of them is
 * restarted, and not force. */
enum cc_error cp_cell_restart_check(struct cp_context *context, const char *cell,
                                    bool force) CC_MUST_CHECK;
/* Workers that are drained stay so. CC_CONFLICT as above, and nothing is begun; one that was begun
 * goes on. */
enum cc_error cp_cell_restart(struct cp_context *context, const char *cell,
                              bool force) CC_MUST_CHECK;

#endif
