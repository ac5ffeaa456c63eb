/*
 * Call plans in a worker's memory: bounded by count, second-chance eviction. Pure.
 *
 * An entry says what is known of one number: its plan, or (plan NULL) that there is no such number.
 * An entry from disk (from_disk) is last known and no more: its plan is parsed when it is first
 * needed, and it is answered only when nobody can be asked, until a source confirms or replaces it.
 *
 * Two rules keep it right: a lower row version never replaces a higher one, and minimum_version,
 * raised by the change stream, says from which version on the number is current (below it: behind,
 * good enough only when nothing better can be had).
 */
#ifndef CELL_CALLS_PLAN_CACHE_H
#define CELL_CALLS_PLAN_CACHE_H

#include "cell/model/call_plan.h"
#include "cell/model/clock.h"
#include "cell/model/snapshot.h"

struct cell_plan_entry {
    struct cell_clock_node _node;
    struct cell_call_plan *plan;     /* the entry's reference; NULL: gone, or not parsed yet */
    struct cell_snapshot_item *item; /* the same as bytes for the disk; NULL: not worth keeping */
    bool gone;                       /* there is no such number */
    bool from_disk;                  /* no source has confirmed it since the start */
    int64_t row_version;             /* 0: the number was never heard of */
    int64_t minimum_version;
    int64_t validated_us;    /* when it was last looked up, monotonic */
    int64_t attempted_us;    /* when a look-up in the background was last begun */
    struct cc_slice flow_id; /* that the number uses; empty: none */
    size_t _tenant_length;
    char _text[]; /* key, then flow id */
};

struct cell_plan_cache; /* opaque */

enum cc_error cell_plan_cache_create(size_t plans_max, struct cell_plan_cache **out) CC_MUST_CHECK;
void cell_plan_cache_free(struct cell_plan_cache *cache);

/* NULL when nothing is known. Entries are valid until the next put. */
struct cell_plan_entry *cell_plan_cache_find(struct cell_plan_cache *cache, struct cc_slice tenant,
                                             struct cc_slice number);

struct cell_plan_news {
    struct cc_slice tenant;
    struct cc_slice number;
    struct cc_slice flow_id;
    struct cell_call_plan *plan;     /* the cache takes references of its own */
    struct cell_snapshot_item *item; /* NULL: not for the disk */
    bool gone;
    bool from_disk;
    int64_t row_version;
    int64_t minimum_version; /* the entry's becomes at least this */
    int64_t now_us;
};
/* CC_STALE when a higher version is held: then only the time of validation is left as it is. */
enum cc_error cell_plan_cache_put(struct cell_plan_cache *cache,
                                  const struct cell_plan_news *news) CC_MUST_CHECK;

/* The plan of an entry from disk, once it is parsed; the entry takes the reference over. */
void cell_plan_entry_parsed(struct cell_plan_cache *cache, struct cell_plan_entry *entry,
                            struct cell_call_plan *plan);

/* The number, or all numbers that use the flow, changed at this version. Unknown ones are left
 * unknown. */
void cell_plan_cache_raise(struct cell_plan_cache *cache, struct cc_slice tenant,
                           struct cc_slice number, int64_t version);
void cell_plan_cache_raise_flow(struct cell_plan_cache *cache, struct cc_slice tenant,
                                struct cc_slice flow_id, int64_t version);

bool cell_plan_entry_is_behind(const struct cell_plan_entry *entry);

/* place < count; an entry keeps its place (cell/model/clock.h). */
struct cell_plan_entry *cell_plan_cache_at(const struct cell_plan_cache *cache, size_t place);
size_t cell_plan_cache_count(const struct cell_plan_cache *cache);
size_t cell_plan_cache_bytes(const struct cell_plan_cache *cache);
uint64_t cell_plan_cache_evicted(const struct cell_plan_cache *cache);
/* Grows with all that a snapshot made earlier does not hold. */
uint64_t cell_plan_cache_changes(const struct cell_plan_cache *cache);

#endif
