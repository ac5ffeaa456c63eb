#include "cell/directory/resource.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/names.h"

static const char *const bars[] = {"all", "incoming", "international", "outgoing", "premium"};
enum { BAR_COUNT = sizeof(bars) / sizeof(bars[0]) };

static const char *const mobile_fields[] = {"number",  "kind",      "forward_always",
                                            "barring", "caller_id", NULL};
static const char *const pbx_fields[] = {"number", "kind", "flow", "fallback_target", NULL};
static const char *const caller_id_fields[] = {"presentation", "number", NULL};

static enum cc_error refuse(struct cc_json_reason *reason, const char *field, const char *words)
{
    (void)snprintf(reason->text, sizeof(reason->text), "%s: %s", field, words);
    return CC_INVALID;
}

static struct cc_slice text_of(const json_t *value)
{
    return cc_slice(json_string_value(value), json_string_length(value));
}

static enum cc_error check_fields(json_t *object, const char *const *known,
                                  struct cc_json_reason *reason)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (!known[i])
            return refuse(reason, name, "unknown field");
    }
    return CC_OK;
}

/* A text that passes the check, or null; absent counts as null. The reference is given to to. */
static enum cc_error copy_name(const json_t *from, json_t *to, const char *field,
                               bool (*check)(struct cc_slice text), const char *words,
                               struct cc_json_reason *reason)
{
    json_t *value = json_object_get(from, field);
    if (value && !json_is_null(value) && (!json_is_string(value) || !check(text_of(value))))
        return refuse(reason, field, words);
    int failed =
        value ? json_object_set(to, field, value) : json_object_set_new(to, field, json_null());
    return failed ? CC_NO_MEMORY : CC_OK;
}

static enum cc_error copy_barring(const json_t *from, json_t *to, struct cc_json_reason *reason)
{
    const json_t *list = json_object_get(from, "barring");
    bool barred[BAR_COUNT] = {false};
    if (list && !json_is_null(list) && !json_is_array(list))
        return refuse(reason, "barring", "must be a list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t bar = 0;
        while (bar < BAR_COUNT && !cc_slice_is(text_of(json_array_get(list, i)), bars[bar]))
            bar++;
        if (bar == BAR_COUNT)
            return refuse(reason, "barring",
                          "must be of all, outgoing, incoming, international and premium");
        barred[bar] = true;
    }
    json_t *sorted = json_array();
    int failed = json_object_set_new(to, "barring", sorted);
    for (size_t bar = 0; bar < BAR_COUNT && !failed; bar++) {
        if (barred[bar])
            failed = json_array_append_new(sorted, json_string(bars[bar]));
    }
    return failed ? CC_NO_MEMORY : CC_OK;
}

static enum cc_error copy_caller_id(const json_t *from, json_t *to, struct cc_json_reason *reason)
{
    json_t *given = json_object_get(from, "caller_id");
    json_t *presentation = NULL;
    if (given && !json_is_null(given) && !json_is_object(given))
        return refuse(reason, "caller_id", "must be an object");
    if (json_is_object(given)) {
        presentation = json_object_get(given, "presentation");
        enum cc_error error = check_fields(given, caller_id_fields, reason);
        if (error)
            return error;
    }
    if (presentation && !cc_slice_is(text_of(presentation), "allowed") &&
        !cc_slice_is(text_of(presentation), "restricted"))
        return refuse(reason, "caller_id.presentation", "must be allowed or restricted");
    json_t *caller_id = json_object();
    int failed = json_object_set_new(to, "caller_id", caller_id);
    if (!failed)
        failed = presentation
                     ? json_object_set(caller_id, "presentation", presentation)
                     : json_object_set_new(caller_id, "presentation", json_string("allowed"));
    if (failed)
        return CC_NO_MEMORY;
    return copy_name(given, caller_id, "number", cc_name_is_e164,
                     "must be E.164 (+ and 2 to 15 digits) or null", reason);
}

