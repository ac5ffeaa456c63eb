/*
 * Tells the workers of the cell what changed, and waits until those that live have it. Rim: Redis.
 *
 *   start -> script: markers and change stream -> on_announced -> on_applied (asked again every 5
 * ms)
 *                                                                    |-> all have it, or 250 ms:
 * done A write never fails for Redis: an announcement that could not be made is kept (bounded) and
 * made again every second until it is.
 */
#ifndef CELL_DIRECTORY_ANNOUNCE_H
#define CELL_DIRECTORY_ANNOUNCE_H

#include "cell/worker.h"

struct cell_announcer; /* opaque */
enum cc_error cell_announcer_create(struct cell_worker *worker,
                                    struct cell_announcer **out) CC_MUST_CHECK;
void cell_announcer_free(struct cell_announcer *announcer);

struct cell_announcement {
    struct cc_slice tenant;
    int64_t version;
    struct cc_slice flow; /* a flow was published; else numbers */
    const struct cc_slice *numbers;
    size_t number_count;
    /* Once, perhaps before start returns. taken_up: every live worker has it. */
    void (*done)(void *context, bool taken_up);
    void *context;
};
/* Copies what it needs. */
void cell_announce(struct cell_announcer *announcer, const struct cell_announcement *announcement);

#endif
