/*
 * Flow versions that calls under way are pinned to, beside those inside call plans: bounded by
 * count, second-chance eviction, reference counted. Versions are immutable, so an entry is never
 * stale. Pure.
 */
#ifndef CELL_FLOWS_FLOW_CACHE_H
#define CELL_FLOWS_FLOW_CACHE_H

#include "cell/flows/flow.h"
#include "cell/model/snapshot.h"

/* A flow that outlives its eviction while a call uses it. */
struct cell_held_flow {
    struct cell_flow *flow;
    struct cell_snapshot_item *item; /* the same for the disk, owned; NULL: not worth keeping */
    size_t _references;
};
/* Takes the flow over; one reference. NULL when memory is out: the flow stays the caller's. */
struct cell_held_flow *cell_held_flow_create(struct cell_flow *flow);
/* From a flow document. CC_INVALID with a reason. */
enum cc_error cell_held_flow_compile(struct cc_slice document, const struct cell_zones *zones,
                                     struct cell_held_flow **out,
                                     struct cc_json_reason *reason) CC_MUST_CHECK;
struct cell_held_flow *cell_held_flow_ref(struct cell_held_flow *held);
void cell_held_flow_unref(struct cell_held_flow *held); /* NULL is fine */

struct cell_flow_cache; /* opaque */
enum cc_error cell_flow_cache_create(size_t flows_max, struct cell_flow_cache **out) CC_MUST_CHECK;
void cell_flow_cache_free(struct cell_flow_cache *cache);

/* key: the flow's name for caches, cell_shared_flow_key. Borrowed; NULL when not held. */
struct cell_held_flow *cell_flow_cache_find(struct cell_flow_cache *cache, struct cc_slice key);
/* Takes a reference of its own; does nothing when the key is held already. */
enum cc_error cell_flow_cache_put(struct cell_flow_cache *cache, struct cc_slice key,
                                  struct cell_held_flow *held) CC_MUST_CHECK;

/* For snapshots: place < count; changes grows with every flow taken. */
size_t cell_flow_cache_count(const struct cell_flow_cache *cache);
struct cell_held_flow *cell_flow_cache_at(const struct cell_flow_cache *cache, size_t place);
uint64_t cell_flow_cache_changes(const struct cell_flow_cache *cache);

#endif
