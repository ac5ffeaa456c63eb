/*
 * Adoption: a worker of the cell ships the spool of one that is gone, once per record. Rim: disk
 * and Postgres.
 *
 * A spool is orphaned when nobody has held its lock for 5 s: its owner holds it for its life, also
 * while it is frozen, so that only a dead one is taken for gone. Looked for every second, off the
 * loop, in <siblings>/<worker>/spool and spool-2 (cell_spool_open). One is adopted at a time, and
 * given back when it is empty, after one second, or when a batch fails; so that its owner, should
 * it come back, waits for a moment at most. A record that both ship counts once all the same:
 * ingest is idempotent.
 */
#ifndef CELL_EVENTS_ADOPT_H
#define CELL_EVENTS_ADOPT_H

#include "cell/events/store.h"

struct cell_adopter; /* opaque */
enum cc_error cell_adopter_create(struct cell_worker *worker, struct cell_event_store *store,
                                  struct cell_adopter **out) CC_MUST_CHECK;
/* After the store was freed: nothing is under way in Postgres. */
void cell_adopter_free(struct cell_adopter *adopter);

/* Adopts nothing more; gives back what it holds once the batch under way is done. */
void cell_adopter_stop(struct cell_adopter *adopter);

/* The worker's own spool: settings->spool_directory, or "<spool_directory>-2" when the first is
 * still held after two seconds (by an adopter that froze). Blocking. */
enum cc_error cell_spool_open(struct cell_worker *worker) CC_MUST_CHECK;

#endif
