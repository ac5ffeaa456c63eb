/*
 * Call plan: all that an answer for one number needs, compiled at write time into one JSON value
 * (held in Postgres directory.call_plans, in Redis and in workers' memory), parsed here into an
 * immutable struct.
 *
 * {"format":1,"row_version":17,"tenant":"acme","number":"+46701234567","kind":"mobile",
 *  "mobile":{"forward_always":"+46..","barring":["incoming"],
 *            "caller_id":{"presentation":"restricted","number":"+46.."}}}
 * {"format":1,"row_version":18,"tenant":"acme","number":"+46101234567","kind":"pbx",
 *  "fallback_target":"+46..","flow":{"id":"main","version":3,"program":{...}}}
 * "flow" null: nothing is published yet. Pure.
 */
#ifndef CELL_MODEL_CALL_PLAN_H
#define CELL_MODEL_CALL_PLAN_H

#include "cell/flows/flow.h"

enum {
    CELL_BAR_ALL = 1,
    CELL_BAR_OUTGOING = 2,
    CELL_BAR_INCOMING = 4,
    CELL_BAR_INTERNATIONAL = 8, /* dialled number outside the country's code */
    CELL_BAR_PREMIUM = 16       /* the routing map's barred prefixes */
};

struct cell_call_plan {
    int64_t row_version; /* tenant's counter: higher is newer */
    struct cc_slice tenant;
    struct cc_slice number;
    enum cc_call_kind kind;
    struct cc_slice fallback_target; /* empty: none */
    struct cc_slice forward_always;  /* mobile; empty: none */
    unsigned barring;                /* mobile: CELL_BAR_* */
    bool caller_id_restricted;       /* mobile */
    struct cc_slice caller_id;       /* mobile: presented number, empty: own */
    struct cc_slice flow_id;         /* pbx; empty: none */
    int64_t flow_version;
    const struct cell_flow *flow; /* pbx; owned by the plan; NULL: none */
    size_t memory_bytes;          /* for the cache's accounting */
};

/* Reference counted, on one loop: a plan in use by a call outlives its eviction. Parse gives one
 * reference. */
enum cc_error cell_call_plan_parse(struct cc_slice value, const struct cell_zones *zones,
                                   struct cell_call_plan **out,
                                   struct cc_json_reason *reason) CC_MUST_CHECK;
struct cell_call_plan *cell_call_plan_ref(struct cell_call_plan *plan);
void cell_call_plan_unref(struct cell_call_plan *plan); /* NULL is fine */

#endif
