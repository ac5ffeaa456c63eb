/*
 * The edge's own answer, when no cell gives one in time. Pure.
 */
#ifndef EDGE_FALLBACK_H
#define EDGE_FALLBACK_H

#include "base/answer.h"
#include "base/route_map.h"
#include "base/safest.h"
#include "edge/route.h"

struct edge_fallback {
    enum cc_safest_case row;
    char decision_id[CC_DECISION_ID_TEXT + 1];
    int64_t plan_version; /* the map's epoch */
    struct cc_action actions[CC_ACTIONS_MAX];
    size_t action_count;
};

/* The safest action of the event by the map's policy and the number's fallback target; the event's
 * state is echoed, so that the dialogue goes on when the cell is back. body gets the answer. */
enum cc_error edge_fallback_answer(const struct cc_route_map *map,
                                   const struct cc_call_event *event,
                                   const struct edge_target *target, struct cc_buffer *body,
                                   struct edge_fallback *out) CC_MUST_CHECK;

/* "busy", "barred" ...: for logs. */
const char *edge_fallback_name(enum cc_safest_case row);

#endif
