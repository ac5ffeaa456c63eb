#include "cell/flows/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Reading the fields of a flow document, so that every refusal names node and field. */

enum { TEXT_MAX_BYTES = 2000, LANGUAGE_MAX_BYTES = 35 };

enum cc_error cell_refuse(struct cell_compiler *compiler, const char *field, const char *format,
                          ...)
{
    const char *path = compiler->path;
    char *text = compiler->reason ? compiler->reason->text : NULL;
    bool named = field || path[0];
    int used = 0;
    va_list arguments;
    if (!text)
        return CC_INVALID;
    used = snprintf(text, CC_JSON_REASON_MAX, "%s%s%.64s%s", path, field && path[0] ? "." : "",
                    field ? field : "", named ? ": " : "");
    if (used < 0 || used >= CC_JSON_REASON_MAX)
        return CC_INVALID;
    va_start(arguments, format);
    (void)vsnprintf(text + used, CC_JSON_REASON_MAX - (size_t)used, format, arguments);
    va_end(arguments);
    return CC_INVALID;
}

static bool is_listed(const char *name, const char *const *fields)
{
    for (; *fields; fields++) {
        if (strcmp(name, *fields) == 0)
            return true;
    }
    return false;
}

enum cc_error cell_read_fields(struct cell_compiler *compiler, const char *const *fields)
{
    json_t *object = (json_t *)(uintptr_t)compiler->json; /* jansson's iterators take no const */
    if (!json_is_object(object))
        return cell_refuse(compiler, NULL, "must be an object");
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        if (!is_listed(json_object_iter_key(at), fields))
            return cell_refuse(compiler, json_object_iter_key(at), "unknown field");
    }
    return CC_OK;
}

static void __attribute__((format(printf, 4, 5)))
descend(struct cell_compiler *compiler, const json_t *to, struct cell_compiler_place *back,
        const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(compiler->path);
    *back = (struct cell_compiler_place){compiler->json, length};
    va_start(arguments, format);
    (void)vsnprintf(compiler->path + length, sizeof(compiler->path) - length, format, arguments);
    va_end(arguments);
    compiler->json = to;
}

enum cc_error cell_read_enter(struct cell_compiler *compiler, const char *field,
                              struct cell_compiler_place *back)
{
    const json_t *value = json_object_get(compiler->json, field);
    if (!value)
        return cell_refuse(compiler, field, "missing");
    descend(compiler, value, back, "%s%s", compiler->path[0] ? "." : "", field);
    return CC_OK;
}

void cell_read_enter_element(struct cell_compiler *compiler, size_t index,
                             struct cell_compiler_place *back)
{
    descend(compiler, json_array_get(compiler->json, index), back, "[%zu]", index);
}

void cell_read_leave(struct cell_compiler *compiler, struct cell_compiler_place back)
{
    compiler->json = back.json;
    compiler->path[back.path_length] = '\0';
}

enum cc_error cell_read_text(struct cell_compiler *compiler, const char *field, bool required,
                             size_t minimum, size_t maximum, struct cc_slice *out)
{
    const json_t *value = json_object_get(compiler->json, field);
    size_t length = json_string_length(value);
    char *copy = NULL;
    *out = cc_slice(NULL, 0);
    if (!value)
        return required ? cell_refuse(compiler, field, "missing") : CC_OK;
    if (!json_is_string(value) || length < minimum || length > maximum)
        return cell_refuse(compiler, field, "must be a text of %zu to %zu bytes", minimum, maximum);
    copy = cell_flow_alloc(compiler->flow, length + 1);
    if (!copy)
        return CC_NO_MEMORY;
    memcpy(copy, json_string_value(value), length);
    *out = cc_slice(copy, length);
    return CC_OK;
}

enum cc_error cell_read_integer(struct cell_compiler *compiler, const char *field, int64_t minimum,
                                int64_t maximum, int64_t *out)
{
    const json_t *value = json_object_get(compiler->json, field);
    int64_t number = json_integer_value(value);
    if (!value)
        return CC_OK;
    if (!json_is_integer(value) || number < minimum || number > maximum)
        return cell_refuse(compiler, field, "must be an integer from %lld to %lld",
                           (long long)minimum, (long long)maximum);
    *out = number;
    return CC_OK;
}

