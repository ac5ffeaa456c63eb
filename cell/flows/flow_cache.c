#include "cell/flows/flow_cache.h"

#include <stdlib.h>

#include "cell/model/clock.h"

struct entry {
    struct cell_clock_node node;
    struct cell_held_flow *held;
    char key[];
};

struct cell_flow_cache {
    struct cell_clock clock;
    uint64_t changes;
};

struct cell_held_flow *cell_held_flow_create(struct cell_flow *flow)
{
    struct cell_held_flow *held = calloc(1, sizeof(*held));
    if (held)
        *held = (struct cell_held_flow){.flow = flow, ._references = 1};
    return held;
}

enum cc_error cell_held_flow_compile(struct cc_slice document, const struct cell_zones *zones,
                                     struct cell_held_flow **out, struct cc_json_reason *reason)
{
    json_t *root = NULL;
    struct cell_flow *flow = NULL;
    *out = NULL;
    enum cc_error error = cc_json_parse(document, CELL_FLOW_BYTES_MAX * 2, &root, reason);
    if (!error)
        error = cell_flow_compile(root, zones, &flow, reason);
    json_decref(root);
    if (error)
        return error;
    *out = cell_held_flow_create(flow);
    if (*out)
        return CC_OK;
    cell_flow_free(flow);
    return CC_NO_MEMORY;
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
    cell_snapshot_item_unref(held->item);
    free(held);
}

enum cc_error cell_flow_cache_create(size_t flows_max, struct cell_flow_cache **out)
{
    struct cell_flow_cache *cache = calloc(1, sizeof(*cache));
    *out = NULL;
    if (!cache)
        return CC_NO_MEMORY;
    enum cc_error error = cell_clock_init(&cache->clock, flows_max);
    if (error) {
        cell_flow_cache_free(cache);
        return error;
    }
    *out = cache;
    return CC_OK;
}

static void free_entry(struct entry *entry)
{
    if (!entry)
        return;
    cell_held_flow_unref(entry->held);
    free(entry);
}

void cell_flow_cache_free(struct cell_flow_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cell_flow_cache_count(cache); i++)
        free_entry((struct entry *)(void *)cell_clock_at(&cache->clock, i));
    cell_clock_deinit(&cache->clock);
    free(cache);
}

struct cell_held_flow *cell_flow_cache_find(struct cell_flow_cache *cache, struct cc_slice key)
{
    struct entry *entry = (struct entry *)(void *)cell_clock_find(&cache->clock, key);
    return entry ? entry->held : NULL;
}

enum cc_error cell_flow_cache_put(struct cell_flow_cache *cache, struct cc_slice key,
                                  struct cell_held_flow *held)
{
    if (cell_clock_peek(&cache->clock, key))
        return CC_OK;
    struct entry *entry = calloc(1, sizeof(*entry) + key.length);
    if (!entry)
        return CC_NO_MEMORY;
    memcpy(entry->key, key.data, key.length);
    entry->held = cell_held_flow_ref(held);
    cache->changes++;
    free_entry((struct entry *)(void *)cell_clock_add(&cache->clock, &entry->node,
                                                      cc_slice(entry->key, key.length)));
    return CC_OK;
}

size_t cell_flow_cache_count(const struct cell_flow_cache *cache)
{
    return cell_clock_count(&cache->clock);
}

struct cell_held_flow *cell_flow_cache_at(const struct cell_flow_cache *cache, size_t place)
{
    return ((struct entry *)(void *)cell_clock_at(&cache->clock, place))->held;
}

uint64_t cell_flow_cache_changes(const struct cell_flow_cache *cache)
{
    return cache->changes;
}
