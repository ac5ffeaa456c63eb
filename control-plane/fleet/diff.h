/*
 * Drift: how a cell differs from what its template and the registry say, and mending it.
 *
 * Files and service definitions are compared by the very functions that write them when a cell is
 * made (struct cp_context: differences), so that whatever is rendered is compared.
 */
#ifndef CP_FLEET_DIFF_H
#define CP_FLEET_DIFF_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_cell_apply_table;

/* *out: an array of {"what","name","is","should","mend"}, the caller's to json_decref(). What
 * cannot be looked at is a difference too. */
enum cc_error cp_cell_diff(struct cp_context *context, const char *cell,
                           json_t **out) CC_MUST_CHECK;

/* Writes files and service definitions, changes Postgres settings that a reload takes up, publishes
 * the country's policy, and gives workers with older settings new processes, one after another.
 * Never: migrations, what needs a restart of Redis or Postgres, tenants and numbers. *changed: that
 * there was something of this to mend. CC_CONFLICT, before anything is done: workers would have to
 * be restarted and none other would answer meanwhile. */
enum cc_error cp_cell_apply(struct cp_context *context, const char *cell,
                            bool *changed) CC_MUST_CHECK;

#endif