static enum cc_error copy_mobile(json_t *from, json_t *to, struct cc_json_reason *reason)
{
    enum cc_error error = check_fields(from, mobile_fields, reason);
    if (!error)
        error = copy_name(from, to, "forward_always", cc_name_is_e164,
                          "must be E.164 (+ and 2 to 15 digits) or null", reason);
    if (!error)
        error = copy_barring(from, to, reason);
    if (!error)
        error = copy_caller_id(from, to, reason);
    return error;
}

static enum cc_error copy_pbx(json_t *from, json_t *to, struct cc_json_reason *reason)
{
    enum cc_error error = check_fields(from, pbx_fields, reason);
    if (!error)
        error = copy_name(from, to, "flow", cc_name_is_resource,
                          "must match [a-z][a-z0-9_-]{0,62} or be null", reason);
    if (!error)
        error = copy_name(from, to, "fallback_target", cc_name_is_e164,
                          "must be E.164 (+ and 2 to 15 digits) or null", reason);
    return error;
}

static enum cc_error copy_number(json_t *from, json_t *to, const struct cc_call_policy *policy,
                                 struct cc_json_reason *reason)
{
    json_t *number = json_object_get(from, "number");
    json_t *kind = json_object_get(from, "kind");
    if (!json_is_object(from))
        return refuse(reason, "number", "must be an object");
    if (!json_is_string(number) || !cc_name_is_e164(text_of(number)))
        return refuse(reason, "number", "must be E.164 (+ and 2 to 15 digits)");
    if (policy && !cc_is_national(text_of(number), policy))
        return refuse(reason, "number", "must be a number of this country");
    if (json_object_set(to, "number", number) || (kind && json_object_set(to, "kind", kind)))
        return CC_NO_MEMORY;
    if (cc_slice_is(text_of(kind), "mobile"))
        return copy_mobile(from, to, reason);
    if (cc_slice_is(text_of(kind), "pbx"))
        return copy_pbx(from, to, reason);
    return refuse(reason, "kind", "must be mobile or pbx");
}

/* seen: the numbers so far, as keys. */
static enum cc_error copy_each(const json_t *list, const struct cc_call_policy *policy,
                               json_t *documents, json_t *seen, struct cc_json_reason *reason)
{
    struct cc_json_reason inner = {{0}};
    enum cc_error error = CC_OK;
    size_t i = 0;
    for (; i < json_array_size(list) && !error; i++) {
        json_t *to = json_object();
        if (json_array_append_new(documents, to))
            return CC_NO_MEMORY;
        error = copy_number(json_array_get(list, i), to, policy, &inner);
        const char *number = json_string_value(json_object_get(to, "number"));
        if (!error && json_object_get(seen, number))
            error = refuse(&inner, "number", "stands there twice");
        if (!error && json_object_set_new(seen, number, json_true()))
            error = CC_NO_MEMORY;
    }
    if (error == CC_INVALID)
        (void)snprintf(reason->text, sizeof(reason->text), "numbers.%zu.%.120s", i - 1, inner.text);
    return error;
}

enum cc_error cell_numbers_check(const json_t *body, const struct cc_call_policy *policy,
                                 char **out, struct cc_json_reason *reason)
{
    const json_t *list = json_object_get(body, "numbers");
    *out = NULL;
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > CELL_NUMBERS_MAX)
        return refuse(reason, "numbers", "must be a list of 1 to 1000 numbers");
    json_t *documents = json_array();
    json_t *seen = json_object();
    enum cc_error error =
        documents && seen ? copy_each(list, policy, documents, seen, reason) : CC_NO_MEMORY;
    if (!error) {
        *out = json_dumps(documents, JSON_COMPACT | JSON_SORT_KEYS);
        error = *out ? CC_OK : CC_NO_MEMORY;
    }
    json_decref(documents);
    json_decref(seen);
    return error;
}
