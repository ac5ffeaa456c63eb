/*
 * The answer to a call event: what the carrier does next (docs/api/calls.md). Pure: struct in, JSON
 * bytes out, always the same bytes for the same struct.
 */
#ifndef CC_ANSWER_H
#define CC_ANSWER_H

#include "base/buffer.h"
#include "base/call_event.h"

enum { CC_TARGETS_MAX = 16, CC_ACTIONS_MAX = 16, CC_DECISION_ID_TEXT = 32 };

enum cc_action_kind {
    CC_ACTION_CONNECT,
    CC_ACTION_GATHER,
    CC_ACTION_PLAY,
    CC_ACTION_SAY,
    CC_ACTION_REJECT,
    CC_ACTION_HANGUP
};

enum cc_target_kind { CC_TARGET_E164, CC_TARGET_DIALLED, CC_TARGET_SIP, CC_TARGET_USER };

struct cc_target {
    enum cc_target_kind kind; /* the JSON key: "e164", "dialled", "sip", "user" */
    struct cc_slice value;
    int64_t timeout_s;         /* 0: left out */
    struct cc_slice caller_id; /* E.164, "anonymous", or empty: left out */
};

/* What is said or played: play wins when url is set. */
struct cc_prompt {
    struct cc_slice play_url;
    struct cc_slice say_text;
    struct cc_slice say_language; /* BCP 47 */
};

struct cc_action {
    enum cc_action_kind kind;
    struct cc_target targets[CC_TARGETS_MAX]; /* connect */
    size_t target_count;
    struct cc_slice strategy; /* connect: "simultaneous", "sequential" */
    int64_t timeout_s;        /* connect, gather */
    int64_t time_limit_s;     /* connect; 0: left out */
    bool reports;             /* connect: on_busy and on_no_answer are "event" (the carrier sends
                                 dial.completed and waits for our answer); false: left out */
    struct cc_prompt prompt;  /* gather, play, say */
    int64_t minimum, maximum; /* gather: digits */
    struct cc_slice finish_on_key;
    int64_t sip_code, q850; /* reject */
    struct cc_slice reason; /* reject */
};

/* Actions are borrowed: they live in the request's arena. */
struct cc_answer {
    struct cc_slice flow_id; /* empty: "flow": null */
    int64_t flow_version;
    struct cc_slice state; /* base64url text; empty: "state": null */
    struct cc_action *actions;
    size_t action_count;
    struct cc_action *on_timeout;
    size_t on_timeout_count;
};

/* Writes the whole body, decision_id first:
 *   decision_id = hex of the first 16 bytes of SHA-256 over tenant, event_id, decimal plan_version
 * and the body without decision_id (each part preceded by its length as 4 bytes, big-endian).
 * decision_id gets CC_DECISION_ID_TEXT + 1 bytes. */
enum cc_error cc_answer_render(const struct cc_answer *answer, struct cc_slice tenant,
                               struct cc_slice event_id, int64_t plan_version,
                               struct cc_buffer *body, char *decision_id) CC_MUST_CHECK;

/* Just the "actions" array, for records. */
void cc_answer_render_actions(const struct cc_action *actions, size_t count, struct cc_buffer *out);

/* Constructors; each returns a zeroed action with the given content. */
/* "Connect as dialled": e164 with to.e164, dialled with to.dialled when that is all there is. */
struct cc_action cc_action_connect_event(const struct cc_call_event *event);
/* For a number without its event: e164 when it has that form, else dialled. */
struct cc_action cc_action_connect_dialled(struct cc_slice dialled);
struct cc_action cc_action_connect_e164(struct cc_slice number);
struct cc_action cc_action_reject(int64_t sip_code, int64_t q850, const char *reason);
struct cc_action cc_action_hangup(void);

#endif
