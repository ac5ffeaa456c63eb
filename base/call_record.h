/*
 * What is kept of one answered call event: the line that a worker spools, an edge journals, and the
 * cell's Postgres ingests. JSON, one object, no newline inside. Pure.
 */
#ifndef CC_CALL_RECORD_H
#define CC_CALL_RECORD_H

#include "base/answer.h"

enum { CC_CALL_RECORD_MAX = 16 * 1024 };

struct cc_call_record {
    struct cc_slice tenant;
    const struct cc_call_event *event;
    struct cc_slice source; /* memory redis replica primary disk edge */
    struct cc_slice decision_id;
    int64_t plan_version;
    struct cc_slice flow_id;
    int64_t flow_version;
    struct cc_slice carrier_key; /* id of the carrier's key */
    struct cc_slice giver;       /* worker or edge that decided: "se-1/worker-1", "edge-1" */
    int64_t attempt;             /* 1 or 2; 0 in a journal entry answered by the edge itself */
    struct cc_slice request_id;  /* the edge's, a UUID: one per delivery by the carrier */
    bool delivered;         /* journal entries: this is the decision that left for the carrier */
    int64_t received_at_us; /* wall clock at the giver */
    int64_t processing_us;
    const struct cc_action *actions;
    size_t action_count;
    struct cc_slice actions_json; /* used instead of actions when not empty: rendered already */
};

/* Keys: tenant event_id event occurred_at call_id kind direction from to sequence source
 * decision_id plan_version flow flow_version carrier_key giver attempt request_id delivered
 * received_at processing_us actions. */
void cc_call_record_render(const struct cc_call_record *record, struct cc_buffer *out);

#endif
