#include "bench/webhook.h"

#include <ctype.h>
#include <stdio.h>

#include "base/timestamp.h"
#include "base/webhook_signature.h"

static bool is_given(const char *text)
{
    return text && *text;
}

void bench_webhook_path(const struct bench_webhook *webhook, struct cc_buffer *out)
{
    cc_buffer_printf(out, "/v1/%s", webhook->country);
    if (!is_given(webhook->tenant)) {
        cc_buffer_text(out, "/calls");
        return;
    }
    cc_buffer_printf(out, "/tenants/%s/calls", webhook->tenant);
    if (strcmp(webhook->event, "call.initiated") != 0)
        cc_buffer_printf(out, "/%s/events", webhook->call_id);
}

static void append_name(struct cc_buffer *out, const char *name)
{
    if (out->length > 0 && out->data[out->length - 1] != '{')
        cc_buffer_text(out, ",");
    cc_buffer_printf(out, "\"%s\":", name);
}

static void append_text(struct cc_buffer *out, const char *name, const char *value)
{
    append_name(out, name);
    cc_buffer_json_string(out, cc_slice_of(value));
}

static void append_given(struct cc_buffer *out, const char *name, const char *value)
{
    if (is_given(value))
        append_text(out, name, value);
}

static void append_call(struct cc_buffer *out, const struct bench_webhook *webhook)
{
    append_name(out, "call");
    cc_buffer_text(out, "{");
    append_text(out, "id", webhook->call_id);
    append_text(out, "kind", webhook->kind);
    append_text(out, "direction", webhook->direction);
    if (is_given(webhook->from)) {
        append_name(out, "from");
        cc_buffer_text(out, "{");
        append_text(out, "e164", webhook->from);
        cc_buffer_text(out, "}");
    }
    append_name(out, "to");
    cc_buffer_text(out, "{");
    append_given(out, "e164", webhook->to);
    append_given(out, "dialled", webhook->dialled);
    cc_buffer_text(out, "}");
    append_given(out, "country", webhook->country);
    cc_buffer_text(out, "}");
}

static void append_result(struct cc_buffer *out, const struct bench_webhook *webhook)
{
    append_name(out, "result");
    cc_buffer_text(out, "{");
    append_given(out, "status", webhook->status);
    if (webhook->digits)
        append_text(out, "digits", webhook->digits);
    append_given(out, "reason", webhook->reason);
    cc_buffer_text(out, "}");
}

void bench_webhook_body(const struct bench_webhook *webhook, struct cc_buffer *out)
{
    cc_buffer_text(out, "{");
    append_text(out, "event_id", webhook->event_id);
    append_name(out, "sequence");
    cc_buffer_integer(out, webhook->sequence);
    append_text(out, "event", webhook->event);
    append_text(out, "occurred_at", webhook->occurred_at);
    append_call(out, webhook);
    append_given(out, "state", webhook->state);
    if (is_given(webhook->status) || webhook->digits || is_given(webhook->reason))
        append_result(out, webhook);
    cc_buffer_text(out, "}");
}

enum cc_error bench_secret_parse(struct cc_slice text, struct bench_secret *out)
{
    while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1]))
        text.length--;
    while (text.length > 0 && isspace((unsigned char)text.data[0])) {
        text.data++;
        text.length--;
    }
    return cc_webhook_secret_parse(text, out->bytes, sizeof(out->bytes), &out->length);
}

enum cc_error bench_webhook_sign(const char *event_id, struct cc_slice body,
                                 const struct bench_secret *secret, int64_t time_us,
                                 struct bench_signature *out)
{
    snprintf(out->timestamp, sizeof(out->timestamp), "%lld", (long long)(time_us / CC_SECOND_US));
    struct cc_webhook webhook = {
        .id = cc_slice_of(event_id), .timestamp = cc_slice_of(out->timestamp), .body = body};
    return cc_webhook_sign(&webhook, cc_slice((const char *)secret->bytes, secret->length),
                           out->text);
}
