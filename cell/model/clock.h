/*
 * A bounded table with second-chance eviction: what is full loses an entry that was not found since
 * the hand last came by. Entries embed their node and are owned by the caller. Pure.
 */
#ifndef CELL_MODEL_CLOCK_H
#define CELL_MODEL_CLOCK_H

#include "cell/model/table.h"

struct cell_clock_node {
    struct cell_table_node _node;
    size_t _place;
    bool _used;
};

struct cell_clock {
    struct cell_table _table;
    struct cell_clock_node **_places; /* filled from the front */
    size_t _maximum;
    size_t _hand;
    uint64_t evicted;
};

/* maximum 0 counts as 1. */
enum cc_error cell_clock_init(struct cell_clock *clock, size_t maximum) CC_MUST_CHECK;
void cell_clock_deinit(struct cell_clock *clock); /* entries are not touched */

/* NULL when it is not there. Finding an entry spares it for one round of the hand. */
struct cell_clock_node *cell_clock_find(struct cell_clock *clock, struct cc_slice key);
/* Without sparing it. */
struct cell_clock_node *cell_clock_peek(const struct cell_clock *clock, struct cc_slice key);

/* The key must not be there; the entry holds its bytes. Returns the entry that had to leave, for
 * the caller to free, or NULL. */
struct cell_clock_node *cell_clock_add(struct cell_clock *clock, struct cell_clock_node *node,
                                       struct cc_slice key);
/* node takes old's place; old is the caller's to free. */
void cell_clock_replace(struct cell_clock *clock, struct cell_clock_node *old,
                        struct cell_clock_node *node, struct cc_slice key);

size_t cell_clock_count(const struct cell_clock *clock);
/* place < count. An entry keeps its place as long as it is held, and so does what replaces it. */
struct cell_clock_node *cell_clock_at(const struct cell_clock *clock, size_t place);
struct cc_slice cell_clock_key(const struct cell_clock_node *node);

#endif
