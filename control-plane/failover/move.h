/*
 * A primary on its way from one node to the other: what a switchover and a failover share. The
 * registry remembers which node was the primary before, so that a command given again after a kill
 * does not move it back.
 */
#ifndef CP_FAILOVER_MOVE_H
#define CP_FAILOVER_MOVE_H

#include "control-plane/failover/cost.h"
#include "control-plane/postgres/group.h"

struct cp_move {
    struct cp_context *context;
    const char *cell;
    int number;
    struct cp_postgres_group group;
    enum cp_postgres_part from, to; /* once begun */
    bool monitor_lost;              /* it cannot be asked, and is made anew */
    struct cp_cost *cost;
};

/* Finds the cell and its Postgres. CC_NOT_FOUND with a message. */
enum cc_error cp_move_find(struct cp_context *context, const char *cell,
                           struct cp_move *out) CC_MUST_CHECK;
/* Reads from and to when a move was begun; else from and to stay 0. */
enum cc_error cp_move_recall(struct cp_move *move) CC_MUST_CHECK;
/* Remembers that from was the primary, and monitor_lost. */
enum cc_error cp_move_begin(struct cp_move *move, enum cp_postgres_part from) CC_MUST_CHECK;
/* Forgets it. */
enum cc_error cp_move_end(struct cp_move *move) CC_MUST_CHECK;

/* A replica that is streaming and synchronous now. */
bool cp_move_is_replicated(struct cp_move *move);

#endif
