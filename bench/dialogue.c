#include "bench/dialogue.h"

#include <stdio.h>

#include "base/timestamp.h"

enum { ANSWER_MAX = 256 * 1024, SCRIPT_MAX = 16 * 1024 };

static enum cc_error copy_text(struct cc_slice text, char *out, size_t size)
{
    if (text.length >= size)
        return CC_TOO_LARGE;
    memcpy(out, text.data, text.length);
    out[text.length] = '\0';
    return CC_OK;
}

static enum cc_error read_field(const json_t *object, const char *name, char *out, size_t size,
                                struct cc_json_reason *reason)
{
    const json_t *value = json_object_get(object, name);
    if (!value || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
        return CC_OK;
    struct cc_slice text = {0};
    enum cc_error error = cc_json_string_at(object, name, size - 1, &text, reason);
    return error ? error : copy_text(text, out, size);
}

static enum cc_error read_inputs(const json_t *object, struct bench_script *out)
{
    const json_t *inputs = json_object_get(object, "inputs");
    if (json_array_size(inputs) > BENCH_INPUTS_MAX)
        return CC_TOO_LARGE;
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *item = json_array_get(inputs, i);
        struct cc_slice text = cc_slice(json_string_value(item), json_string_length(item));
        if (!text.data || copy_text(text, out->inputs[i], sizeof(out->inputs[i])))
            return CC_INVALID;
        out->input_count++;
    }
    return CC_OK;
}

static enum cc_error read_script(const json_t *object, struct bench_script *out,
                                 struct cc_json_reason *reason)
{
    const struct {
        const char *name;
        char *out;
        size_t size;
    } fields[] = {
        {"call_id", out->call_id, sizeof(out->call_id)},
        {"tenant", out->tenant, sizeof(out->tenant)},
        {"kind", out->kind, sizeof(out->kind)},
        {"direction", out->direction, sizeof(out->direction)},
        {"from", out->from, sizeof(out->from)},
        {"to", out->to, sizeof(out->to)},
        {"dialled", out->dialled, sizeof(out->dialled)},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        enum cc_error error =
            read_field(object, fields[i].name, fields[i].out, fields[i].size, reason);
        if (error)
            return error;
    }
    char occurred_at[64] = "";
    enum cc_error error =
        read_field(object, "occurred_at", occurred_at, sizeof(occurred_at), reason);
    if (!error && *occurred_at)
        error = cc_timestamp_parse(cc_slice_of(occurred_at), &out->occurred_at_us);
    return error ? error : read_inputs(object, out);
}

enum cc_error bench_script_parse(struct cc_slice line, const char *country,
                                 struct bench_script *out, struct cc_json_reason *reason)
{
    *out = (struct bench_script){.kind = "mobile", .direction = "terminating"};
    snprintf(out->country, sizeof(out->country), "%s", country);
    json_t *object = NULL;
    enum cc_error error = cc_json_parse(line, SCRIPT_MAX, &object, reason);
    if (error)
        return error;
    error = read_script(object, out, reason);
    json_decref(object);
    return error;
}

enum cc_error bench_script_inputs(const char *list, struct bench_script *out)
{
    out->input_count = 0;
    for (const char *at = list; at && *list;) {
        if (out->input_count == BENCH_INPUTS_MAX)
            return CC_TOO_LARGE;
        const char *comma = strchr(at, ',');
        struct cc_slice item = comma ? cc_slice(at, (size_t)(comma - at)) : cc_slice_of(at);
        enum cc_error error =
            copy_text(item, out->inputs[out->input_count], sizeof(out->inputs[0]));
        if (error)
            return error;
        out->input_count++;
        at = comma ? comma + 1 : NULL;
    }
    return CC_OK;
}

void bench_dialogue_start(struct bench_dialogue *dialogue, const struct bench_script *script)
{
    *dialogue = (struct bench_dialogue){.sequence = 1, .event = "call.initiated"};
    dialogue->script = *script;
}

struct bench_webhook bench_dialogue_webhook(struct bench_dialogue *dialogue, int64_t now_us)
{
    const struct bench_script *script = &dialogue->script;
    int64_t time_us = script->occurred_at_us
                          ? script->occurred_at_us + (dialogue->sequence - 1) * CC_SECOND_US
                          : now_us;
    cc_timestamp_format(time_us, dialogue->occurred_at);
    if (dialogue->sequence == 1 && strcmp(dialogue->event, "call.initiated") != 0)
        snprintf(dialogue->event_id, sizeof(dialogue->event_id), "%s.%s", script->call_id,
                 dialogue->event);
    else
        snprintf(dialogue->event_id, sizeof(dialogue->event_id), "%s.%lld", script->call_id,
                 (long long)dialogue->sequence);
    return (struct bench_webhook){
        .country = script->country,
        .tenant = script->tenant,
        .kind = script->kind,
        .direction = script->direction,
        .from = script->from,
        .to = script->to,
        .dialled = script->dialled,
        .call_id = script->call_id,
        .event_id = dialogue->event_id,
        .event = dialogue->event,
        .occurred_at = dialogue->occurred_at,
        .sequence = dialogue->sequence,
        .state = dialogue->state,
        .status = dialogue->status,
        .digits = dialogue->digits,
        .reason = dialogue->reason,
    };
}

static const char *take_input(struct bench_dialogue *dialogue)
{
    if (dialogue->next_input >= dialogue->script.input_count)
        return NULL;
    return dialogue->script.inputs[dialogue->next_input++];
}

static void gather_completed(struct bench_dialogue *dialogue, const char *input)
{
    bool dialled = *input && strcmp(input, "timeout") != 0;
    dialogue->event = "gather.completed";
    dialogue->digits = dialled ? input : "";
    dialogue->reason = dialled ? "dtmf" : "timeout";
}

static void dial_completed(struct bench_dialogue *dialogue, const char *input)
{
    dialogue->event = "dial.completed";
    dialogue->status = input;
}

static void react(struct bench_dialogue *dialogue, const json_t *actions)
{
    const json_t *last = json_array_get(actions, json_array_size(actions) - 1);
    const json_t *connect = json_object_get(last, "connect");
    bool asks = connect && json_object_get(connect, "on_busy");
    if (!asks && !json_object_get(last, "gather"))
        return;
    const char *input = take_input(dialogue);
    if (!input)
        return;
    if (asks)
        dial_completed(dialogue, input);
    else
        gather_completed(dialogue, input);
}

static void keep_state(struct bench_dialogue *dialogue, const json_t *state)
{
    const char *text = json_string_value(state);
    snprintf(dialogue->state, sizeof(dialogue->state), "%s", text ? text : "");
}

static void go_on(struct bench_dialogue *dialogue)
{
    dialogue->ended = strcmp(dialogue->event, "call.completed") == 0;
    dialogue->sequence++;
    dialogue->event = "call.completed";
    dialogue->status = dialogue->digits = dialogue->reason = NULL;
}

void bench_dialogue_answered(struct bench_dialogue *dialogue, struct cc_slice body)
{
    go_on(dialogue);
    if (dialogue->ended)
        return;
    json_t *answer = NULL;
    if (cc_json_parse(body, ANSWER_MAX, &answer, NULL))
        return;
    keep_state(dialogue, json_object_get(answer, "state"));
    react(dialogue, json_object_get(answer, "actions"));
    json_decref(answer);
}

void bench_dialogue_unanswered(struct bench_dialogue *dialogue)
{
    go_on(dialogue);
}
