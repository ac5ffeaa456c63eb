/*
 * Reads the cell's change stream (cell/model/shared.h) on a Redis connection of its own, applies it
 * to this worker's memory, and says how far it has come. A reply, also an empty one, is the
 * heartbeat. Rim: Redis.
 */
#ifndef CELL_DIRECTORY_CHANGES_H
#define CELL_DIRECTORY_CHANGES_H

#include "cell/worker.h"

struct cell_change {
    struct cc_slice tenant;
    struct cc_slice number; /* empty when flow is set */
    struct cc_slice flow;   /* all numbers that use it */
    int64_t version;
};

struct cell_change_listener {
    void (*on_change)(void *context, const struct cell_change *change);
    /* The connection was made again: changes may have been missed. */
    void (*on_gap)(void *context);
    void (*on_heard)(void *context, int64_t now_us);
    void *context;
};

enum cc_error cell_changes_create(struct cell_worker *worker,
                                  const struct cell_change_listener *listener,
                                  struct cell_changes **out) CC_MUST_CHECK;
/* This worker stops: nobody need wait for it any more. */
void cell_changes_leave(struct cell_changes *changes);
void cell_changes_free(struct cell_changes *changes);

#endif
