/*
 * Keeps call records and ships them: into the spool, and from there in batches to Postgres,
 * acknowledged once committed, tried again with growing pauses. What the spool refuses is held in
 * memory, shipped from there, and put into the spool as soon as it takes it. Rim: spool and
 * Postgres.
 */
#ifndef CELL_EVENTS_SHIP_H
#define CELL_EVENTS_SHIP_H

#include "base/held.h"
#include "cell/events/store.h"

struct cell_shipper; /* opaque */
enum cc_error cell_shipper_create(struct cell_worker *worker, struct cell_event_store *store,
                                  struct cell_shipper **out) CC_MUST_CHECK;
/* After the store was freed: nothing is under way. What is in memory goes to the spool; what that
 * does not take is lost, counted and logged. */
void cell_shipper_free(struct cell_shipper *shipper);

/* As cell_events_record. */
enum cc_error cell_shipper_keep(struct cell_shipper *shipper, const struct cc_slice *records,
                                size_t count, size_t *lost) CC_MUST_CHECK;
struct cc_held_state cell_shipper_held(const struct cell_shipper *shipper);

/* As cell_events_flush. */
void cell_shipper_flush(struct cell_shipper *shipper, int64_t deadline_us,
                        void (*on_flushed)(void *context), void *context);

#endif
