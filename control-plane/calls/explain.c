#include "control-plane/calls/explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"

enum { SLOW_US = 250 * 1000 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static bool says(const json_t *object, const char *key, const char *value)
{
    return strcmp(text_of(object, key), value) == 0;
}

static void append_target(struct cc_buffer *out, const json_t *target)
{
    static const char *const keys[] = {"e164", "dialled", "sip", "user"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (json_object_get(target, keys[i]))
            cc_buffer_text(out, text_of(target, keys[i]));
    }
    if (*text_of(target, "caller_id"))
        cc_buffer_printf(out, " showing %s", text_of(target, "caller_id"));
}

static void append_connect(struct cc_buffer *out, const json_t *connect)
{
    const json_t *targets = json_object_get(connect, "targets");
    cc_buffer_text(out, "connect to ");
    for (size_t i = 0; i < json_array_size(targets); i++) {
        cc_buffer_text(out, i > 0 ? ", " : "");
        append_target(out, json_array_get(targets, i));
    }
    if (json_array_size(targets) > 1 && *text_of(connect, "strategy"))
        cc_buffer_printf(out, " (%s)", text_of(connect, "strategy"));
    if (number_of(connect, "timeout_s") > 0)
        cc_buffer_printf(out, ", ringing %lld s", number_of(connect, "timeout_s"));
}

static void append_prompt(struct cc_buffer *out, const json_t *prompt)
{
    const json_t *say = json_object_get(prompt, "say");
    const json_t *play = json_object_get(prompt, "play");
    if (say)
        cc_buffer_printf(out, "say \"%s\"", text_of(say, "text"));
    else if (play)
        cc_buffer_printf(out, "play %s", text_of(play, "url"));
}

static void append_gather(struct cc_buffer *out, const json_t *gather)
{
    append_prompt(out, json_object_get(gather, "prompt"));
    cc_buffer_printf(out, " and take %lld to %lld digits within %lld s", number_of(gather, "min"),
                     number_of(gather, "max"), number_of(gather, "timeout_s"));
}

static void append_reject(struct cc_buffer *out, const json_t *reject)
{
    cc_buffer_printf(out, "reject with SIP %lld, Q.850 %lld", number_of(reject, "sip_code"),
                     number_of(reject, "q850"));
    if (*text_of(reject, "reason"))
        cc_buffer_printf(out, " (%s)", text_of(reject, "reason"));
}

static void append_action(struct cc_buffer *out, const json_t *action)
{
    const char *name = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)action));
    const json_t *value = json_object_get(action, name ? name : "");
    if (!name)
        cc_buffer_text(out, "an action without a name");
    else if (strcmp(name, "connect") == 0)
        append_connect(out, value);
    else if (strcmp(name, "gather") == 0)
        append_gather(out, value);
    else if (strcmp(name, "say") == 0 || strcmp(name, "play") == 0)
        append_prompt(out, action);
    else if (strcmp(name, "reject") == 0)
        append_reject(out, value);
    else if (strcmp(name, "hangup") == 0)
        cc_buffer_text(out, "hang up");
    else
        cc_buffer_text(out, name);
}

void cp_explain_actions(const json_t *actions, struct cc_buffer *out)
{
    if (json_array_size(actions) == 0)
        cc_buffer_text(out, "nothing to do");
    for (size_t i = 0; i < json_array_size(actions); i++) {
        cc_buffer_text(out, i > 0 ? "; then " : "");
        append_action(out, json_array_get(actions, i));
    }
}

static void add(json_t *odd, const char *text)
{
    json_array_append_new(odd, json_string(text));
}

static void find_odd_source(const json_t *event, json_t *odd)
{
    if (says(event, "source", "edge"))
        add(odd, "answered by the edge itself: an emergency call, or no worker answered in time");
    else if (says(event, "source", "disk"))
        add(odd, "from the worker's disk: Redis and Postgres did not answer in time");
    else if (says(event, "source", "primary"))
        add(odd, "from the primary: neither Redis nor a replica had the call plan in time");
    if (says(event, "source", "unknown") || says(event, "decision_id", "unknown"))
        add(odd, "several decisions were made for this event, and no edge says which one left");
    if (number_of(event, "attempt") > 1)
        add(odd, "second attempt: the first worker did not answer in time");
    if (number_of(event, "processing_us") > SLOW_US)
        add(odd, "slow: the worker took longer than 250 ms");
}

