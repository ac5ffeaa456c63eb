/*
 * Calls: a carrier's event in, the answer out. Rim: I/O.
 */
#ifndef CELL_CALLS_CALLS_H
#define CELL_CALLS_CALLS_H

#include "cell/worker.h"

enum cc_error cell_calls_create(struct cell_worker *worker, struct cell_calls **out) CC_MUST_CHECK;
/* No request may be under way. */
void cell_calls_free(struct cell_calls *calls);

/* From the change stream (cell/calls/store.h). */
void cell_calls_changed(struct cell_calls *calls, struct cc_slice tenant, struct cc_slice number,
                        struct cc_slice flow_id, int64_t version);
void cell_calls_doubt(struct cell_calls *calls);
void cell_calls_heard(struct cell_calls *calls, int64_t now_us);

/* Sets gauges from what is now. */
void cell_calls_expose(struct cell_calls *calls);
/* Before the end: begins to keep the call plans on disk once more. */
void cell_calls_finish(struct cell_calls *calls);

struct cell_calls_state {
    size_t plans;
    size_t plan_bytes;
    uint64_t evicted;
    size_t plans_loaded; /* from disk, at start */
    bool sources_failed; /* all of them: nothing is to be waited for */
    bool primary_up;
    bool replica_up;
};
struct cell_calls_state cell_calls_state(const struct cell_calls *calls);

/* Routes of the role "calls". */
extern const struct cc_http_route cell_calls_routes[];
extern const size_t cell_calls_route_count;

#endif
