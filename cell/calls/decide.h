/*
 * The decision: event + call plan + state -> answer. Pure; no clock (occurred_at is the time), no
 * randomness: the same input gives the same answer on any worker.
 */
#ifndef CELL_CALLS_DECIDE_H
#define CELL_CALLS_DECIDE_H

#include "base/safest.h"
#include "cell/calls/state.h"
#include "cell/model/call_plan.h"

/* Why the answer is as it is: one counter and one word in the log each. */
#define CELL_DECISION_LIST(X)                                                                      \
    X(CONNECT, "connect") /* mobile connected as dialled */                                        \
    X(FORWARD, "forward")                                                                          \
    X(BARRED, "barred")                                                                            \
    X(EMERGENCY, "emergency")                                                                      \
    X(FLOW, "flow")       /* a flow went on */                                                     \
    X(NOTHING, "nothing") /* no actions are due */                                                 \
    X(UNKNOWN_EVENT, "unknown_event")                                                              \
    X(UNKNOWN_NUMBER, "unknown_number")                                                            \
    X(STATE_FORGED, "state_forged")                                                                \
    X(STATE_EXPIRED, "state_expired")                                                              \
    X(STATE_MISSING, "state_missing")                                                              \
    X(NO_FLOW, "no_flow") /* nothing published, or the pinned version cannot be had */             \
    X(UNFIT, "unfit")     /* the event does not fit the waiting node */                            \
    X(NO_PLAN, "no_plan") /* no source could give the call plan: not to be answered */             \
    X(FAULT, "fault")     /* memory or cryptography refused: safest action */

enum cell_decision {
#define X(name, text) CELL_DECISION_##name,
    CELL_DECISION_LIST(X)
#undef X
        CELL_DECISION_COUNT
};
const char *cell_decision_name(enum cell_decision decision);

/* What the event's state says, when it opens. */
struct cell_opened {
    struct cell_call_state state;
    bool ok;
    enum cell_decision why_not;
    bool is_known; /* the rest is filled */
};

struct cell_decide_input {
    const struct cc_call_event *event;
    struct cc_slice country;
    struct cc_slice tenant;
    const struct cell_call_plan *plan; /* NULL: see plan_known */
    bool plan_known; /* plan NULL: true: there is no such number; false: not to be had */
    const struct cell_flow *pinned_flow; /* the flow version that the state names, when it is not
                                            the plan's own; NULL: not needed or not to be had */
    const struct cc_call_policy *policy;
    const struct cc_sealing_keyring *keyring;
    struct cell_opened *opened; /* filled at the first look into the event's state and used at the
                                   next: opening is dear; NULL: opened at each look */
};

/* Which flow version a mid-call event needs besides the plan: CC_OK with id and version when the
 * state opens and names another version than the plan's; CC_NOT_FOUND when nothing more is needed.
 */
enum cc_error cell_decide_needs(const struct cell_decide_input *input, struct cc_arena *arena,
                                struct cc_slice *flow_id, int64_t *flow_version) CC_MUST_CHECK;

/* Fills answer (its memory from the arena, about 20 KB; strings are also borrowed from the event,
 * the plan and the flow); always an answer, which has no actions when not even they found memory.
 */
enum cell_decision cell_decide(const struct cell_decide_input *input, struct cc_arena *arena,
                               struct cc_answer *answer);

#endif
