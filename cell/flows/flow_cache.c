#include "cell/flows/flow_cache.h"

#include <stdlib.h>

#include "cell/model/table.h"

struct entry {
    struct cell_table_node node;
    struct cell_held_flow *held;
    bool used;
    char key[];
};

struct cell_flow_cache {
    struct cell_table table;
    struct entry **clock;
    size_t flows_max;
    size_t hand;
};

struct cell_held_flow *cell_held_flow_create(struct cell_flow *flow)
{
    struct cell_held_flow *held = calloc(1, sizeof(*held));
    if (held)
        *held = (struct cell_held_flow){flow, 1};
    return held;
}

struct cell_held_flow *cell_held_flow_ref(struct cell_held_flow *held)
{
    held->_references++;
    return held;
}

void cell_held_flow_unref(struct cell_held_flow *held)
{
    if (!held || --held->_references > 0)
        return;
    cell_flow_free(held->flow);
    free(held);
}

enum cc_error cell_flow_cache_create(size_t flows_max, struct cell_flow_cache **out)
{
    struct cell_flow_cache *cache = calloc(1, sizeof(*cache));
    *out = NULL;
    if (!cache)
        return CC_NO_MEMORY;
    cache->flows_max = flows_max ? flows_max : 1;
    cache->clock = calloc(cache->flows_max, sizeof(*cache->clock));
    enum cc_error error =
        cache->clock ? cell_table_init(&cache->table, cache->flows_max) : CC_NO_MEMORY;
    if (error) {
        free(cache->clock);
        free(cache);
        return error;
    }
    *out = cache;
    return CC_OK;
}

static void free_entry(struct entry *entry)
{
    cell_held_flow_unref(entry->held);
    free(entry);
}

void cell_flow_cache_free(struct cell_flow_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->table.count; i++)
        free_entry(cache->clock[i]);
    cell_table_deinit(&cache->table);
    free(cache->clock);
    free(cache);
}

struct cell_held_flow *cell_flow_cache_find(struct cell_flow_cache *cache, struct cc_slice key)
{
    struct entry *entry = (struct entry *)(void *)cell_table_find(&cache->table, key);
    if (!entry)
        return NULL;
    entry->used = true;
    return entry->held;
}

static size_t free_place(struct cell_flow_cache *cache)
{
    if (cache->table.count < cache->flows_max)
        return cache->table.count;
    while (cache->clock[cache->hand]->used) {
        cache->clock[cache->hand]->used = false;
        cache->hand = (cache->hand + 1) % cache->flows_max;
    }
    size_t place = cache->hand;
    cell_table_remove(&cache->table, &cache->clock[place]->node);
    free_entry(cache->clock[place]);
    cache->hand = (cache->hand + 1) % cache->flows_max;
    return place;
}

enum cc_error cell_flow_cache_put(struct cell_flow_cache *cache, struct cc_slice key,
                                  struct cell_held_flow *held)
{
    if (cell_table_find(&cache->table, key))
        return CC_OK;
    struct entry *entry = calloc(1, sizeof(*entry) + key.length);
    if (!entry)
        return CC_NO_MEMORY;
    memcpy(entry->key, key.data, key.length);
    entry->held = cell_held_flow_ref(held);
    cache->clock[free_place(cache)] = entry;
    cell_table_add(&cache->table, &entry->node, cc_slice(entry->key, key.length));
    return CC_OK;
}
