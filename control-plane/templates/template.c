#include "control-plane/templates/template.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/names.h"

struct reader {
    yaml_document_t document;
    const char *file;
    struct cc_arena *arena;
    struct cc_buffer *errors;
    struct cp_template *out;
    struct cc_slice country;
    bool found;
};

static void fault(struct reader *reader, const yaml_node_t *node, const char *key, const char *what)
{
    cc_buffer_printf(reader->errors, "%s:%zu: %s: %s\n", reader->file, node->start_mark.line + 1,
                     key, what);
}

static struct cc_slice text_of(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE
               ? cc_slice((const char *)node->data.scalar.value, node->data.scalar.length)
               : cc_slice(NULL, 0);
}

static bool is_digits(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.length > 0;
}

static void read_integer(struct reader *reader, const yaml_node_t *node, const char *key,
                         int64_t minimum, int64_t maximum, int64_t *out)
{
    struct cc_slice text = text_of(node);
    char copy[16] = "";
    if (text.length >= sizeof(copy) || !is_digits(text)) {
        fault(reader, node, key, "must be a whole number");
        return;
    }
    memcpy(copy, text.data, text.length);
    *out = strtoll(copy, NULL, 10);
    if (*out < minimum || *out > maximum)
        cc_buffer_printf(reader->errors, "%s:%zu: %s: must be %lld to %lld, is %lld\n",
                         reader->file, node->start_mark.line + 1, key, (long long)minimum,
                         (long long)maximum, (long long)*out);
}

static struct cc_slice keep(struct reader *reader, const yaml_node_t *node)
{
    struct cc_slice text = text_of(node);
    const char *copy = cc_arena_copy(reader->arena, text);
    return copy ? cc_slice(copy, text.length) : cc_slice(NULL, 0);
}

typedef bool (*text_check)(struct cc_slice text);

static bool is_country_code(struct cc_slice text)
{
    return is_digits(text) && text.length <= 3 && text.data[0] != '0';
}

static bool is_national_prefix(struct cc_slice text)
{
    return text.length == 0 || (is_digits(text) && text.length <= 3);
}

static bool is_emergency_number(struct cc_slice text)
{
    return is_digits(text) && text.length >= 2 && text.length <= 8;
}

static bool is_e164_prefix(struct cc_slice text)
{
    return text.length >= 2 && text.length <= CC_E164_MAX && text.data[0] == '+' &&
           is_digits(cc_slice(text.data + 1, text.length - 1));
}

static void read_text(struct reader *reader, const yaml_node_t *node, const char *key,
                      text_check check, const char *what, struct cc_slice *out)
{
    if (node->type != YAML_SCALAR_NODE || !check(text_of(node)))
        fault(reader, node, key, what);
    else
        *out = keep(reader, node);
}

static void read_list(struct reader *reader, const yaml_node_t *node, const char *key,
                      text_check check, const char *what, const struct cc_slice **out,
                      size_t *count)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        fault(reader, node, key, "must be a list");
        return;
    }
    struct cc_slice *items =
        cc_arena_alloc(reader->arena, CP_TEMPLATE_LIST_MAX * sizeof(struct cc_slice));
    size_t length = 0;
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         items && item < node->data.sequence.items.top; item++) {
        yaml_node_t *entry = yaml_document_get_node(&reader->document, *item);
        if (length == CP_TEMPLATE_LIST_MAX || entry->type != YAML_SCALAR_NODE ||
            !check(text_of(entry)))
            fault(reader, entry, key, length == CP_TEMPLATE_LIST_MAX ? "too many entries" : what);
        else
            items[length++] = keep(reader, entry);
    }
    *out = items;
    *count = length;
}

typedef void (*key_reader)(struct reader *reader, const char *path, struct cc_slice key,
                           const yaml_node_t *value);

static void each_key(struct reader *reader, const yaml_node_t *node, const char *path,
                     key_reader read)
{
    if (node->type != YAML_MAPPING_NODE) {
        fault(reader, node, path, "must be a mapping");
        return;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
        struct cc_slice name = text_of(key);
        struct cc_slice full = cc_arena_printf(reader->arena, "%s%s%.*s", path, *path ? "." : "",
                                               (int)name.length, name.data ? name.data : "");
        read(reader, full.data ? full.data : "", name, value);
    }
}