static uint16_t find_node(const struct cell_flow *flow, struct cc_slice id)
{
    struct cell_node wanted = {.id = id};
    const struct cell_node *found =
        bsearch(&wanted, flow->nodes, flow->node_count, sizeof(wanted), cell_node_order);
    return found ? (uint16_t)(found - flow->nodes) : CELL_NODE_NONE;
}

static enum cc_error add_edge(struct cell_compiler *compiler, uint16_t to)
{
    if (compiler->edge_count == compiler->edge_capacity) {
        size_t capacity = compiler->edge_capacity ? 2 * compiler->edge_capacity : 64;
        struct cell_edge *edges = reallocarray(compiler->edges, capacity, sizeof(*compiler->edges));
        if (!edges)
            return CC_NO_MEMORY;
        compiler->edges = edges;
        compiler->edge_capacity = capacity;
    }
    compiler->edges[compiler->edge_count++] = (struct cell_edge){compiler->node, to};
    return CC_OK;
}

enum cc_error cell_read_reference(struct cell_compiler *compiler, const char *field, bool required,
                                  uint16_t *out)
{
    const json_t *value = json_object_get(compiler->json, field);
    *out = CELL_NODE_NONE;
    if (!value)
        return required ? cell_refuse(compiler, field, "missing") : CC_OK;
    if (!json_is_string(value))
        return cell_refuse(compiler, field, "must be the id of a node");
    *out = find_node(compiler->flow, cc_slice(json_string_value(value), json_string_length(value)));
    if (*out == CELL_NODE_NONE)
        return cell_refuse(compiler, field, "no node \"%.63s\"", json_string_value(value));
    return compiler->node == CELL_NODE_NONE ? CC_OK : add_edge(compiler, *out);
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The outer form of BCP 47: subtags of 1 to 8 letters and digits, joined by hyphens. */
static bool is_language(struct cc_slice text)
{
    size_t subtag = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool hyphen = text.data[i] == '-';
        if (hyphen ? subtag == 0 : !is_alphanumeric(text.data[i]) || subtag == 8)
            return false;
        subtag = hyphen ? 0 : subtag + 1;
    }
    return subtag > 0 && text.length >= 2;
}

static bool is_url(struct cc_slice text)
{
    size_t scheme = cc_slice_starts_with(text, CC_SLICE_LITERAL("http://"))    ? 7
                    : cc_slice_starts_with(text, CC_SLICE_LITERAL("https://")) ? 8
                                                                               : 0;
    if (scheme == 0 || text.length == scheme || text.data[scheme] == '/')
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

enum cc_error cell_read_say(struct cell_compiler *compiler, struct cc_prompt *out)
{
    enum cc_error error = cell_read_text(compiler, "text", true, 1, TEXT_MAX_BYTES, &out->say_text);
    if (!error)
        error =
            cell_read_text(compiler, "language", false, 2, LANGUAGE_MAX_BYTES, &out->say_language);
    if (error)
        return error;
    if (out->say_language.length == 0)
        out->say_language = CC_SLICE_LITERAL("en");
    if (!is_language(out->say_language))
        return cell_refuse(compiler, "language", "must be a BCP 47 language tag");
    return CC_OK;
}

enum cc_error cell_read_play(struct cell_compiler *compiler, struct cc_prompt *out)
{
    enum cc_error error = cell_read_text(compiler, "url", true, 1, TEXT_MAX_BYTES, &out->play_url);
    if (!error && !is_url(out->play_url))
        error = cell_refuse(compiler, "url", "must be an http or https URL");
    return error;
}

enum cc_error cell_read_prompt(struct cell_compiler *compiler, struct cc_prompt *out)
{
    static const char *const kinds[] = {"say", "play", NULL};
    static const char *const say_fields[] = {"text", "language", NULL};
    static const char *const play_fields[] = {"url", NULL};
    bool plays = json_object_get(compiler->json, "play");
    struct cell_compiler_place back;
    enum cc_error error = cell_read_fields(compiler, kinds);
    if (!error && json_object_size(compiler->json) != 1)
        error = cell_refuse(compiler, NULL, "must have either say or play");
    if (!error)
        error = cell_read_enter(compiler, plays ? "play" : "say", &back);
    if (!error)
        error = cell_read_fields(compiler, plays ? play_fields : say_fields);
    if (!error)
        error = plays ? cell_read_play(compiler, out) : cell_read_say(compiler, out);
    if (!error)
        cell_read_leave(compiler, back);
    return error;
}
