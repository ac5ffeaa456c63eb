#include "cell/calls/plan_cache.h"

#include <stdlib.h>

struct cell_plan_cache {
    struct cell_clock clock;
    size_t bytes;
    uint64_t changes;
};

enum { KEY_MAX = 256 };

enum cc_error cell_plan_cache_create(size_t plans_max, struct cell_plan_cache **out)
{
    struct cell_plan_cache *cache = calloc(1, sizeof(*cache));
    *out = NULL;
    if (!cache)
        return CC_NO_MEMORY;
    enum cc_error error = cell_clock_init(&cache->clock, plans_max);
    if (error) {
        cell_plan_cache_free(cache);
        return error;
    }
    *out = cache;
    return CC_OK;
}

static size_t entry_bytes(const struct cell_plan_entry *entry)
{
    return sizeof(*entry) + cell_clock_key(&entry->_node).length + entry->flow_id.length +
           (entry->plan ? entry->plan->memory_bytes : 0) +
           (entry->item ? sizeof(*entry->item) + entry->item->length : 0);
}

static void free_entry(struct cell_plan_entry *entry)
{
    cell_call_plan_unref(entry->plan);
    cell_snapshot_item_unref(entry->item);
    free(entry);
}

void cell_plan_cache_free(struct cell_plan_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cell_clock_count(&cache->clock); i++)
        free_entry(cell_plan_cache_at(cache, i));
    cell_clock_deinit(&cache->clock);
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

struct cell_plan_entry *cell_plan_cache_find(struct cell_plan_cache *cache, struct cc_slice tenant,
                                             struct cc_slice number)
{
    char room[KEY_MAX];
    struct cc_slice key = make_key(tenant, number, room);
    if (key.length == 0)
        return NULL;
    return (struct cell_plan_entry *)(void *)cell_clock_find(&cache->clock, key);
}

struct cell_plan_entry *cell_plan_cache_at(const struct cell_plan_cache *cache, size_t place)
{
    return (struct cell_plan_entry *)(void *)cell_clock_at(&cache->clock, place);
}

static struct cell_plan_entry *peek(struct cell_plan_cache *cache, struct cc_slice key)
{
    return (struct cell_plan_entry *)(void *)cell_clock_peek(&cache->clock, key);
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
    entry->from_disk = news->from_disk;
    entry->gone = news->gone;
    if (news->plan)
        entry->plan = cell_call_plan_ref(news->plan);
    if (news->item)
        entry->item = cell_snapshot_item_ref(news->item);
    return entry;
}

static void replace(struct cell_plan_cache *cache, struct cell_plan_entry *old,
                    struct cell_plan_entry *entry, struct cc_slice key)
{
    if (old->minimum_version > entry->minimum_version)
        entry->minimum_version = old->minimum_version;
    entry->attempted_us = old->attempted_us;
    cache->bytes -= entry_bytes(old);
    cell_clock_replace(&cache->clock, &old->_node, &entry->_node, key);
    free_entry(old);
}

static void add(struct cell_plan_cache *cache, struct cell_plan_entry *entry, struct cc_slice key)
{
    struct cell_plan_entry *old =
        (struct cell_plan_entry *)(void *)cell_clock_add(&cache->clock, &entry->_node, key);
    if (!old)
        return;
    cache->bytes -= entry_bytes(old);
    free_entry(old);
}

enum cc_error cell_plan_cache_put(struct cell_plan_cache *cache, const struct cell_plan_news *news)
{
    char room[KEY_MAX];
    struct cc_slice key = make_key(news->tenant, news->number, room);
    if (key.length == 0)
        return CC_INVALID;
    struct cell_plan_entry *old = peek(cache, key);
    if (old && old->row_version > news->row_version) {
        if (news->minimum_version > old->minimum_version)
            old->minimum_version = news->minimum_version;
        return CC_STALE;
    }
    struct cell_plan_entry *entry = make_entry(key, news);
    if (!entry)
        return CC_NO_MEMORY;
    if (!old || old->row_version != news->row_version)
        cache->changes++;
    key = cc_slice(entry->_text, key.length);
    if (old)
        replace(cache, old, entry, key);
    else
        add(cache, entry, key);
    cache->bytes += entry_bytes(entry);
    return CC_OK;
}

void cell_plan_entry_parsed(struct cell_plan_cache *cache, struct cell_plan_entry *entry,
                            struct cell_call_plan *plan)
{
    cache->bytes += plan->memory_bytes;
    entry->plan = plan;
}

static void raise(struct cell_plan_cache *cache, struct cell_plan_entry *entry, int64_t version)
{
    if (entry->minimum_version >= version)
        return;
    entry->minimum_version = version;
    cache->changes++;
}

void cell_plan_cache_raise(struct cell_plan_cache *cache, struct cc_slice tenant,
                           struct cc_slice number, int64_t version)
{
    char room[KEY_MAX];
    struct cc_slice key = make_key(tenant, number, room);
    struct cell_plan_entry *entry = key.length ? peek(cache, key) : NULL;
    if (entry)
        raise(cache, entry, version);
}

void cell_plan_cache_raise_flow(struct cell_plan_cache *cache, struct cc_slice tenant,
                                struct cc_slice flow_id, int64_t version)
{
    for (size_t i = 0; i < cell_plan_cache_count(cache); i++) {
        struct cell_plan_entry *entry = cell_plan_cache_at(cache, i);
        if (cc_slice_equal(cc_slice(entry->_text, entry->_tenant_length), tenant) &&
            cc_slice_equal(entry->flow_id, flow_id))
            raise(cache, entry, version);
    }
}

bool cell_plan_entry_is_behind(const struct cell_plan_entry *entry)
{
    return entry->row_version < entry->minimum_version;
}

size_t cell_plan_cache_count(const struct cell_plan_cache *cache)
{
    return cell_clock_count(&cache->clock);
}

size_t cell_plan_cache_bytes(const struct cell_plan_cache *cache)
{
    return cache->bytes;
}

uint64_t cell_plan_cache_evicted(const struct cell_plan_cache *cache)
{
    return cache->clock.evicted;
}

uint64_t cell_plan_cache_changes(const struct cell_plan_cache *cache)
{
    return cache->changes;
}
