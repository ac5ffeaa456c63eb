/*
 * Takes a backup: the table of transitions from a cell that runs to a backup whose facts are told.
 */
#ifndef CP_BACKUP_BACKUP_H
#define CP_BACKUP_BACKUP_H

#include "base/transitions.h"
#include "control-plane/backup/repository.h"

extern const struct cc_transition_table cp_cell_backup_table;

struct cp_cell_backup {
    struct cp_context *context;
    struct cp_repository repository;
    bool full; /* else what changed since the last one, when there is one */
    struct cp_backup taken;
};

/* Calls and writes go on meanwhile. CC_CONFLICT when another command backs it up just now. */
enum cc_error cp_cell_backup(struct cp_context *context, const char *cell, bool full,
                             struct cp_backup *out) CC_MUST_CHECK;

#endif
