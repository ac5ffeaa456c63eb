#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>

static void __attribute__((format(printf, 2, 3)))
explain(struct cc_json_reason *reason, const char *format, ...)
{
    if (!reason)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason->text, sizeof(reason->text), format, arguments);
    va_end(arguments);
}

/* jansson recurses; its own bound is 2,048. */
static bool is_too_deep(struct cc_slice bytes)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < bytes.length; i++) {
        char c = bytes.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > CC_JSON_DEPTH_MAX)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

static enum cc_error parse(struct cc_slice bytes, size_t limit_bytes, size_t flags, json_t **out,
                           struct cc_json_reason *reason)
{
    *out = NULL;
    if (bytes.length > limit_bytes) {
        explain(reason, "longer than %zu bytes", limit_bytes);
        return CC_TOO_LARGE;
    }
    if (bytes.length == 0) {
        explain(reason, "empty, must be JSON");
        return CC_INVALID;
    }
    if (is_too_deep(bytes)) {
        explain(reason, "nested deeper than %d levels", CC_JSON_DEPTH_MAX);
        return CC_INVALID;
    }
    json_error_t error;
    *out = json_loadb(bytes.data, bytes.length, JSON_REJECT_DUPLICATES | flags, &error);
    if (*out)
        return CC_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return CC_NO_MEMORY;
    explain(reason, "not valid JSON at byte %d: %s", error.position, error.text);
    return CC_INVALID;
}

enum cc_error cc_json_parse(struct cc_slice bytes, size_t limit_bytes, json_t **out,
                            struct cc_json_reason *reason)
{
    return parse(bytes, limit_bytes, 0, out, reason);
}

enum cc_error cc_json_parse_foreign(struct cc_slice bytes, size_t limit_bytes, json_t **out,
                                    struct cc_json_reason *reason)
{
    enum cc_error error = parse(bytes, limit_bytes, 0, out, reason);
    if (error == CC_INVALID)
        error = parse(bytes, limit_bytes, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, out, reason);
    return error;
}

json_t *cc_json_at(const json_t *object, const char *path)
{
    const json_t *value = object;
    while (value) {
        size_t length = strcspn(path, ".");
        value = json_object_getn(value, path, length);
        if (path[length] == '\0')
            break;
        path += length + 1;
    }
    return (json_t *)(uintptr_t)value;
}

enum cc_error cc_json_string_at(const json_t *object, const char *path, size_t length_max,
                                struct cc_slice *out, struct cc_json_reason *reason)
{
    *out = cc_slice(NULL, 0);
    const json_t *value = cc_json_at(object, path);
    if (!value) {
        explain(reason, "%s: missing", path);
        return CC_NOT_FOUND;
    }
    size_t length = json_string_length(value);
    if (!json_is_string(value) || length == 0 || length > length_max) {
        explain(reason, "%s: must be a text of 1 to %zu bytes", path, length_max);
        return CC_INVALID;
    }
    *out = cc_slice(json_string_value(value), length);
    return CC_OK;
}

enum cc_error cc_json_integer_at(const json_t *object, const char *path, int64_t minimum,
                                 int64_t maximum, int64_t *out, struct cc_json_reason *reason)
{
    *out = 0;
    const json_t *value = cc_json_at(object, path);
    if (!value) {
        explain(reason, "%s: missing", path);
        return CC_NOT_FOUND;
    }
    int64_t integer = json_integer_value(value);
    if (!json_is_integer(value) || integer < minimum || integer > maximum) {
        explain(reason, "%s: must be an integer from %lld to %lld", path, (long long)minimum,
                (long long)maximum);
        return CC_INVALID;
    }
    *out = integer;
    return CC_OK;
}

char *cc_json_canonical(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}