static void find_odd_order(const json_t *event, const json_t *previous, json_t *odd)
{
    if (!previous)
        return;
    if (number_of(event, "sequence") <= number_of(previous, "sequence"))
        add(odd, "the carrier's sequence number did not rise");
    if (number_of(event, "plan_version") > 0 &&
        number_of(event, "plan_version") < number_of(previous, "plan_version"))
        add(odd, "an older call plan than the event before");
    if (*text_of(event, "flow") && says(previous, "flow", text_of(event, "flow")) &&
        number_of(event, "flow_version") != number_of(previous, "flow_version"))
        add(odd, "another version of the flow than the event before");
    if (says(previous, "event_id", text_of(event, "event_id")))
        add(odd, "the same event once more");
}

static int64_t time_of(const json_t *event, const char *key)
{
    int64_t time_us = 0;
    return cc_timestamp_parse(cc_slice_of(text_of(event, key)), &time_us) ? 0 : time_us;
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By the carrier's clock: those of workers and edges may differ. */
static int by_age(const void *left, const void *right)
{
    const json_t *a = *(json_t *const *)left, *b = *(json_t *const *)right;
    int order = compare(time_of(a, "occurred_at"), time_of(b, "occurred_at"));
    order = order ? order : compare(number_of(a, "sequence"), number_of(b, "sequence"));
    order = order ? order : compare(time_of(a, "received_at"), time_of(b, "received_at"));
    return order ? order : strcmp(text_of(a, "event_id"), text_of(b, "event_id"));
}

static void sort(json_t *events)
{
    size_t count = json_array_size(events);
    json_t **items = count > 1 ? calloc(count, sizeof(json_t *)) : NULL;
    for (size_t i = 0; items && i < count; i++)
        items[i] = json_incref(json_array_get(events, i));
    if (items)
        qsort((void *)items, count, sizeof(json_t *), by_age);
    for (size_t i = 0; items && i < count; i++)
        json_array_set_new(events, i, items[i]);
    free((void *)items);
}

void cp_explain_events(json_t *events)
{
    const json_t *previous = NULL;
    sort(events);
    for (size_t i = 0; i < json_array_size(events); i++) {
        json_t *event = json_array_get(events, i), *odd = json_array();
        struct cc_buffer words;
        cc_buffer_init(&words, 0);
        cp_explain_actions(json_object_get(event, "actions"), &words);
        json_object_set_new(event, "words",
                            json_stringn(words.data ? words.data : "", words.length));
        cc_buffer_deinit(&words);
        find_odd_source(event, odd);
        find_odd_order(event, previous, odd);
        if (json_object_get(event, "where"))
            add(odd, "not yet in Postgres");
        json_object_set_new(event, "odd", odd);
        previous = event;
    }
}

static void append_event(struct cc_buffer *out, const json_t *event)
{
    const json_t *odd = json_object_get(event, "odd");
    cc_buffer_printf(out, "%s  %s\n", text_of(event, "occurred_at"), text_of(event, "event"));
    cc_buffer_printf(out, "    asked     %s from %s to %s, by carrier key %s, event %s\n",
                     text_of(event, "direction"), text_of(event, "from"), text_of(event, "to"),
                     text_of(event, "carrier_key"), text_of(event, "event_id"));
    cc_buffer_printf(out, "    answered  %s\n", text_of(event, "words"));
    cc_buffer_printf(out, "    by        %s at %s, attempt %lld, from %s, plan version %lld",
                     text_of(event, "giver"), text_of(event, "received_at"),
                     number_of(event, "attempt"), text_of(event, "source"),
                     number_of(event, "plan_version"));
    if (*text_of(event, "flow"))
        cc_buffer_printf(out, ", flow %s version %lld", text_of(event, "flow"),
                         number_of(event, "flow_version"));
    cc_buffer_printf(out, ", in %.1f ms\n", (double)number_of(event, "processing_us") / 1000.0);
    cc_buffer_printf(
        out, "    decision  %s%s\n", text_of(event, "decision_id"),
        json_is_true(json_object_get(event, "delivered")) ? ", delivered (an edge says so)" : "");
    if (json_object_get(event, "where"))
        cc_buffer_printf(out, "    where     %s\n", text_of(event, "where"));
    for (size_t i = 0; i < json_array_size(odd); i++)
        cc_buffer_printf(out, "    ODD       %s\n", json_string_value(json_array_get(odd, i)));
}

void cp_explain_text(const json_t *call, struct cc_buffer *out)
{
    const json_t *events = json_object_get(call, "events");
    cc_buffer_printf(out, "call %s of tenant %s (%s), cell %s: %zu events\n", text_of(call, "call"),
                     text_of(call, "tenant"), text_of(call, "country"), text_of(call, "cell"),
                     json_array_size(events));
    char *number = json_dumps(json_object_get(call, "number"), JSON_COMPACT | JSON_SORT_KEYS);
    if (number)
        cc_buffer_printf(out, "number as it is now: %s\n", number);
    free(number);
    for (size_t i = 0; i < json_array_size(events); i++)
        append_event(out, json_array_get(events, i));
}
