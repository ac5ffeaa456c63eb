/*
 * Restores a backup into a Postgres of its own, beside the one that serves: the scratch, in
 * cells/<cell>/scratch/<name>. It listens on the cell's socket folder only and archives nothing; it
 * does not come back after `callcell down`.
 */
#ifndef CP_BACKUP_RESTORE_H
#define CP_BACKUP_RESTORE_H

#include "base/transitions.h"
#include "control-plane/backup/repository.h"

extern const struct cc_transition_table cp_cell_restore_table;

#define CP_SCRATCH_DRILL "drill" /* the restore drill's own: each drill begins by removing it */

enum cp_restore_target { CP_RESTORE_LATEST, CP_RESTORE_TIME, CP_RESTORE_POINT };

struct cp_restore {
    struct cp_context *context;
    struct cp_repository repository;
    const char *scratch; /* its name */
    enum cp_restore_target target;
    const char *moment; /* RFC 3339, or the name of a restore point */
    int64_t moment_us;  /* with CP_RESTORE_TIME */
    const char *backup; /* label of the backup to start from; NULL: the newest before the moment */
    const char *folder, *data;
    int port;
    bool in_place; /* data is a node's own folder: it goes on as the cell, and archives */
};

/* to: "latest" (then it may be written to) or RFC 3339 (it stops there and is read-only).
 * CC_UNSUPPORTED: a mistake of usage, CP_SCRATCH_DRILL too. CC_CONFLICT: there is a scratch of this
 * name. */
enum cc_error cp_cell_restore(struct cp_context *context, const char *cell, const char *to,
                              const char *scratch, struct cp_restore *out) CC_MUST_CHECK;

/* Folder and name of a scratch that need not exist. */
void cp_restore_name(struct cp_restore *restore, const char *scratch);

/* "latest" or RFC 3339; CC_UNSUPPORTED with a message. */
enum cc_error cp_restore_aim(struct cp_restore *restore, const char *to) CC_MUST_CHECK;
/* CC_NOT_FOUND with a message when no backup is as old as the moment. It is asked before a run
 * begins, so that a mistake leaves none behind; one that was begun goes on, since it may have its
 * files already, and a dry run does not ask. */
enum cc_error cp_restore_reach(struct cp_restore *restore) CC_MUST_CHECK;
/* Asks so too, for a run that was begun long ago and got no further; then the archive catches up
 * with the primary, when there is one. */
enum cc_error cp_restore_flush(void *restore) CC_MUST_CHECK;

/* Rows alone, for the drill: folder, files, recovery up to restore->moment. */
enum cc_error cp_restore_claim(void *restore) CC_MUST_CHECK;
enum cc_error cp_restore_copy(void *restore) CC_MUST_CHECK;
enum cc_error cp_restore_recover(void *restore) CC_MUST_CHECK;

/* Fills in the port that a claim chose earlier. CC_NOT_FOUND with a message. */
enum cc_error cp_restore_port(struct cp_restore *restore) CC_MUST_CHECK;
/* To the scratch, as the home's owner; PQfinish is the caller's. */
enum cc_error cp_restore_connect(const struct cp_restore *restore, const char *database,
                                 PGconn **out) CC_MUST_CHECK;

/* Stops it and removes its files. CC_NOT_FOUND with a message when there is none, or cell is not a
 * cell's name. */
enum cc_error cp_restore_drop(struct cp_context *context, const char *cell,
                              const char *scratch) CC_MUST_CHECK;

/* Stops those of all cells; their files stay. */
void cp_restore_stop_all(struct cp_context *context);

#endif
