/*
 * Call records that the spool refused (its disk is full or fails): in memory, oldest first, until
 * the spool takes them or Postgres has them. Bounded. Pure.
 */
#ifndef CELL_EVENTS_HELD_H
#define CELL_EVENTS_HELD_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct cell_held; /* opaque */
/* maximum_bytes: of records and what they cost to hold; 0: nothing is held. */
enum cc_error cell_held_create(int64_t maximum_bytes, struct cell_held **out) CC_MUST_CHECK;
void cell_held_free(struct cell_held *held); /* NULL is fine */

/* The record is copied. CC_FULL: the bound; CC_NO_MEMORY. */
enum cc_error cell_held_append(struct cell_held *held, struct cc_slice record,
                               int64_t now_us) CC_MUST_CHECK;

/* The oldest that is not lent, borrowed until it is dropped. false: there is none. */
bool cell_held_first(const struct cell_held *held, struct cc_slice *record);
void cell_held_drop_first(struct cell_held *held);

/* Lends the oldest, at most count_max of about bytes_max bytes, to be shipped; borrowed until they
 * are returned, and held until then. One loan at a time. Answers how many. */
size_t cell_held_lend(struct cell_held *held, size_t count_max, size_t bytes_max,
                      struct cc_slice *records);
/* shipped: the lent ones are gone; else they are the oldest again. */
void cell_held_return(struct cell_held *held, bool shipped);

struct cell_held_state {
    size_t records;    /* lent ones too */
    int64_t bytes;     /* as the bound counts them */
    int64_t oldest_us; /* now_us of the oldest; 0: none */
};
struct cell_held_state cell_held_state(const struct cell_held *held);

#endif
