/*
 * A hash table of entries that embed their node, keyed by bytes: for caches and things in flight.
 * Entries are owned by the caller and chained; the number of buckets is fixed. Pure.
 */
#ifndef CELL_MODEL_TABLE_H
#define CELL_MODEL_TABLE_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct cell_table_node {
    struct cell_table_node *_next;
    uint64_t _hash;
    struct cc_slice key; /* borrowed: the entry holds the bytes as long as it is in the table */
};

struct cell_table {
    struct cell_table_node **_buckets;
    size_t _mask;
    size_t count;
};

/* Buckets: the power of two at or above expected, at most 2^24. */
enum cc_error cell_table_init(struct cell_table *table, size_t expected) CC_MUST_CHECK;
void cell_table_deinit(struct cell_table *table); /* entries are not touched */

struct cell_table_node *cell_table_find(const struct cell_table *table, struct cc_slice key);
/* The key must not be in the table. */
void cell_table_add(struct cell_table *table, struct cell_table_node *node, struct cc_slice key);
void cell_table_remove(struct cell_table *table, struct cell_table_node *node);

/* Calls visit for each entry; visit may remove the one it is given. */
void cell_table_each(struct cell_table *table,
                     void (*visit)(struct cell_table_node *node, void *context), void *context);

#endif
