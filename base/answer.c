#include "base/answer.h"

#include "base/crypto.h"
#include "base/decimal.h"

enum { DECISION_ID_BYTES = 16 };

/* The members of one JSON object, with commas where they belong. */
struct members {
    struct cc_buffer *out;
    bool any;
};

static void member(struct members *members, const char *name)
{
    if (members->any)
        cc_buffer_text(members->out, ",");
    members->any = true;
    cc_buffer_text(members->out, "\"");
    cc_buffer_text(members->out, name);
    cc_buffer_text(members->out, "\":");
}

static void text_member(struct members *members, const char *name, struct cc_slice value)
{
    if (value.length == 0)
        return;
    member(members, name);
    cc_buffer_json_string(members->out, value);
}

static void integer_member(struct members *members, const char *name, int64_t value)
{
    if (value == 0)
        return;
    member(members, name);
    cc_buffer_integer(members->out, value);
}

static void render_target(const struct cc_target *target, struct cc_buffer *out)
{
    static const char *const keys[] = {"e164", "dialled", "sip", "user"};
    struct members members = {.out = out};
    cc_buffer_text(out, "{");
    text_member(&members, keys[target->kind], target->value);
    integer_member(&members, "timeout_s", target->timeout_s);
    text_member(&members, "caller_id", target->caller_id);
    cc_buffer_text(out, "}");
}

static void render_connect(const struct cc_action *action, struct members *members)
{
    member(members, "targets");
    cc_buffer_text(members->out, "[");
    for (size_t i = 0; i < action->target_count; i++) {
        if (i > 0)
            cc_buffer_text(members->out, ",");
        render_target(&action->targets[i], members->out);
    }
    cc_buffer_text(members->out, "]");
    if (action->target_count > 1)
        text_member(members, "strategy", action->strategy);
    integer_member(members, "timeout_s", action->timeout_s);
    integer_member(members, "time_limit_s", action->time_limit_s);
    if (action->reports) {
        text_member(members, "on_busy", CC_SLICE_LITERAL("event"));
        text_member(members, "on_no_answer", CC_SLICE_LITERAL("event"));
    }
}

static void render_play(const struct cc_prompt *prompt, struct members *members)
{
    text_member(members, "url", prompt->play_url);
}

static void render_say(const struct cc_prompt *prompt, struct members *members)
{
    text_member(members, "text", prompt->say_text);
    text_member(members, "language", prompt->say_language);
}

static void render_prompt(const struct cc_prompt *prompt, struct cc_buffer *out)
{
    struct members inner = {.out = out};
    bool plays = prompt->play_url.length > 0;
    cc_buffer_text(out, plays ? "{\"play\":{" : "{\"say\":{");
    if (plays)
        render_play(prompt, &inner);
    else
        render_say(prompt, &inner);
    cc_buffer_text(out, "}}");
}

static void render_gather(const struct cc_action *action, struct members *members)
{
    if (action->prompt.play_url.length > 0 || action->prompt.say_text.length > 0) {
        member(members, "prompt");
        render_prompt(&action->prompt, members->out);
    }
    integer_member(members, "min", action->minimum);
    integer_member(members, "max", action->maximum);
    text_member(members, "finish_on_key", action->finish_on_key);
    integer_member(members, "timeout_s", action->timeout_s);
}

static void render_reject(const struct cc_action *action, struct members *members)
{
    integer_member(members, "sip_code", action->sip_code);
    integer_member(members, "q850", action->q850);
    text_member(members, "reason", action->reason);
}

static void render_action(const struct cc_action *action, struct cc_buffer *out)
{
    static const char *const verbs[] = {"connect", "gather", "play", "say", "reject", "hangup"};
    struct members members = {.out = out};
    cc_buffer_text(out, "{\"");
    cc_buffer_text(out, verbs[action->kind]);
    cc_buffer_text(out, "\":{");
    switch (action->kind) {
    case CC_ACTION_CONNECT:
        render_connect(action, &members);
        break;
    case CC_ACTION_GATHER:
        render_gather(action, &members);
        break;
    case CC_ACTION_PLAY:
        render_play(&action->prompt, &members);
        break;
    case CC_ACTION_SAY:
        render_say(&action->prompt, &members);
        break;
    case CC_ACTION_REJECT:
        render_reject(action, &members);
        break;
    case CC_ACTION_HANGUP:
        break;
    }
    cc_buffer_text(out, "}}");
}

void cc_answer_render_actions(const struct cc_action *actions, size_t count, struct cc_buffer *out)
{
    cc_buffer_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            cc_buffer_text(out, ",");
        render_action(&actions[i], out);
    }
    cc_buffer_text(out, "]");
}

