/*
 * A dialect: how a carrier's bytes become a call event and an answer becomes bytes. The decisions
 * underneath are the same for all. To add one: a file here and a row in dialect.c. Pure.
 */
#ifndef CELL_CALLS_DIALECT_H
#define CELL_CALLS_DIALECT_H

#include "base/answer.h"
#include "base/call_event.h"

struct cell_dialect {
    const char *name;
    const char *content_type; /* of the answer */
    /* As cc_call_event_parse. */
    enum cc_error (*read)(struct cc_slice body, struct cc_arena *arena, struct cc_call_event *out,
                          struct cc_json_reason *reason) CC_MUST_CHECK;
    /* As cc_answer_render. */
    enum cc_error (*write)(const struct cc_answer *answer, struct cc_slice tenant,
                           struct cc_slice event_id, int64_t plan_version, struct cc_buffer *body,
                           char *decision_id) CC_MUST_CHECK;
};

extern const struct cell_dialect cell_dialect_native; /* docs/api/calls.md */

/* "native"; NULL when there is none of that name. */
const struct cell_dialect *cell_dialect_find(struct cc_slice name);

#endif
