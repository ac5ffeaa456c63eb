#include "edge/emergency.h"

enum edge_body edge_emergency_read(struct cc_slice body, const struct cc_call_policy *policy,
                                   struct cc_arena *arena, struct cc_call_event *event,
                                   struct cc_json_reason *reason)
{
    enum cc_error error = cc_call_event_parse(body, arena, event, reason);
    if (error != CC_OK)
        return EDGE_BODY_NONE;
    return cc_is_emergency(event, policy) ? EDGE_BODY_EMERGENCY : EDGE_BODY_EVENT;
}
