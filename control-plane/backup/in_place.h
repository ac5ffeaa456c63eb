/*
 * Restores a cell in its own place: both nodes are lost, or a mistake must be undone as a whole.
 *
 * The old nodes are stopped and set aside (cells/<cell>/pg.before-restore, until the next time),
 * node 1 comes from the repository, the monitor and node 2 are made anew, and the fencing term is
 * raised. Workers run on: they answer from what they know, and replay their spools afterwards.
 *
 * Until all of that is done the folder is called pg.before-restore.unfinished and nothing removes
 * it: a command given again with other words begins anew, and finds in place of the old nodes what
 * the try before it has made.
 */
#ifndef CP_BACKUP_IN_PLACE_H
#define CP_BACKUP_IN_PLACE_H

#include "base/transitions.h"
#include "control-plane/backup/restore.h"
#include "control-plane/postgres/group.h"

extern const struct cc_transition_table cp_cell_restore_in_place_table;

struct cp_in_place {
    struct cp_restore restore;
    struct cp_postgres_group group;
    const char *aside;      /* where the old nodes are, once all is done */
    const char *unfinished; /* and until then */
};

/* Rows that restoring the registry has too. */
enum cc_error cp_in_place_flush(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_stop(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_set_aside(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_copy(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_recover(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_make_monitor(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_make_primary(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_make_replica(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_verify(void *in_place) CC_MUST_CHECK;
enum cc_error cp_in_place_finish(void *in_place) CC_MUST_CHECK;

/* Fills in what follows from restore->repository and group: the folder of work, node 1. */
void cp_in_place_init(struct cp_in_place *all, const char *aside);

/* to: "latest" or RFC 3339. What was written after that moment and shipped is only in what was set
 * aside. CC_UNSUPPORTED: a mistake of usage. */
enum cc_error cp_cell_restore_in_place(struct cp_context *context, const char *cell,
                                       const char *to) CC_MUST_CHECK;

#endif
