#include "cell/model/call_plan.h"

#include <stdio.h>
#include <stdlib.h>

enum { RESOURCE_MAX = 63, VALUE_MAX_BYTES = CELL_FLOW_BYTES_MAX + 64 * 1024 };

/* The plan comes first: a pointer to it is a pointer to the whole. */
struct held_plan {
    struct cell_call_plan plan;
    size_t references;
    struct cell_flow *flow;
    char tenant[CC_TENANT_MAX];
    char number[CC_E164_MAX];
    char fallback_target[CC_E164_MAX];
    char forward_always[CC_E164_MAX];
    char caller_id[CC_E164_MAX];
    char flow_id[RESOURCE_MAX];
};

static const struct {
    const char *name;
    unsigned bit;
} bars[] = {
    {"all", CELL_BAR_ALL},           {"outgoing", CELL_BAR_OUTGOING},
    {"incoming", CELL_BAR_INCOMING}, {"international", CELL_BAR_INTERNATIONAL},
    {"premium", CELL_BAR_PREMIUM},
};
enum { BAR_COUNT = sizeof(bars) / sizeof(bars[0]) };

static enum cc_error refuse(struct cc_json_reason *reason, const char *path, const char *words)
{
    if (reason)
        (void)snprintf(reason->text, sizeof(reason->text), "%s: %s", path, words);
    return CC_INVALID;
}

/* A text that passes the check, copied to room (maximum bytes). Absent or null: CC_NOT_FOUND. */
static enum cc_error read_name(const json_t *root, const char *path, size_t maximum,
                               bool (*check)(struct cc_slice text), char *room,
                               struct cc_slice *out, struct cc_json_reason *reason)
{
    const json_t *value = cc_json_at(root, path);
    struct cc_slice text = cc_slice(json_string_value(value), json_string_length(value));
    if (!value || json_is_null(value)) {
        (void)refuse(reason, path, "missing");
        return CC_NOT_FOUND;
    }
    if (!json_is_string(value) || text.length > maximum || !check(text))
        return refuse(reason, path, "has a wrong form");
    memcpy(room, text.data, text.length);
    *out = cc_slice(room, text.length);
    return CC_OK;
}

static enum cc_error required(enum cc_error error)
{
    return error == CC_NOT_FOUND ? CC_INVALID : error;
}

static enum cc_error optional(enum cc_error error)
{
    return error == CC_NOT_FOUND ? CC_OK : error;
}

static enum cc_error read_bar(const json_t *item, unsigned *barring, struct cc_json_reason *reason)
{
    struct cc_slice name = cc_slice(json_string_value(item), json_string_length(item));
    for (size_t i = 0; i < BAR_COUNT; i++) {
        if (!cc_slice_is(name, bars[i].name))
            continue;
        *barring |= bars[i].bit;
        return CC_OK;
    }
    return refuse(reason, "mobile.barring",
                  "must be of all, outgoing, incoming, international and premium");
}

static enum cc_error read_barring(const json_t *root, unsigned *barring,
                                  struct cc_json_reason *reason)
{
    const json_t *list = cc_json_at(root, "mobile.barring");
    if (!list || json_is_null(list))
        return CC_OK;
    if (!json_is_array(list))
        return refuse(reason, "mobile.barring", "must be a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        enum cc_error error = read_bar(json_array_get(list, i), barring, reason);
        if (error)
            return error;
    }
    return CC_OK;
}

static enum cc_error read_presentation(const json_t *root, bool *restricted,
                                       struct cc_json_reason *reason)
{
    const json_t *value = cc_json_at(root, "mobile.caller_id.presentation");
    struct cc_slice text = cc_slice(json_string_value(value), json_string_length(value));
    if (!value)
        return CC_OK;
    *restricted = cc_slice_is(text, "restricted");
    if (!*restricted && !cc_slice_is(text, "allowed"))
        return refuse(reason, "mobile.caller_id.presentation", "must be allowed or restricted");
    return CC_OK;
}

static enum cc_error read_mobile(const json_t *root, struct held_plan *held,
                                 struct cc_json_reason *reason)
{
    struct cell_call_plan *plan = &held->plan;
    enum cc_error error = CC_OK;
    if (!json_is_object(cc_json_at(root, "mobile")))
        return refuse(reason, "mobile", "must be an object");
    error = optional(read_name(root, "mobile.forward_always", CC_E164_MAX, cc_name_is_e164,
                               held->forward_always, &plan->forward_always, reason));
    if (!error)
        error = read_barring(root, &plan->barring, reason);
    if (!error)
        error = read_presentation(root, &plan->caller_id_restricted, reason);
    if (!error)
        error = optional(read_name(root, "mobile.caller_id.number", CC_E164_MAX, cc_name_is_e164,
                                   held->caller_id, &plan->caller_id, reason));
    return error;
}

