/*
 * A carrier's call event (docs/api/calls.md): bytes in, a checked struct out. Pure.
 * Needed by the edge (emergency, edge answers, journal) and by cells (decisions, records).
 */
#ifndef CC_CALL_EVENT_H
#define CC_CALL_EVENT_H

#include "base/arena.h"
#include "base/json.h"
#include "base/names.h"

enum { CC_FORWARDED_MAX = 10, CC_STATE_TEXT_MAX = 600, CC_CALL_BODY_MAX = 64 * 1024 };

#define CC_CALL_EVENT_LIST(X)                                                                      \
    X(CALL_INITIATED, "call.initiated")                                                            \
    X(CALL_ANSWERED, "call.answered")                                                              \
    X(CALL_COMPLETED, "call.completed")                                                            \
    X(DIAL_COMPLETED, "dial.completed")                                                            \
    X(GATHER_COMPLETED, "gather.completed")                                                        \
    X(PLAY_COMPLETED, "play.completed")                                                            \
    X(QUEUE_WAIT, "queue.wait")                                                                    \
    X(QUEUE_COMPLETED, "queue.completed")                                                          \
    X(RECORD_COMPLETED, "record.completed")                                                        \
    X(TRANSFER_COMPLETED, "transfer.completed")

enum cc_call_event_type {
#define X(name, text) CC_EVENT_##name,
    CC_CALL_EVENT_LIST(X)
#undef X
        CC_EVENT_UNKNOWN /* a well-formed event of a type we do not know: answered with no actions
                          */
};

enum cc_call_kind { CC_CALL_MOBILE, CC_CALL_PBX };
enum cc_call_direction { CC_CALL_ORIGINATING, CC_CALL_TERMINATING };

enum cc_result_status {
    CC_RESULT_NONE,
    CC_RESULT_COMPLETED,
    CC_RESULT_BUSY,
    CC_RESULT_NO_ANSWER,
    CC_RESULT_FAILED,
    CC_RESULT_CANCELED
};
enum cc_result_reason { CC_REASON_NONE, CC_REASON_DTMF, CC_REASON_TIMEOUT, CC_REASON_ERROR };

/* Slices are borrowed from the arena given to cc_call_event_parse; absent text is empty. */
struct cc_call_event {
    struct cc_slice event_id; /* idempotency key, carrier id */
    int64_t sequence;         /* 0 when absent */
    enum cc_call_event_type type;
    struct cc_slice type_text;
    int64_t occurred_at_us;
    int64_t deadline_ms; /* 0 when absent */
    struct cc_slice call_id;
    struct cc_slice leg_id;
    enum cc_call_kind kind;
    enum cc_call_direction direction;
    struct cc_slice from_e164;
    struct cc_slice from_presentation; /* "allowed", "restricted" or empty */
    struct cc_slice to_e164;           /* empty when only dialled is given */
    struct cc_slice to_dialled;        /* empty when only e164 is given */
    struct cc_slice forwarded_from[CC_FORWARDED_MAX];
    size_t forwarded_count;
    struct cc_slice country;
    struct cc_slice state; /* echoed; at most CC_STATE_TEXT_MAX bytes, longer is kept as not ours */
    bool state_oversized;
    enum cc_result_status status;
    enum cc_result_reason reason;
    struct cc_slice digits; /* 0-9 * # A-D, else empty and digits_invalid */
    bool digits_invalid;
};

/* A call event has event_id, event, occurred_at, call.id, call.kind, call.direction and call.to
 * with e164 or dialled; without them, or where one of them has a wrong form, it is none: CC_INVALID
 * and reason names the field. Optional fields of a wrong form never make it fail (a live call is
 * worth more than a tidy field): they are treated as absent. Unknown fields are ignored. */
enum cc_error cc_call_event_parse(struct cc_slice body, struct cc_arena *arena,
                                  struct cc_call_event *out,
                                  struct cc_json_reason *reason) CC_MUST_CHECK;

/* The two halves of it, for tests that hold one against the other. Ordinary: by a view over the
 * body (json_view.h); CC_INVALID says nothing of the event then. Any: by jansson. Whatever the
 * first takes the second takes too, and finds the same in it. */
enum cc_error cc_call_event_parse_ordinary(struct cc_slice body, struct cc_arena *arena,
                                           struct cc_call_event *out) CC_MUST_CHECK;
enum cc_error cc_call_event_parse_any(struct cc_slice body, struct cc_arena *arena,
                                      struct cc_call_event *out,
                                      struct cc_json_reason *reason) CC_MUST_CHECK;

/* "call.initiated" ...; static storage; "unknown" for CC_EVENT_UNKNOWN. */
const char *cc_call_event_type_name(enum cc_call_event_type type);
const char *cc_call_kind_name(enum cc_call_kind kind);                /* "mobile" "pbx" */
const char *cc_call_direction_name(enum cc_call_direction direction); /* "originating" ... */

/* The number whose subscriber or PBX this event is about: to when terminating (e164, else dialled
 * if that is E.164), from when originating. Empty when there is none. */
struct cc_slice cc_call_event_served(const struct cc_call_event *event);

/* What "connect as dialled" dials: to.e164, else to.dialled. */
struct cc_slice cc_call_event_dialled(const struct cc_call_event *event);

/* Whether a new call starts (call.initiated); all else is mid-call. */
bool cc_call_event_is_first(const struct cc_call_event *event);

#endif
