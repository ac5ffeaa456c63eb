#include "edge/fallback.h"

enum cc_error edge_fallback_answer(const struct cc_route_map *map,
                                   const struct cc_call_event *event,
                                   const struct edge_target *target, struct cc_buffer *body,
                                   struct edge_fallback *out)
{
    *out = (struct edge_fallback){.plan_version = cc_route_map_epoch(map)};
    out->row = cc_safest(event, cc_route_map_policy(map), target->known_number,
                         target->fallback_target, out->actions, &out->action_count);
    struct cc_answer answer = {
        .state = event->state,
        .actions = out->actions,
        .action_count = out->action_count,
    };
    return cc_answer_render(&answer, target->tenant, event->event_id, out->plan_version, body,
                            out->decision_id);
}

const char *edge_fallback_name(enum cc_safest_case row)
{
    static const char *const names[] = {
        [CC_SAFEST_EMERGENCY] = "emergency",
        [CC_SAFEST_NOTHING] = "nothing",
        [CC_SAFEST_CONNECT_DIALLED] = "connect_dialled",
        [CC_SAFEST_BARRED] = "barred",
        [CC_SAFEST_FALLBACK_TARGET] = "fallback_target",
        [CC_SAFEST_BUSY] = "busy",
        [CC_SAFEST_HANGUP] = "hangup",
        [CC_SAFEST_UNKNOWN_NUMBER] = "unknown_number",
    };
    return names[row];
}
