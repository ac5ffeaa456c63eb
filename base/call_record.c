#include "base/call_record.h"

#include "base/timestamp.h"

static void key(struct cc_buffer *out, const char *name)
{
    if (out->length > 0 && out->data[out->length - 1] != '{')
        cc_buffer_text(out, ",");
    cc_buffer_text(out, "\"");
    cc_buffer_text(out, name);
    cc_buffer_text(out, "\":");
}

/* Empty: null. */
static void text(struct cc_buffer *out, const char *name, struct cc_slice value)
{
    key(out, name);
    if (value.length > 0)
        cc_buffer_json_string(out, value);
    else
        cc_buffer_text(out, "null");
}

static void integer(struct cc_buffer *out, const char *name, int64_t value)
{
    key(out, name);
    cc_buffer_integer(out, value);
}

static void time_at(struct cc_buffer *out, const char *name, int64_t time_us)
{
    char formatted[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(time_us, formatted);
    text(out, name, cc_slice_of(formatted));
}

static void render_event(const struct cc_call_event *event, struct cc_buffer *out)
{
    text(out, "event_id", event->event_id);
    text(out, "event", event->type_text);
    time_at(out, "occurred_at", event->occurred_at_us);
    text(out, "call_id", event->call_id);
    text(out, "kind", cc_slice_of(cc_call_kind_name(event->kind)));
    text(out, "direction", cc_slice_of(cc_call_direction_name(event->direction)));
    text(out, "from", event->from_e164);
    text(out, "to", cc_call_event_dialled(event));
    integer(out, "sequence", event->sequence);
}

void cc_call_record_render(const struct cc_call_record *record, struct cc_buffer *out)
{
    cc_buffer_text(out, "{");
    text(out, "tenant", record->tenant);
    render_event(record->event, out);
    text(out, "source", record->source);
    text(out, "decision_id", record->decision_id);
    integer(out, "plan_version", record->plan_version);
    text(out, "flow", record->flow_id);
    integer(out, "flow_version", record->flow_version);
    text(out, "carrier_key", record->carrier_key);
    text(out, "giver", record->giver);
    integer(out, "attempt", record->attempt);
    text(out, "request_id", record->request_id);
    key(out, "delivered");
    cc_buffer_text(out, record->delivered ? "true" : "false");
    time_at(out, "received_at", record->received_at_us);
    integer(out, "processing_us", record->processing_us);
    key(out, "actions");
    if (record->actions_json.length > 0)
        cc_buffer_append(out, record->actions_json);
    else
        cc_answer_render_actions(record->actions, record->action_count, out);
    cc_buffer_text(out, "}");
}
