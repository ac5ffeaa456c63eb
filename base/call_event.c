#include "base/call_event.h"

#include <stdio.h>

#include "base/json_view.h"
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

enum {
    EVENT_TEXT_MAX = 64,
    DIGITS_MAX = 64,
    DIALLED_MAX = 64,
    DEADLINE_MAX_MS = 3600 * 1000,
    PATH_ROOM = 64
};

/* A value of the body: in the view or in the tree; NULL in both: absent. */
struct part {
    const struct cc_json_view_value *seen;
    const json_t *tree;
    const char *path; /* of an object, with a dot at its end: "call." */
};

/* One parse under way. Slices are first borrowed from the body or the tree, then copied to the
 * arena by keep_all(). */
struct parse {
    const struct cc_json_view *view; /* NULL: parts stand in the tree */
    struct part root;
    struct part call;
    struct part from;
    struct part to;
    struct part result;
    bool escaped; /* a text of ours has escapes, which the view does not undo */
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

/* ---- values, wherever they stand ---- */

static struct part part_of(const struct parse *parse, struct part object, struct cc_slice name)
{
    if (parse->view)
        return (struct part){.seen = cc_json_view_find(parse->view, object.seen, name)};
    return (struct part){.tree = json_object_getn(object.tree, name.data, name.length)};
}

static bool is_there(struct part part)
{
    return part.seen || part.tree;
}

static bool is_null(struct part part)
{
    return part.seen ? part.seen->kind == CC_JSON_VIEW_NULL : json_is_null(part.tree);
}

/* False: it is no text. */
static bool text_of(struct parse *parse, struct part part, struct cc_slice *out)
{
    *out = cc_slice(NULL, 0);
    if (part.seen && part.seen->kind == CC_JSON_VIEW_ESCAPED)
        parse->escaped = true;
    if (part.seen ? part.seen->kind != CC_JSON_VIEW_TEXT : !json_is_string(part.tree))
        return false;
    *out = part.seen ? part.seen->text
                     : cc_slice(json_string_value(part.tree), json_string_length(part.tree));
    return true;
}

/* False: it is no integer. */
static bool integer_of(struct part part, int64_t *out)
{
    *out = 0;
    if (part.seen ? part.seen->kind != CC_JSON_VIEW_INTEGER : !json_is_integer(part.tree))
        return false;
    *out = part.seen ? part.seen->integer : json_integer_value(part.tree);
    return true;
}

/* Items of the tree are reached by their index, those of the view by the one before. */
static struct part item_of(const struct parse *parse, struct part array, struct part before,
                           size_t index)
{
    size_t seen = 0;
    if (!parse->view)
        return (struct part){.tree = json_array_get(array.tree, index)};
    if (before.seen)
        seen = before.seen->next;
    else if (array.seen && array.seen->kind == CC_JSON_VIEW_ARRAY)
        seen = array.seen->first;
    return (struct part){.seen = seen > 0 ? &parse->view->values[seen] : NULL};
}

static struct part object_of(const struct parse *parse, struct part parent, struct cc_slice name,
                             const char *path)
{
    struct part object = part_of(parse, parent, name);
    object.path = path;
    return object;
}

static void find_objects(struct parse *parse)
{
    parse->root.path = "";
    parse->call = object_of(parse, parse->root, CC_SLICE_LITERAL("call"), "call.");
    parse->from = object_of(parse, parse->call, CC_SLICE_LITERAL("from"), "call.from.");
    parse->to = object_of(parse, parse->call, CC_SLICE_LITERAL("to"), "call.to.");
    parse->result = object_of(parse, parse->root, CC_SLICE_LITERAL("result"), "result.");
}

/* ---- fields ---- */

static enum cc_error required_text(struct parse *parse, struct part object, struct cc_slice name,
                                   size_t length_max, struct cc_slice *out)
{
    char path[PATH_ROOM];
    struct part part = part_of(parse, object, name);
    if (text_of(parse, part, out) && out->length > 0 && out->length <= length_max)
        return CC_OK;
    if (!parse->reason)
        return CC_INVALID;
    (void)snprintf(path, sizeof(path), "%s%s", object.path, name.data);
    if (!is_there(part))
        return refuse(parse, path, "missing");
    (void)snprintf(parse->reason->text, sizeof(parse->reason->text),
                   "%s: must be a text of 1 to %zu bytes", path, length_max);
    return CC_INVALID;
}

static enum cc_error required_carrier_id(struct parse *parse, struct part object,
                                         struct cc_slice name, size_t length_max,
                                         struct cc_slice *out)
{
    char path[PATH_ROOM];
    if (required_text(parse, object, name, length_max, out))
        return CC_INVALID;
    if (cc_name_is_carrier_id(*out))
        return CC_OK;
    (void)snprintf(path, sizeof(path), "%s%s", object.path, name.data);
    return refuse(parse, path, "must be printable ASCII without space, '\"' or '\\'");
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
static struct cc_slice optional_text(struct parse *parse, struct part object, struct cc_slice name,
                                     size_t length_max, bool (*check)(struct cc_slice text))
{
    struct cc_slice text;
    if (!text_of(parse, part_of(parse, object, name), &text) || text.length == 0 ||
        text.length > length_max || (check && !check(text)))
        return cc_slice(NULL, 0);
    return text;
}

static int64_t optional_integer(struct parse *parse, struct cc_slice name, int64_t minimum,
                                int64_t maximum)
{
    int64_t value = 0;
    if (!integer_of(part_of(parse, parse->root, name), &value) || value < minimum ||
        value > maximum)
        return 0;
    return value;
}

static enum cc_error parse_to(struct parse *parse)
{
    struct cc_call_event *event = parse->event;
    event->to_e164 =
        optional_text(parse, parse->to, CC_SLICE_LITERAL("e164"), CC_E164_MAX, cc_name_is_e164);
    event->to_dialled = optional_text(parse, parse->to, CC_SLICE_LITERAL("dialled"), DIALLED_MAX,
                                      cc_name_is_dialled);
    if (event->to_e164.length > 0 || event->to_dialled.length > 0)
        return CC_OK;
    if (is_there(part_of(parse, parse->to, CC_SLICE_LITERAL("e164"))))
        return refuse(parse, "call.to.e164", "must be E.164 (+ and 2 to 15 digits)");
    if (is_there(part_of(parse, parse->to, CC_SLICE_LITERAL("dialled"))))
        return refuse(parse, "call.to.dialled",
                      "must be 1 to 64 of digits, +, *, # or urn:service:...");
    return refuse(parse, "call.to", "must have e164 or dialled");
}

static enum cc_error parse_required(struct parse *parse)
{
    struct cc_call_event *event = parse->event;
    struct part root = parse->root, call = parse->call;
    struct cc_slice text;
    if (required_carrier_id(parse, root, CC_SLICE_LITERAL("event_id"), CC_CARRIER_ID_MAX,
                            &event->event_id) ||
        required_carrier_id(parse, root, CC_SLICE_LITERAL("event"), EVENT_TEXT_MAX,
                            &event->type_text))
        return CC_INVALID;
    event->type = type_of(event->type_text);
    if (required_text(parse, root, CC_SLICE_LITERAL("occurred_at"), EVENT_TEXT_MAX, &text))
        return CC_INVALID;
    if (cc_timestamp_parse(text, &event->occurred_at_us))
        return refuse(parse, "occurred_at", "must be an RFC 3339 date and time");
    if (required_carrier_id(parse, call, CC_SLICE_LITERAL("id"), CC_CARRIER_ID_MAX,
                            &event->call_id) ||
        required_text(parse, call, CC_SLICE_LITERAL("kind"), EVENT_TEXT_MAX, &text))
        return CC_INVALID;
    int kind = index_of(text, kind_names);
    if (kind < 0)
        return refuse(parse, "call.kind", "must be mobile or pbx");
    event->kind = (enum cc_call_kind)kind;
    if (required_text(parse, call, CC_SLICE_LITERAL("direction"), EVENT_TEXT_MAX, &text))
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
    struct part list = part_of(parse, parse->call, CC_SLICE_LITERAL("forwarded_from"));
    struct cc_call_event *event = parse->event;
    struct part item = item_of(parse, list, (struct part){0}, 0);
    for (size_t i = 1; is_there(item) && event->forwarded_count < CC_FORWARDED_MAX; i++) {
        struct cc_slice number;
        if (text_of(parse, item, &number) && cc_name_is_e164(number))
            event->forwarded_from[event->forwarded_count++] = number;
        item = item_of(parse, list, item, i);
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
    struct cc_slice text =
        optional_text(parse, parse->result, CC_SLICE_LITERAL("status"), EVENT_TEXT_MAX, NULL);
    event->status = (enum cc_result_status)(1 + index_of(text, status_names));
    text = optional_text(parse, parse->result, CC_SLICE_LITERAL("reason"), EVENT_TEXT_MAX, NULL);
    event->reason = (enum cc_result_reason)(1 + index_of(text, reason_names));
    struct part digits = part_of(parse, parse->result, CC_SLICE_LITERAL("digits"));
    if (!is_there(digits) || is_null(digits))
        return;
    event->digits_invalid = !text_of(parse, digits, &text) || !is_dtmf(text);
    if (!event->digits_invalid)
        event->digits = text;
}

static void parse_state(struct parse *parse)
{
    struct cc_slice text;
    (void)text_of(parse, part_of(parse, parse->root, CC_SLICE_LITERAL("state")), &text);
    parse->event->state_oversized = text.length > CC_STATE_TEXT_MAX;
    if (text.length > 0 && text.length <= CC_STATE_TEXT_MAX)
        parse->event->state = text;
}

static void parse_optional(struct parse *parse)
{
    struct cc_call_event *event = parse->event;
    struct part call = parse->call, from = parse->from;
    event->sequence = optional_integer(parse, CC_SLICE_LITERAL("sequence"), 0, INT64_MAX);
    event->deadline_ms =
        optional_integer(parse, CC_SLICE_LITERAL("deadline_ms"), 1, DEADLINE_MAX_MS);
    event->leg_id = optional_text(parse, call, CC_SLICE_LITERAL("leg_id"), CC_CARRIER_ID_MAX,
                                  cc_name_is_carrier_id);
    event->from_e164 =
        optional_text(parse, from, CC_SLICE_LITERAL("e164"), CC_E164_MAX, cc_name_is_e164);
    event->from_presentation = optional_text(parse, from, CC_SLICE_LITERAL("presentation"),
                                             EVENT_TEXT_MAX, is_presentation);
    event->country = optional_text(parse, call, CC_SLICE_LITERAL("country"), CC_COUNTRY_LENGTH,
                                   cc_name_is_country);
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

static enum cc_error read_event(struct parse *parse, struct cc_arena *arena)
{
    *parse->event = (struct cc_call_event){0};
    find_objects(parse);
    enum cc_error error = parse_required(parse);
    if (!error) {
        parse_optional(parse);
        error = parse->escaped ? CC_INVALID : keep_all(arena, parse->event);
    }
    if (error)
        *parse->event = (struct cc_call_event){0};
    return error;
}

enum cc_error cc_call_event_parse_ordinary(struct cc_slice body, struct cc_arena *arena,
                                           struct cc_call_event *out)
{
    struct cc_json_view view;
    *out = (struct cc_call_event){0};
    if (body.length > CC_CALL_BODY_MAX || !cc_json_view_read(body, &view))
        return CC_INVALID;
    struct parse parse = {.view = &view, .root.seen = &view.values[0], .event = out};
    return read_event(&parse, arena);
}

enum cc_error cc_call_event_parse_any(struct cc_slice body, struct cc_arena *arena,
                                      struct cc_call_event *out, struct cc_json_reason *reason)
{
    json_t *root = NULL;
    *out = (struct cc_call_event){0};
    enum cc_error error = cc_json_parse_foreign(body, CC_CALL_BODY_MAX, &root, reason);
    if (error)
        return error == CC_NO_MEMORY ? CC_NO_MEMORY : CC_INVALID;
    struct parse parse = {.root.tree = root, .event = out, .reason = reason};
    error = read_event(&parse, arena);
    json_decref(root);
    return error;
}

enum cc_error cc_call_event_parse(struct cc_slice body, struct cc_arena *arena,
                                  struct cc_call_event *out, struct cc_json_reason *reason)
{
    enum cc_error error = cc_call_event_parse_ordinary(body, arena, out);
    return error == CC_INVALID ? cc_call_event_parse_any(body, arena, out, reason) : error;
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
