/*
 * Call records that a spool refused (its disk is full or fails): in memory, oldest first, until the
 * spool takes them or their receiver has them. Bounded. Pure.
 */
#ifndef CC_HELD_H
#define CC_HELD_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct cc_held; /* opaque */
/* maximum_bytes: of records and what they cost to hold; 0: nothing is held. */
enum cc_error cc_held_create(int64_t maximum_bytes, struct cc_held **out) CC_MUST_CHECK;
void cc_held_free(struct cc_held *held); /* NULL is fine */

/* The record is copied. CC_FULL: the bound; CC_NO_MEMORY. */
enum cc_error cc_held_append(struct cc_held *held, struct cc_slice record,
                             int64_t now_us) CC_MUST_CHECK;

/* The oldest that is not lent, borrowed until it is dropped. false: there is none. */
bool cc_held_first(const struct cc_held *held, struct cc_slice *record);
void cc_held_drop_first(struct cc_held *held);

/* Lends the oldest, at most count_max of about bytes_max bytes, to be shipped; borrowed until they
 * are returned, and held until then. One loan at a time. Answers how many. */
size_t cc_held_lend(struct cc_held *held, size_t count_max, size_t bytes_max,
                    struct cc_slice *records);
/* shipped: the lent ones are gone; else they are the oldest again. */
void cc_held_return(struct cc_held *held, bool shipped);

struct cc_held_state {
    size_t records;    /* lent ones too */
    int64_t bytes;     /* as the bound counts them */
    int64_t oldest_us; /* now_us of the oldest; 0: none */
};
struct cc_held_state cc_held_state(const struct cc_held *held);

#endif
