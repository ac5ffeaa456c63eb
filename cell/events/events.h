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

/* A record was appended to the spool. */
void cell_events_recorded(struct cell_events *events);

/* Ships what is there; on_flushed when the spool is empty, shipping failed, or the time is up. */
void cell_events_flush(struct cell_events *events, int64_t deadline_us,
                       void (*on_flushed)(void *context), void *context);

bool cell_events_postgres_is_up(const struct cell_events *events);

/* Routes of the role "events". */
extern const struct cc_http_route cell_events_routes[];
extern const size_t cell_events_route_count;

#endif
