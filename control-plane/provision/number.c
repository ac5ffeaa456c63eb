#include "control-plane/provision/number.h"

#include <stdio.h>

static enum cc_error refuse(struct cc_json_reason *reason, const char *field, const char *what)
{
    (void)snprintf(reason->text, sizeof(reason->text), "%s: %s", field, what);
    return CC_INVALID;
}

static enum cc_error check_e164(const json_t *document, const char *path,
                                struct cc_json_reason *reason)
{
    const json_t *value = cc_json_at(document, path);
    if (!value || json_is_null(value))
        return CC_OK;
    if (!json_is_string(value) || !cc_name_is_e164(cc_slice_of(json_string_value(value))))
        return refuse(reason, path, "must be E.164 (+ and 2 to 15 digits)");
    return CC_OK;
}

static bool is_bar(const json_t *value)
{
    static const char *const known[] = {"all", "incoming", "outgoing", "international", "premium"};
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i], text) == 0)
            return true;
    }
    return false;
}

static enum cc_error check_fields(const json_t *document, const char *const *known, size_t count,
                                  struct cc_json_reason *reason)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)document, key, value)
    {
        size_t i = 0;
        while (i < count && strcmp(known[i], key) != 0)
            i++;
        if (i == count)
            return refuse(reason, key, "unknown field of this kind of number");
    }
    return CC_OK;
}

static enum cc_error check_mobile(const json_t *document, struct cc_json_reason *reason)
{
    static const char *const known[] = {"number", "kind", "forward_always", "barring", "caller_id"};
    enum cc_error error = check_fields(document, known, 5, reason);
    if (!error)
        error = check_e164(document, "forward_always", reason);
    if (!error)
        error = check_e164(document, "caller_id.number", reason);
    const json_t *barring = cc_json_at(document, "barring");
    for (size_t i = 0; !error && i < json_array_size(barring); i++) {
        if (!is_bar(json_array_get(barring, i)))
            error = refuse(reason, "barring",
                           "each must be all, incoming, outgoing, international or premium");
    }
    const char *shown = json_string_value(cc_json_at(document, "caller_id.presentation"));
    if (!error && shown && strcmp(shown, "allowed") != 0 && strcmp(shown, "restricted") != 0)
        error = refuse(reason, "caller_id.presentation", "must be allowed or restricted");
    return error;
}

static enum cc_error check_pbx(const json_t *document, struct cc_json_reason *reason)
{
    static const char *const known[] = {"number", "kind", "flow", "fallback_target"};
    enum cc_error error = check_fields(document, known, 4, reason);
    const char *flow = json_string_value(cc_json_at(document, "flow"));
    if (!error && (!flow || !cc_name_is_resource(cc_slice_of(flow))))
        error = refuse(reason, "flow", "a pbx number needs a flow ([a-z][a-z0-9_-]{0,62})");
    return error ? error : check_e164(document, "fallback_target", reason);
}

enum cc_error cp_number_check_country(const char *number, const char *country,
                                      const struct cc_call_policy *policy,
                                      struct cc_json_reason *reason)
{
    struct cc_slice code = policy->country_code;
    if (cc_is_national(cc_slice_of(number), policy))
        return CC_OK;
    (void)snprintf(reason->text, sizeof(reason->text),
                   "%s is no number of %s: +%.*s, and behind it the number as from abroad", number,
                   country, (int)code.length, code.data);
    return CC_INVALID;
}

enum cc_error cp_number_check(const json_t *document, struct cc_json_reason *reason)
{
    const char *number = json_string_value(cc_json_at(document, "number"));
    const char *kind = json_string_value(cc_json_at(document, "kind"));
    if (!number || !cc_name_is_e164(cc_slice_of(number)))
        return refuse(reason, "number", "must be E.164 (+ and 2 to 15 digits)");
    if (kind && strcmp(kind, "mobile") == 0)
        return check_mobile(document, reason);
    if (kind && strcmp(kind, "pbx") == 0)
        return check_pbx(document, reason);
    return refuse(reason, "kind", "must be mobile or pbx");
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *split(const char *texts)
{
    json_t *list = json_array();
    for (const char *at = texts; at && *at;) {
        size_t length = strcspn(at, ",");
        json_array_append_new(list, json_stringn(at, length));
        at += length + (at[length] == ',');
    }
    return list;
}

static json_t *mobile(const char *number, const struct cp_number_options *options)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:{s:s, s:o}}", "number", number, "kind", "mobile",
                     "forward_always", text_or_null(options->forward_always), "barring",
                     split(options->barring), "caller_id", "presentation",
                     options->hide_caller_id ? "restricted" : "allowed", "number",
                     text_or_null(options->caller_id));
}

static enum cc_error check_options(const struct cp_number_options *options,
                                   struct cc_json_reason *reason)
{
    bool pbx = options->kind && strcmp(options->kind, "pbx") == 0;
    if (pbx && (options->forward_always || options->barring || options->caller_id ||
                options->hide_caller_id))
        return refuse(reason, "--kind pbx", "takes --flow and --fallback, not mobile options");
    if (!pbx && (options->flow || options->fallback))
        return refuse(reason, "--kind mobile", "takes no --flow and no --fallback");
    return CC_OK;
}

enum cc_error cp_number_document(const char *number, const struct cp_number_options *options,
                                 json_t **out, struct cc_json_reason *reason)
{
    *out = NULL;
    enum cc_error error = check_options(options, reason);
    if (error)
        return error;
    json_t *document =
        options->kind && strcmp(options->kind, "mobile") == 0
            ? mobile(number, options)
            : json_pack("{s:s, s:s, s:o, s:o}", "number", number, "kind",
                        options->kind ? options->kind : "", "flow", text_or_null(options->flow),
                        "fallback_target", text_or_null(options->fallback));
    if (!document)
        return refuse(reason, "number", "must be UTF-8");
    error = cp_number_check(document, reason);
    if (error)
        json_decref(document);
    else
        *out = document;
    return error;
}