static void read_policy_key(struct reader *reader, const char *path, struct cc_slice key,
                            const yaml_node_t *value)
{
    struct cc_call_policy *policy = &reader->out->policy;
    if (cc_slice_is(key, "country_code"))
        read_text(reader, value, path, is_country_code,
                  "must be 1 to 3 digits, not starting with 0", &policy->country_code);
    else if (cc_slice_is(key, "national_prefix"))
        read_text(reader, value, path, is_national_prefix, "must be at most 3 digits",
                  &policy->national_prefix);
    else if (cc_slice_is(key, "emergency"))
        read_list(reader, value, path, is_emergency_number, "each must be 2 to 8 digits",
                  &policy->emergency, &policy->emergency_count);
    else if (cc_slice_is(key, "barred_prefixes"))
        read_list(reader, value, path, is_e164_prefix, "each must be + and 1 to 15 digits",
                  &policy->barred_prefixes, &policy->barred_count);
    else
        fault(reader, value, path, "unknown key");
}

static void read_country_key(struct reader *reader, const char *path, struct cc_slice key,
                             const yaml_node_t *value)
{
    if (!cc_name_is_country(key)) {
        fault(reader, value, path, "a country is two lower-case letters");
        return;
    }
    /* Every country is checked, only the one asked for is kept. */
    struct cc_call_policy before = reader->out->policy;
    struct cc_call_policy common = before;
    common.country_code = common.national_prefix = cc_slice(NULL, 0);
    common.emergency_count = common.barred_count = 0;
    reader->out->policy = common;
    each_key(reader, value, path, read_policy_key);
    const struct cc_call_policy *read = &reader->out->policy;
    if (read->country_code.length == 0 || read->emergency_count == 0)
        fault(reader, value, path, "needs country_code and emergency");
    if (cc_slice_equal(key, reader->country))
        reader->found = true;
    else
        reader->out->policy = before;
}

static void read_top_key(struct reader *reader, const char *path, struct cc_slice key,
                         const yaml_node_t *value)
{
    struct cp_template *out = reader->out;
    if (cc_slice_is(key, "workers"))
        read_integer(reader, value, path, 1, 2, &out->workers);
    else if (cc_slice_is(key, "redis_megabytes"))
        read_integer(reader, value, path, 16, 1 << 20, &out->redis_megabytes);
    else if (cc_slice_is(key, "postgres_megabytes"))
        read_integer(reader, value, path, 16, 1 << 20, &out->postgres_megabytes);
    else if (cc_slice_is(key, "spool_megabytes"))
        read_integer(reader, value, path, 1, 1 << 20, &out->spool_megabytes);
    else if (cc_slice_is(key, "call_plans_max"))
        read_integer(reader, value, path, 1, 100000000, &out->call_plans_max);
    else if (cc_slice_is(key, "countries"))
        each_key(reader, value, path, read_country_key);
    else
        fault(reader, value, path, "unknown key");
}

static void read_document(struct reader *reader)
{
    struct cp_template *out = reader->out;
    yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (!root) {
        cc_buffer_printf(reader->errors, "%s:1: the template is empty\n", reader->file);
        return;
    }
    each_key(reader, root, "", read_top_key);
    if (!out->workers || !out->redis_megabytes || !out->postgres_megabytes ||
        !out->spool_megabytes || !out->call_plans_max)
        fault(
            reader, root, "template",
            "needs workers, redis_megabytes, postgres_megabytes, spool_megabytes, call_plans_max");
}

enum cc_error cp_template_load(struct cc_slice yaml, const char *file_name, struct cc_slice country,
                               struct cc_arena *arena, struct cp_template *out,
                               struct cc_buffer *errors)
{
    *out = (struct cp_template){0};
    struct reader reader = {
        .file = file_name, .arena = arena, .errors = errors, .out = out, .country = country};
    if (yaml.length > CP_TEMPLATE_BYTES_MAX)
        return CC_TOO_LARGE;
    size_t before = errors->length;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return CC_NO_MEMORY;
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.data, yaml.length);
    if (yaml_parser_load(&parser, &reader.document)) {
        read_document(&reader);
        yaml_document_delete(&reader.document);
    } else {
        cc_buffer_printf(errors, "%s:%zu: %s\n", file_name, parser.problem_mark.line + 1,
                         parser.problem ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
    if (errors->length > before)
        return CC_INVALID;
    return reader.found ? CC_OK : CC_NOT_FOUND;
}
