#include "base/call_event.h"

#include <stdio.h>

#include "base/timestamp.h"

static const char *const type_names[] = {
#define X(name, text) text,
    CC_CALL_EVENT_LIST(X)
#undef X
};
static const char *const kind_names[] = {"mobile", "pbx", NULL};
static const char *const direction_names[] = {"originating", "terminating", NULL};
static const char *const status_names[] = {"completed", "busy",     "no-answer",
                                           "failed",    "canceled", NULL};
static const char *const reason_names[] = {"dtmf", "timeout", "error", NULL};

enum { EVENT_TEXT_MAX = 64, DIGITS_MAX = 64, DIALLED_MAX = 64, DEADLINE_MAX_MS = 3600 * 1000 };

/* One parse under way. Slices are first borrowed from the JSON, then copied to the arena by keep().
 */
struct parse {
    const json_t *root;
    struct cc_arena *arena;
    struct cc_call_event *event;
    struct cc_json_reason *reason;
};

static enum cc_error keep(struct cc_arena *arena, struct cc_slice *slice)
{
    if (slice->length == 0)
        return CC_OK;
    slice->data = cc_arena_copy(arena, *slice);
    return slice->data ? CC_OK : CC_NO_MEMORY;
}

static enum cc_error refuse(struct parse *parse, const char *path, const char *what)
{
    if (parse->reason)
        (void)snprintf(parse->reason->text, sizeof(parse->reason->text), "%s: %s", path, what);
    return CC_INVALID;
}

static enum cc_error required_text(struct parse *parse, const char *path, size_t length_max,
                                   struct cc_slice *out)
{
    return cc_json_string_at(parse->root, path, length_max, out, parse->reason) ? CC_INVALID
                                                                                : CC_OK;
}

static enum cc_error required_carrier_id(struct parse *parse, const char *path, size_t length_max,
                                         struct cc_slice *out)
{
    if (required_text(parse, path, length_max, out))
        return CC_INVALID;
    if (!cc_name_is_carrier_id(*out))
        return refuse(parse, path, "must be printable ASCII without space, '\"' or '\\'");
    return CC_OK;
}

/* Position of text in a NULL-terminated list, -1 when it is not there. */
static int index_of(struct cc_slice text, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        if (cc_slice_is(text, names[i]))
            return i;
    }
    return -1;
}

static enum cc_call_event_type type_of(struct cc_slice text)
{
    for (size_t i = 0; i < CC_EVENT_UNKNOWN; i++) {
        if (cc_slice_is(text, type_names[i]))
            return (enum cc_call_event_type)i;
    }
    return CC_EVENT_UNKNOWN;
}

/* Empty unless it is a string of 1 to length_max bytes that passes the check. */
static struct cc_slice optional_text(const json_t *root, const char *path, size_t length_max,
                                     bool (*check)(struct cc_slice text))
{
    struct cc_slice text;
    if (cc_json_string_at(root, path, length_max, &text, NULL) || (check && !check(text)))
        return cc_slice(NULL, 0);
    return text;
}

static int64_t optional_integer(const json_t *root, const char *path, int64_t minimum,
                                int64_t maximum)
{
    int64_t value = 0;
    return cc_json_integer_at(root, path, minimum, maximum, &value, NULL) ? 0 : value;
}

static enum cc_error parse_to(struct parse *parse)
{
    struct cc_call_event *event = parse->event;
    event->to_e164 = optional_text(parse->root, "call.to.e164", CC_E164_MAX, cc_name_is_e164);
    event->to_dialled =
        optional_text(parse->root, "call.to.dialled", DIALLED_MAX, cc_name_is_dialled);
    if (event->to_e164.length > 0 || event->to_dialled.length > 0)
        return CC_OK;
    if (cc_json_at(parse->root, "call.to.e164"))
        return refuse(parse, "call.to.e164", "must be E.164 (+ and 2 to 15 digits)");
    if (cc_json_at(parse->root, "call.to.dialled"))
        return refuse(parse, "call.to.dialled",
                      "must be 1 to 64 of digits, +, *, # or urn:service:...");
    return refuse(parse, "call.to", "must have e164 or dialled");
}

static enum cc_error parse_required(struct parse *parse)
{
    struct cc_call_event *event = parse->event;
    struct cc_slice text;
    if (required_carrier_id(parse, "event_id", CC_CARRIER_ID_MAX, &event->event_id) ||
        required_carrier_id(parse, "event", EVENT_TEXT_MAX, &event->type_text))
        return CC_INVALID;
    event->type = type_of(event->type_text);
    if (required_text(parse, "occurred_at", EVENT_TEXT_MAX, &text))
        return CC_INVALID;
    if (cc_timestamp_parse(text, &event->occurred_at_us))
        return refuse(parse, "occurred_at", "must be an RFC 3339 date and time");
    if (required_carrier_id(parse, "call.id", CC_CARRIER_ID_MAX, &event->call_id) ||
        required_text(parse, "call.kind", EVENT_TEXT_MAX, &text))
        return CC_INVALID;
    int kind = index_of(text, kind_names);
    if (kind < 0)
        return refuse(parse, "call.kind", "must be mobile or pbx");
    event->kind = (enum cc_call_kind)kind;
    if (required_text(parse, "call.direction", EVENT_TEXT_MAX, &text))
        return CC_INVALID;
    int direction = index_of(text, direction_names);
    if (direction < 0)
        return refuse(parse, "call.direction", "must be originating or terminating");
    event->direction = (enum cc_call_direction)direction;
    return parse_to(parse);
}

