/*
 * The bounded parse that comes before authentication: an emergency call is known by its body alone.
 * Pure.
 */
#ifndef EDGE_EMERGENCY_H
#define EDGE_EMERGENCY_H

#include "base/call_event.h"
#include "base/safest.h"

enum edge_body {
    EDGE_BODY_EMERGENCY, /* answered connect whatever its signature */
    EDGE_BODY_EVENT,
    EDGE_BODY_NONE /* no call event: 400, but only once authenticated; reason says why */
};

/* event's slices are borrowed from the arena; it is only filled when not EDGE_BODY_NONE. */
enum edge_body edge_emergency_read(struct cc_slice body, const struct cc_call_policy *policy,
                                   struct cc_arena *arena, struct cc_call_event *event,
                                   struct cc_json_reason *reason);

#endif
