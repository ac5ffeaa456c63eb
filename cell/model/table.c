#include "cell/model/table.h"

#include <stdlib.h>

static const size_t buckets_max = (size_t)1 << 24;

/* FNV-1a, 64 bits, unkeyed: only authenticated carriers and the control plane choose keys. */
static uint64_t hash(struct cc_slice key)
{
    uint64_t value = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < key.length; i++) {
        value ^= (unsigned char)key.data[i];
        value *= UINT64_C(1099511628211);
    }
    return value;
}

enum cc_error cell_table_init(struct cell_table *table, size_t expected)
{
    size_t buckets = 16;
    while (buckets < expected && buckets < buckets_max)
        buckets *= 2;
    *table = (struct cell_table){0};
    table->_buckets = calloc(buckets, sizeof(*table->_buckets));
    if (!table->_buckets)
        return CC_NO_MEMORY;
    table->_mask = buckets - 1;
    return CC_OK;
}

void cell_table_deinit(struct cell_table *table)
{
    free(table->_buckets);
    *table = (struct cell_table){0};
}

struct cell_table_node *cell_table_find(const struct cell_table *table, struct cc_slice key)
{
    uint64_t wanted = hash(key);
    struct cell_table_node *node = table->_buckets[wanted & table->_mask];
    while (node && (node->_hash != wanted || !cc_slice_equal(node->key, key)))
        node = node->_next;
    return node;
}

void cell_table_add(struct cell_table *table, struct cell_table_node *node, struct cc_slice key)
{
    node->key = key;
    node->_hash = hash(key);
    struct cell_table_node **bucket = &table->_buckets[node->_hash & table->_mask];
    node->_next = *bucket;
    *bucket = node;
    table->count++;
}

void cell_table_remove(struct cell_table *table, struct cell_table_node *node)
{
    struct cell_table_node **at = &table->_buckets[node->_hash & table->_mask];
    while (*at && *at != node)
        at = &(*at)->_next;
    if (!*at)
        return;
    *at = node->_next;
    node->_next = NULL;
    table->count--;
}

void cell_table_each(struct cell_table *table,
                     void (*visit)(struct cell_table_node *node, void *context), void *context)
{
    for (size_t i = 0; table->_buckets && i <= table->_mask; i++) {
        struct cell_table_node *node = table->_buckets[i];
        while (node) {
            struct cell_table_node *next = node->_next;
            visit(node, context);
            node = next;
        }
    }
}
