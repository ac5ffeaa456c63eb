/*
 * One look-up of a call plan or a flow version in what lies behind a worker's memory, in turn and
 * each within its budget: Redis, a replica, the primary. A budget is the configured one, less in
 * proportion when the call has less than its usual time left. Rim: Redis and Postgres.
 *
 *   start -> Redis -> on_redis -> replica -> on_replica -> primary -> on_primary -> on_end
 *               \____________________\______________________\____ value taken _/
 *
 * A source that timed out is passed over (breaker.h) until it answers a probe: one that hangs costs
 * the calls under way one budget, and later ones nothing.
 */
#ifndef CELL_CALLS_FETCH_H
#define CELL_CALLS_FETCH_H

#include "cell/model/shared.h"
#include "cell/worker.h"

enum cell_source {
    CELL_SOURCE_MEMORY,
    CELL_SOURCE_REDIS,
    CELL_SOURCE_REPLICA,
    CELL_SOURCE_PRIMARY,
    CELL_SOURCE_DISK /* last known, from before the start; never fetched */
};
const char *cell_source_name(enum cell_source source);

/* What an answer has, of 350 ms, for look-ups; the rest is for the reply. */
enum { CELL_FETCH_WHOLE_US = 335 * 1000 };

struct cell_sources; /* opaque */
enum cc_error cell_sources_create(struct cell_worker *worker,
                                  struct cell_sources **out) CC_MUST_CHECK;
/* Look-ups under way end, from here. */
void cell_sources_free(struct cell_sources *sources);
bool cell_sources_primary_is_up(const struct cell_sources *sources);
bool cell_sources_replica_is_up(const struct cell_sources *sources);
/* Every source has refused or dropped the connection: nothing is to be waited for. */
bool cell_sources_have_failed(const struct cell_sources *sources);
/* Sets the gauges of the breakers. */
void cell_sources_expose(const struct cell_sources *sources);

struct cell_fetched {
    enum cell_source source;
    enum cell_shared_kind
        kind;                /* a plan or a flow; gone (row_version 0: never heard of); a marker */
    bool final;              /* the primary says so: nobody knows better */
    int64_t row_version;     /* plans */
    struct cc_slice flow_id; /* plans */
    struct cc_slice text;    /* the call plan or the flow document */
};

/* Embedded in its owner. tenant and name are the owner's until on_end. */
struct cell_fetch {
    struct cc_slice tenant;
    struct cc_slice name; /* number, or flow id */
    int64_t version;      /* of the flow; 0: a call plan is wanted */
    bool skip_redis;      /* Redis is not asked: to be sure of what it holds */
    int64_t left_us;      /* what the caller has for it: CELL_FETCH_WHOLE_US or more: no hurry */
    /* True: the value is taken, on_end is next. Borrowed for the call. */
    bool (*on_value)(struct cell_fetch *fetch, const struct cell_fetched *value);
    void (*on_end)(struct cell_fetch *fetch);
    enum cell_source last; /* the last source that was asked */
    struct cell_sources *_sources;
    int64_t _asked_us;
    int64_t _given_us;
    int _next;
};

/* False when no source can be asked now: on_end is not called. Never calls back before it returns.
 */
bool cell_fetch_start(struct cell_sources *sources, struct cell_fetch *fetch);

/* Gives Redis what Postgres said, by row version; best effort. */
void cell_sources_share_plan(struct cell_sources *sources, struct cc_slice tenant,
                             struct cc_slice number, const struct cell_fetched *value);
void cell_sources_share_flow(struct cell_sources *sources, struct cc_slice tenant,
                             struct cc_slice flow, int64_t version, struct cc_slice document);

#endif