/* All members behind decision_id, and the closing brace. */
static void render_rest(const struct cc_answer *answer, struct cc_buffer *body)
{
    cc_buffer_text(body, "\"flow\":");
    if (answer->flow_id.length > 0) {
        cc_buffer_text(body, "{\"id\":");
        cc_buffer_json_string(body, answer->flow_id);
        cc_buffer_text(body, ",\"version\":");
        cc_buffer_integer(body, answer->flow_version);
        cc_buffer_text(body, "}");
    } else {
        cc_buffer_text(body, "null");
    }
    cc_buffer_text(body, ",\"state\":");
    if (answer->state.length > 0)
        cc_buffer_json_string(body, answer->state);
    else
        cc_buffer_text(body, "null");
    cc_buffer_text(body, ",\"actions\":");
    cc_answer_render_actions(answer->actions, answer->action_count, body);
    cc_buffer_text(body, ",\"on_timeout\":");
    cc_answer_render_actions(answer->on_timeout, answer->on_timeout_count, body);
    cc_buffer_text(body, "}");
}

static void big_endian(size_t value, char out[4])
{
    for (size_t i = 0; i < 4; i++)
        out[i] = (char)(unsigned char)(value >> (24 - 8 * i));
}

/* rest: the body behind decision_id; with "{" in front it is the body without it. */
static enum cc_error derive_id(struct cc_slice tenant, struct cc_slice event_id,
                               int64_t plan_version, struct cc_slice rest, char *decision_id)
{
    char version_text[CC_DECIMAL_TEXT];
    char lengths[4][4];
    uint8_t digest[CC_SHA256_BYTES];
    struct cc_slice version = cc_decimal(plan_version, version_text);
    big_endian(tenant.length, lengths[0]);
    big_endian(event_id.length, lengths[1]);
    big_endian(version.length, lengths[2]);
    big_endian(rest.length + 1, lengths[3]);
    const struct cc_slice parts[] = {cc_slice(lengths[0], 4),
                                     tenant,
                                     cc_slice(lengths[1], 4),
                                     event_id,
                                     cc_slice(lengths[2], 4),
                                     version,
                                     cc_slice(lengths[3], 4),
                                     CC_SLICE_LITERAL("{"),
                                     rest};
    enum cc_error error = cc_sha256_parts(parts, sizeof(parts) / sizeof(parts[0]), digest);
    if (!error)
        cc_hex_encode(cc_slice((const char *)digest, DECISION_ID_BYTES), decision_id);
    return error;
}

enum cc_error cc_answer_render(const struct cc_answer *answer, struct cc_slice tenant,
                               struct cc_slice event_id, int64_t plan_version,
                               struct cc_buffer *body, char *decision_id)
{
    static const char gap[] = "00000000000000000000000000000000";
    _Static_assert(sizeof(gap) == CC_DECISION_ID_TEXT + 1, "the gap holds a decision_id");
    decision_id[0] = '\0';
    cc_buffer_text(body, "{\"decision_id\":\"");
    size_t id_at = body->length;
    cc_buffer_text(body, gap);
    cc_buffer_text(body, "\",");
    size_t rest_at = body->length;
    render_rest(answer, body);
    if (body->error)
        return body->error;
    struct cc_slice rest = cc_slice(body->data + rest_at, body->length - rest_at);
    enum cc_error error = derive_id(tenant, event_id, plan_version, rest, decision_id);
    if (!error)
        memcpy(body->data + id_at, decision_id, CC_DECISION_ID_TEXT);
    return error;
}

struct cc_action cc_action_connect_event(const struct cc_call_event *event)
{
    struct cc_action action = {.kind = CC_ACTION_CONNECT, .target_count = 1};
    action.targets[0].kind = event->to_e164.length > 0 ? CC_TARGET_E164 : CC_TARGET_DIALLED;
    action.targets[0].value = cc_call_event_dialled(event);
    return action;
}

struct cc_action cc_action_connect_dialled(struct cc_slice dialled)
{
    struct cc_action action = {.kind = CC_ACTION_CONNECT, .target_count = 1};
    bool is_e164 = cc_name_is_e164(dialled);
    action.targets[0].kind = is_e164 ? CC_TARGET_E164 : CC_TARGET_DIALLED;
    action.targets[0].value = dialled;
    return action;
}

struct cc_action cc_action_connect_e164(struct cc_slice number)
{
    struct cc_action action = {.kind = CC_ACTION_CONNECT, .target_count = 1};
    action.targets[0].kind = CC_TARGET_E164;
    action.targets[0].value = number;
    return action;
}

struct cc_action cc_action_reject(int64_t sip_code, int64_t q850, const char *reason)
{
    return (struct cc_action){.kind = CC_ACTION_REJECT,
                              .sip_code = sip_code,
                              .q850 = q850,
                              .reason = cc_slice_of(reason)};
}

struct cc_action cc_action_hangup(void)
{
    return (struct cc_action){.kind = CC_ACTION_HANGUP};
}
