/*
 * Restores the registry in its own place: its nodes are lost, or a mistake in it must be undone.
 *
 * Like a cell's (in_place.h), except that no registry keeps the run: a file does. Nothing else is
 * stopped: edges and workers go on from disk, and both `serve` connect again by themselves. What
 * was published after the moment is newer than what the registry knows: `registry reconcile`.
 */
#ifndef CP_BACKUP_REGISTRY_RESTORE_H
#define CP_BACKUP_REGISTRY_RESTORE_H

#include "base/transitions.h"
#include "control-plane/context.h"

extern const struct cc_transition_table cp_registry_restore_table;

/* Where its rows are recorded (control-plane/run_file.h). */
const char *cp_registry_restore_run(struct cp_context *context);

/* to: "latest" or RFC 3339. CC_UNSUPPORTED: a mistake of usage. The old nodes stay in
 * registry/pg.before-restore until the next time. */
enum cc_error cp_registry_restore(struct cp_context *context, const char *to) CC_MUST_CHECK;

#endif