static bool is_presentation(struct cc_slice text)
{
    return cc_slice_is(text, "allowed") || cc_slice_is(text, "restricted");
}

static void parse_forwarded(struct parse *parse)
{
    const json_t *list = cc_json_at(parse->root, "call.forwarded_from");
    struct cc_call_event *event = parse->event;
    for (size_t i = 0; i < json_array_size(list) && event->forwarded_count < CC_FORWARDED_MAX;
         i++) {
        const json_t *item = json_array_get(list, i);
        struct cc_slice number = cc_slice(json_string_value(item), json_string_length(item));
        if (cc_name_is_e164(number))
            event->forwarded_from[event->forwarded_count++] = number;
    }
}

static bool is_dtmf(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\0' || !strchr("0123456789*#ABCD", text.data[i]))
            return false;
    }
    return text.length <= DIGITS_MAX;
}

static void parse_result(struct parse *parse)
{
    struct cc_call_event *event = parse->event;
    struct cc_slice text = optional_text(parse->root, "result.status", EVENT_TEXT_MAX, NULL);
    event->status = (enum cc_result_status)(1 + index_of(text, status_names));
    text = optional_text(parse->root, "result.reason", EVENT_TEXT_MAX, NULL);
    event->reason = (enum cc_result_reason)(1 + index_of(text, reason_names));
    const json_t *digits = cc_json_at(parse->root, "result.digits");
    if (!digits || json_is_null(digits))
        return;
    text = cc_slice(json_string_value(digits), json_string_length(digits));
    event->digits_invalid = !json_is_string(digits) || !is_dtmf(text);
    if (!event->digits_invalid)
        event->digits = text;
}

static void parse_state(struct parse *parse)
{
    const json_t *state = cc_json_at(parse->root, "state");
    size_t length = json_string_length(state);
    parse->event->state_oversized = length > CC_STATE_TEXT_MAX;
    if (length > 0 && length <= CC_STATE_TEXT_MAX)
        parse->event->state = cc_slice(json_string_value(state), length);
}

static void parse_optional(struct parse *parse)
{
    struct cc_call_event *event = parse->event;
    const json_t *root = parse->root;
    event->sequence = optional_integer(root, "sequence", 0, INT64_MAX);
    event->deadline_ms = optional_integer(root, "deadline_ms", 1, DEADLINE_MAX_MS);
    event->leg_id = optional_text(root, "call.leg_id", CC_CARRIER_ID_MAX, cc_name_is_carrier_id);
    event->from_e164 = optional_text(root, "call.from.e164", CC_E164_MAX, cc_name_is_e164);
    event->from_presentation =
        optional_text(root, "call.from.presentation", EVENT_TEXT_MAX, is_presentation);
    event->country = optional_text(root, "call.country", CC_COUNTRY_LENGTH, cc_name_is_country);
    parse_forwarded(parse);
    parse_state(parse);
    parse_result(parse);
}

static enum cc_error keep_all(struct cc_arena *arena, struct cc_call_event *event)
{
    struct cc_slice *const slices[] = {
        &event->event_id, &event->type_text,  &event->call_id,
        &event->leg_id,   &event->from_e164,  &event->from_presentation,
        &event->to_e164,  &event->to_dialled, &event->country,
        &event->state,    &event->digits};
    for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
        if (keep(arena, slices[i]))
            return CC_NO_MEMORY;
    }
    for (size_t i = 0; i < event->forwarded_count; i++) {
        if (keep(arena, &event->forwarded_from[i]))
            return CC_NO_MEMORY;
    }
    return CC_OK;
}

enum cc_error cc_call_event_parse(struct cc_slice body, struct cc_arena *arena,
                                  struct cc_call_event *out, struct cc_json_reason *reason)
{
    json_t *root = NULL;
    *out = (struct cc_call_event){0};
    enum cc_error error = cc_json_parse_foreign(body, CC_CALL_BODY_MAX, &root, reason);
    if (error)
        return error == CC_NO_MEMORY ? CC_NO_MEMORY : CC_INVALID;
    struct parse parse = {.root = root, .arena = arena, .event = out, .reason = reason};
    error = parse_required(&parse);
    if (!error) {
        parse_optional(&parse);
        error = keep_all(arena, out);
    }
    if (error)
        *out = (struct cc_call_event){0};
    json_decref(root);
    return error;
}

const char *cc_call_event_type_name(enum cc_call_event_type type)
{
    return (unsigned)type < CC_EVENT_UNKNOWN ? type_names[type] : "unknown";
}

const char *cc_call_kind_name(enum cc_call_kind kind)
{
    return kind_names[kind == CC_CALL_PBX];
}

const char *cc_call_direction_name(enum cc_call_direction direction)
{
    return direction_names[direction == CC_CALL_TERMINATING];
}

struct cc_slice cc_call_event_served(const struct cc_call_event *event)
{
    if (event->direction == CC_CALL_ORIGINATING)
        return event->from_e164;
    if (event->to_e164.length > 0)
        return event->to_e164;
    return cc_name_is_e164(event->to_dialled) ? event->to_dialled : cc_slice(NULL, 0);
}

struct cc_slice cc_call_event_dialled(const struct cc_call_event *event)
{
    return event->to_e164.length > 0 ? event->to_e164 : event->to_dialled;
}

bool cc_call_event_is_first(const struct cc_call_event *event)
{
    return event->type == CC_EVENT_CALL_INITIATED;
}
