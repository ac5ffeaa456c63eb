/*
 * Call events: the spool is shipped to Postgres, journals of edges are taken in, a call's events
 * are listed. Rim: I/O.
 */
#ifndef CELL_EVENTS_EVENTS_H
#define CELL_EVENTS_EVENTS_H

#include "cell/worker.h"

/* Begins to ship. */
enum cc_error cell_events_create(struct cell_worker *worker,
                                 struct cell_events **out) CC_MUST_CHECK;
void cell_events_free(struct cell_events *events);

/* Takes call records (copied): into the spool, or into memory when the spool refuses them; from
 * both they are shipped. An error: *lost of them are lost, the last one for this reason. */
enum cc_error cell_events_record(struct cell_events *events, const struct cc_slice *records,
                                 size_t count, size_t *lost) CC_MUST_CHECK;

/* What waits for Postgres. */
struct cell_backlog {
    uint64_t records;   /* in the spool and in memory */
    uint64_t in_memory; /* of these, in memory only */
    int64_t oldest_us;  /* wall clock when the oldest was taken; 0: none */
};
struct cell_backlog cell_events_backlog(const struct cell_events *events);

/* Ships what is there; on_flushed when nothing is left or the time is up. What then stands in
 * memory goes to the spool with cell_events_free, as far as there is room. */
void cell_events_flush(struct cell_events *events, int64_t deadline_us,
                       void (*on_flushed)(void *context), void *context);

bool cell_events_postgres_is_up(const struct cell_events *events);

/* Routes of the role "events". */
extern const struct cc_http_route cell_events_routes[];
extern const size_t cell_events_route_count;

#endif
