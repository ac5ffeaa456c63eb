/*
 * The workers of a cell that exists: which there are, which edges are told about, what they say of
 * themselves, and what edges say of them.
 */
#ifndef CP_FLEET_WORKERS_H
#define CP_FLEET_WORKERS_H

#include "control-plane/context.h"

struct cp_worker {
    const char *name;    /* "worker-1" */
    const char *service; /* "se-1-worker-1" */
    int number;
    int port;           /* with the home's offset */
    int telemetry_port; /* the same; plain: health and state */
    const char *site;
    bool standby; /* at the standby site */
    bool drained; /* fleet/drained.h */
};

struct cp_workers {
    const char *cell;
    const char *country;
    int cell_number;
    const struct cp_worker *items;
    size_t count;
};

/* All workers that the cell's template gives it. CC_NOT_FOUND with a message: no such cell. */
enum cc_error cp_workers_find(struct cp_context *context, const char *cell,
                              struct cp_workers *out) CC_MUST_CHECK;

/* Those of a cell with two sites that have settings there; works without the registry. */
enum cc_error cp_workers_by_files(struct cp_context *context, const char *cell,
                                  struct cp_workers *out) CC_MUST_CHECK;

/* NULL when the cell has no such worker. */
const struct cp_worker *cp_worker_named(const struct cp_workers *workers, const char *name);

/* Tells edges about those that are not drained, and notes which are. */
enum cc_error cp_workers_tell(struct cp_context *context,
                              const struct cp_workers *workers) CC_MUST_CHECK;
/* The same for all of a cell, as the registry says now. */
enum cc_error cp_workers_announce(struct cp_context *context, const char *cell) CC_MUST_CHECK;

bool cp_worker_is_ready(struct cp_context *context, const struct cp_worker *worker);

/* What a worker says of itself (GET /internal/v1/state); NULL when it does not answer. The caller
 * json_decref()s it. */
json_t *cp_worker_state(struct cp_context *context, const struct cp_worker *worker);

/* Waits until every edge that answers uses the worker, or none of them does. */
enum cc_error cp_worker_wait_edges(struct cp_context *context, const struct cp_workers *workers,
                                   const struct cp_worker *worker, bool used) CC_MUST_CHECK;

#endif
