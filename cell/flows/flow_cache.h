/*
 * Flow versions that calls under way are pinned to, beside those inside call plans: bounded by
 * count, second-chance eviction, reference counted. Versions are immutable, so an entry is never
 * stale. Pure.
 */
#ifndef CELL_FLOWS_FLOW_CACHE_H
#define CELL_FLOWS_FLOW_CACHE_H

#include "cell/flows/flow.h"

/* A flow that outlives its eviction while a call uses it. */
struct cell_held_flow {
    struct cell_flow *flow;
    size_t _references;
};
/* Takes the flow over; one reference. NULL when memory is out: the flow stays the caller's. */
struct cell_held_flow *cell_held_flow_create(struct cell_flow *flow);
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

#endif