/* The compiler's reason, with the way to the programme in front. */
static enum cc_error compile_program(const json_t *root, const struct cell_zones *zones,
                                     struct held_plan *held, struct cc_json_reason *reason)
{
    struct cc_json_reason inner = {""};
    const json_t *program = cc_json_at(root, "flow.program");
    enum cc_error error = CC_OK;
    if (!program)
        return refuse(reason, "flow.program", "missing");
    error = cell_flow_compile(program, zones, &held->flow, &inner);
    if (error == CC_INVALID)
        return refuse(reason, "flow.program", inner.text);
    return error;
}

static enum cc_error read_flow(const json_t *root, const struct cell_zones *zones,
                               struct held_plan *held, struct cc_json_reason *reason)
{
    struct cell_call_plan *plan = &held->plan;
    const json_t *flow = cc_json_at(root, "flow");
    enum cc_error error = CC_OK;
    if (!flow || json_is_null(flow))
        return CC_OK;
    error = required(read_name(root, "flow.id", RESOURCE_MAX, cc_name_is_resource, held->flow_id,
                               &plan->flow_id, reason));
    if (!error)
        error = required(
            cc_json_integer_at(root, "flow.version", 1, INT64_MAX, &plan->flow_version, reason));
    if (!error)
        error = compile_program(root, zones, held, reason);
    plan->flow = held->flow;
    return error;
}

static enum cc_error read_pbx(const json_t *root, const struct cell_zones *zones,
                              struct held_plan *held, struct cc_json_reason *reason)
{
    enum cc_error error =
        optional(read_name(root, "fallback_target", CC_E164_MAX, cc_name_is_e164,
                           held->fallback_target, &held->plan.fallback_target, reason));
    return error ? error : read_flow(root, zones, held, reason);
}

static enum cc_error read_head(const json_t *root, struct held_plan *held,
                               struct cc_json_reason *reason)
{
    struct cell_call_plan *plan = &held->plan;
    int64_t format = 0;
    enum cc_error error = cc_json_integer_at(root, "format", 1, 1, &format, reason);
    if (!error)
        error = cc_json_integer_at(root, "row_version", 0, INT64_MAX, &plan->row_version, reason);
    if (!error)
        error = read_name(root, "tenant", CC_TENANT_MAX, cc_name_is_tenant, held->tenant,
                          &plan->tenant, reason);
    if (!error)
        error = read_name(root, "number", CC_E164_MAX, cc_name_is_e164, held->number, &plan->number,
                          reason);
    return required(error);
}

static enum cc_error read_plan(const json_t *root, const struct cell_zones *zones,
                               struct held_plan *held, struct cc_json_reason *reason)
{
    const json_t *kind = cc_json_at(root, "kind");
    struct cc_slice name = cc_slice(json_string_value(kind), json_string_length(kind));
    enum cc_error error = read_head(root, held, reason);
    if (error)
        return error;
    if (cc_slice_is(name, "mobile")) {
        held->plan.kind = CC_CALL_MOBILE;
        return read_mobile(root, held, reason);
    }
    if (cc_slice_is(name, "pbx")) {
        held->plan.kind = CC_CALL_PBX;
        return read_pbx(root, zones, held, reason);
    }
    return refuse(reason, "kind", "must be mobile or pbx");
}

enum cc_error cell_call_plan_parse(struct cc_slice value, const struct cell_zones *zones,
                                   struct cell_call_plan **out, struct cc_json_reason *reason)
{
    json_t *root = NULL;
    struct held_plan *held = NULL;
    enum cc_error error = CC_OK;
    *out = NULL;
    error = cc_json_parse(value, VALUE_MAX_BYTES, &root, reason);
    if (error)
        return error;
    held = calloc(1, sizeof(*held));
    error = held ? read_plan(root, zones, held, reason) : CC_NO_MEMORY;
    json_decref(root);
    if (error) {
        if (held)
            cell_flow_free(held->flow);
        free(held);
        return error;
    }
    held->references = 1;
    held->plan.memory_bytes = sizeof(*held) + (held->flow ? cell_flow_memory_bytes(held->flow) : 0);
    *out = &held->plan;
    return CC_OK;
}

struct cell_call_plan *cell_call_plan_ref(struct cell_call_plan *plan)
{
    struct held_plan *held = (struct held_plan *)plan;
    held->references++;
    return plan;
}

void cell_call_plan_unref(struct cell_call_plan *plan)
{
    struct held_plan *held = (struct held_plan *)plan;
    if (!held || --held->references > 0)
        return;
    cell_flow_free(held->flow);
    free(held);
}
