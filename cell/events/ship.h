/*
 * Ships the spool: batches of records to Postgres, acknowledged once committed, tried again with
 * growing pauses. Rim: spool and Postgres.
 */
#ifndef CELL_EVENTS_SHIP_H
#define CELL_EVENTS_SHIP_H

#include "cell/events/store.h"

struct cell_shipper; /* opaque */
enum cc_error cell_shipper_create(struct cell_worker *worker, struct cell_event_store *store,
                                  struct cell_shipper **out) CC_MUST_CHECK;
/* After the store was freed: nothing is under way. */
void cell_shipper_free(struct cell_shipper *shipper);

/* There is something to ship. */
void cell_shipper_wake(struct cell_shipper *shipper);

/* As cell_events_flush. */
void cell_shipper_flush(struct cell_shipper *shipper, int64_t deadline_us,
                        void (*on_flushed)(void *context), void *context);

#endif
