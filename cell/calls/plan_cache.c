#include "cell/calls/plan_cache.h"

#include <stdlib.h>

struct cell_plan_cache {
    struct cell_table table;
    struct cell_plan_entry **clock; /* plans_max places, filled from the front */
    size_t plans_max;
    size_t hand;
    size_t bytes;
    uint64_t evicted;
};

enum { KEY_MAX = 256 };

enum cc_error cell_plan_cache_create(size_t plans_max, struct cell_plan_cache **out)
{
    struct cell_plan_cache *cache = calloc(1, sizeof(*cache));
    *out = NULL;
    if (!cache)
        return CC_NO_MEMORY;
    cache->plans_max = plans_max ? plans_max : 1;
    cache->clock = calloc(cache->plans_max, sizeof(*cache->clock));
    enum cc_error error =
        cache->clock ? cell_table_init(&cache->table, cache->plans_max) : CC_NO_MEMORY;
    if (error) {
        free(cache->clock);
        free(cache);
        return error;
    }
    *out = cache;
    return CC_OK;
}

static size_t entry_bytes(const struct cell_plan_entry *entry)
{
    return sizeof(*entry) + entry->_node.key.length + entry->flow_id.length +
           (entry->plan ? entry->plan->memory_bytes : 0);
}

static void free_entry(struct cell_plan_entry *entry)
{
    cell_call_plan_unref(entry->plan);
    free(entry);
}

void cell_plan_cache_free(struct cell_plan_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->table.count; i++)
        free_entry(cache->clock[i]);
    cell_table_deinit(&cache->table);
    free(cache->clock);
    free(cache);
}

/* tenant, ':' and number; empty when too long. */
static struct cc_slice make_key(struct cc_slice tenant, struct cc_slice number, char *room)
{
    size_t length = tenant.length + 1 + number.length;
    if (length > KEY_MAX || tenant.length == 0 || number.length == 0)
        return cc_slice(NULL, 0);
    memcpy(room, tenant.data, tenant.length);
    room[tenant.length] = ':';
    memcpy(room + tenant.length + 1, number.data, number.length);
    return cc_slice(room, length);
}

static struct cell_plan_entry *find(struct cell_plan_cache *cache, struct cc_slice key)
{
    return (struct cell_plan_entry *)(void *)cell_table_find(&cache->table, key);
}

struct cell_plan_entry *cell_plan_cache_find(struct cell_plan_cache *cache, struct cc_slice tenant,
                                             struct cc_slice number)
{
    char room[KEY_MAX];
    struct cc_slice key = make_key(tenant, number, room);
    struct cell_plan_entry *entry = key.length ? find(cache, key) : NULL;
    if (entry)
        entry->_used = true;
    return entry;
}

/* Second chance: the hand passes over what was used since it last came by. */
static size_t free_place(struct cell_plan_cache *cache)
{
    if (cache->table.count < cache->plans_max)
        return cache->table.count;
    while (cache->clock[cache->hand]->_used) {
        cache->clock[cache->hand]->_used = false;
        cache->hand = (cache->hand + 1) % cache->plans_max;
    }
    size_t place = cache->hand;
    struct cell_plan_entry *old = cache->clock[place];
    cell_table_remove(&cache->table, &old->_node);
    cache->bytes -= entry_bytes(old);
    free_entry(old);
    cache->evicted++;
    cache->hand = (cache->hand + 1) % cache->plans_max;
    return place;
}

static struct cell_plan_entry *make_entry(struct cc_slice key, const struct cell_plan_news *news)
{
    struct cell_plan_entry *entry = calloc(1, sizeof(*entry) + key.length + news->flow_id.length);
    if (!entry)
        return NULL;
    memcpy(entry->_text, key.data, key.length);
    if (news->flow_id.length)
        memcpy(entry->_text + key.length, news->flow_id.data, news->flow_id.length);
    entry->flow_id = cc_slice(entry->_text + key.length, news->flow_id.length);
    entry->_tenant_length = news->tenant.length;
    entry->row_version = news->row_version;
    entry->minimum_version = news->minimum_version;
    entry->validated_us = news->now_us;
    if (news->plan)
        entry->plan = cell_call_plan_ref(news->plan);
    return entry;
}

/* The entry takes the old one's place on the clock and in the table. */
static void replace(struct cell_plan_cache *cache, struct cell_plan_entry *old,
                    struct cell_plan_entry *entry, size_t key_length)
{
    if (old->minimum_version > entry->minimum_version)
        entry->minimum_version = old->minimum_version;
    entry->attempted_us = old->attempted_us;
    entry->_used = old->_used;
    entry->_position = old->_position;
    cell_table_remove(&cache->table, &old->_node);
    cache->bytes -= entry_bytes(old);
    cell_table_add(&cache->table, &entry->_node, cc_slice(entry->_text, key_length));
    cache->clock[entry->_position] = entry;
    free_entry(old);
}

enum cc_error cell_plan_cache_put(struct cell_plan_cache *cache, const struct cell_plan_news *news)
{
    char room[KEY_MAX];
    struct cc_slice key = make_key(news->tenant, news->number, room);
    if (key.length == 0)
        return CC_INVALID;
    struct cell_plan_entry *old = find(cache, key);
    if (old && old->row_version > news->row_version) {
        if (news->minimum_version > old->minimum_version)
            old->minimum_version = news->minimum_version;
        return CC_STALE;
    }
    struct cell_plan_entry *entry = make_entry(key, news);
    if (!entry)
        return CC_NO_MEMORY;
    if (old) {
        replace(cache, old, entry, key.length);
    } else {
        entry->_position = free_place(cache);
        cache->clock[entry->_position] = entry;
        cell_table_add(&cache->table, &entry->_node, cc_slice(entry->_text, key.length));
    }
    cache->bytes += entry_bytes(entry);
    return CC_OK;
}

void cell_plan_cache_raise(struct cell_plan_cache *cache, struct cc_slice tenant,
                           struct cc_slice number, int64_t version)
{
    char room[KEY_MAX];
    struct cc_slice key = make_key(tenant, number, room);
    struct cell_plan_entry *entry = key.length ? find(cache, key) : NULL;
    if (entry && entry->minimum_version < version)
        entry->minimum_version = version;
}

void cell_plan_cache_raise_flow(struct cell_plan_cache *cache, struct cc_slice tenant,
                                struct cc_slice flow_id, int64_t version)
{
    for (size_t i = 0; i < cache->table.count; i++) {
        struct cell_plan_entry *entry = cache->clock[i];
        if (cc_slice_equal(cc_slice(entry->_text, entry->_tenant_length), tenant) &&
            cc_slice_equal(entry->flow_id, flow_id) && entry->minimum_version < version)
            entry->minimum_version = version;
    }
}

bool cell_plan_entry_is_behind(const struct cell_plan_entry *entry)
{
    return entry->row_version < entry->minimum_version;
}

size_t cell_plan_cache_count(const struct cell_plan_cache *cache)
{
    return cache->table.count;
}

size_t cell_plan_cache_bytes(const struct cell_plan_cache *cache)
{
    return cache->bytes;
}

uint64_t cell_plan_cache_evicted(const struct cell_plan_cache *cache)
{
    return cache->evicted;
}
