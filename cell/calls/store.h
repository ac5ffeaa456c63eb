/*
 * Call plans and pinned flow versions for answers: from memory, else by one look-up per number
 * however many calls wait for it. Rim: Redis and Postgres through fetch.h.
 *
 *   in memory, current              answered at once; older than 30 s, or while the change stream
 *                                   is silent, looked up again in the background, at most once a
 *                                   second each
 *   in memory: no such number       answered at once for 5 s
 *   in memory, behind; or from      looked up; what is held when nothing better can be had
 *   disk and not yet confirmed
 *   else                            looked up
 */
#ifndef CELL_CALLS_STORE_H
#define CELL_CALLS_STORE_H

#include "cell/calls/calls.h"
#include "cell/calls/fetch.h"
#include "cell/flows/flow_cache.h"
#include "cell/model/call_plan.h"

struct cell_store; /* opaque */
enum cc_error cell_store_create(struct cell_worker *worker, struct cell_store **out) CC_MUST_CHECK;
/* Nobody may wait any more. */
void cell_store_free(struct cell_store *store);

struct cell_load;

/* One who wants a plan or a flow. Embedded in its owner; its slices are the owner's until it is
 * answered. */
struct cell_wait {
    struct cc_slice tenant;
    struct cc_slice name; /* number, or flow id */
    int64_t version;      /* of the flow; 0: a call plan is wanted */
    int64_t deadline_us;  /* monotonic */
    void (*on_loaded)(struct cell_wait *wait);

    /* The outcome: CC_OK, CC_NOT_FOUND (there is none), CC_UNAVAILABLE (nobody could say). */
    enum cc_error error;
    struct cell_call_plan *plan; /* one reference for the owner, or NULL */
    struct cell_held_flow *flow; /* one reference for the owner, or NULL */
    int64_t row_version;         /* of the plan, or of the knowledge that there is none */
    enum cell_source source;     /* where it came from, or who was asked last */

    struct cell_load *_load;
    struct cell_wait *_next;
    struct cc_deadline _deadline;
};

/* True: answered, on_loaded is not called. False: on_loaded is called once, later. */
bool cell_store_get(struct cell_store *store, struct cell_wait *wait);

/* From the change stream: the number, or (flow_id not empty) all that use the flow, changed. */
void cell_store_changed(struct cell_store *store, struct cc_slice tenant, struct cc_slice number,
                        struct cc_slice flow_id, int64_t version);
/* Changes may have been missed: all that is held is looked up again when it is next used. */
void cell_store_doubt(struct cell_store *store);
/* Monotonic time when the change stream was last heard. */
void cell_store_heard(struct cell_store *store, int64_t now_us);

/* Sets gauges from what is now. */
void cell_store_expose(const struct cell_store *store);
/* Before the end: begins to keep the call plans on disk once more. */
void cell_store_finish(struct cell_store *store);

struct cell_calls_state cell_store_state(const struct cell_store *store);

#endif
