#include "control-plane/templates/template.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/names.h"
#include "control-plane/templates/template_keys.h"

/* Where a key in force was said; file NULL: nowhere. */
struct origin {
    const char *file;
    size_t line;
};

struct country {
    struct cc_slice code;
    struct origin first; /* where it was first named */
    struct cp_template_country values;
    struct origin origins[CP_TEMPLATE_KEYS_MAX];
};

struct reader {
    const struct cp_template_source *source;
    struct cc_arena *arena;
    struct cc_buffer *errors;
    struct cp_template *out;
    struct origin origins[CP_TEMPLATE_KEYS_MAX];
    struct country *countries;
    size_t country_count;
    const char *chain[CP_TEMPLATE_DEPTH_MAX]; /* names, the one asked for first */
    size_t depth;
};

/* One file of the chain. */
struct page {
    struct reader *reader;
    yaml_document_t document;
    const char *file;
};

static void fault(struct page *page, const yaml_node_t *node, const char *key, const char *what)
{
    cc_buffer_printf(page->reader->errors, "%s:%zu: %s: %s\n", page->file,
                     node->start_mark.line + 1, key, what);
}

static const char *format(struct page *page, const char *before, const char *text)
{
    struct cc_slice whole = cc_arena_printf(page->reader->arena, "%s%s", before, text);
    return whole.data ? whole.data : "";
}

static struct cc_slice text_of(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE
               ? cc_slice((const char *)node->data.scalar.value, node->data.scalar.length)
               : cc_slice(NULL, 0);
}

static struct cc_slice keep(struct page *page, const yaml_node_t *node)
{
    struct cc_slice text = text_of(node);
    const char *copy = cc_arena_copy(page->reader->arena, text);
    return copy ? cc_slice(copy, text.length) : cc_slice(NULL, 0);
}

static bool is_whole_number(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.length > 0 && text.length < 16;
}

static void read_integer(struct page *page, const yaml_node_t *node, const char *path,
                         const struct cp_template_key *key, int64_t *out)
{
    struct cc_slice text = text_of(node);
    char copy[16] = "";
    if (!is_whole_number(text)) {
        fault(page, node, path, "must be a whole number");
        return;
    }
    memcpy(copy, text.data, text.length);
    *out = strtoll(copy, NULL, 10);
    if (*out < key->minimum || *out > key->maximum)
        cc_buffer_printf(page->reader->errors, "%s:%zu: %s: must be %lld to %lld, is %lld\n",
                         page->file, node->start_mark.line + 1, path, (long long)key->minimum,
                         (long long)key->maximum, (long long)*out);
}

static void read_boolean(struct page *page, const yaml_node_t *node, const char *path, bool *out)
{
    struct cc_slice text = text_of(node);
    if (!cc_slice_is(text, "true") && !cc_slice_is(text, "false"))
        fault(page, node, path, "must be true or false");
    *out = cc_slice_is(text, "true");
}

static void read_text(struct page *page, const yaml_node_t *node, const char *path,
                      const struct cp_template_key *key, struct cc_slice *out)
{
    if (node->type != YAML_SCALAR_NODE || !key->check(text_of(node)))
        fault(page, node, path, format(page, "must be ", key->shape));
    else
        *out = keep(page, node);
}

static void read_list(struct page *page, const yaml_node_t *node, const char *path,
                      const struct cp_template_key *key, const struct cc_slice **out, size_t *count)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        fault(page, node, path, "must be a list");
        return;
    }
    struct cc_slice *items =
        cc_arena_alloc(page->reader->arena, CP_TEMPLATE_LIST_MAX * sizeof(*items));
    size_t length = 0;
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         items && item < node->data.sequence.items.top; item++) {
        yaml_node_t *entry = yaml_document_get_node(&page->document, *item);
        if (length == CP_TEMPLATE_LIST_MAX)
            fault(page, entry, path, "too many entries");
        else if (entry->type != YAML_SCALAR_NODE || !key->check(text_of(entry)))
            fault(page, entry, path, format(page, "each must be ", key->shape));
        else
            items[length++] = keep(page, entry);
    }
    if (!key->preset && node->data.sequence.items.start == node->data.sequence.items.top)
        fault(page, node, path, "must not be empty");
    *out = items;
    *count = length;
}

static void read_value(struct page *page, const yaml_node_t *node, const char *path,
                       const struct cp_template_key *key, void *target)
{
    char *at = (char *)target + key->offset;
    switch (key->kind) {
    case CP_TEMPLATE_INTEGER:
        read_integer(page, node, path, key, (int64_t *)(void *)at);
        break;
    case CP_TEMPLATE_BOOLEAN:
        read_boolean(page, node, path, (bool *)(void *)at);
        break;
    case CP_TEMPLATE_TEXT:
        read_text(page, node, path, key, (struct cc_slice *)(void *)at);
        break;
    case CP_TEMPLATE_LIST:
        read_list(page, node, path, key, (const struct cc_slice **)(void *)at,
                  (size_t *)(void *)((char *)target + key->count_offset));
        break;
    }
}

/* What a mapping's keys are read into. */
struct target {
    const struct cp_template_key *keys;
    size_t key_count;
    void *values;
    struct origin *origins;
};

typedef void (*pair_reader)(struct page *page, const char *path, struct cc_slice name,
                            const yaml_node_t *key, const yaml_node_t *value, void *context);

static bool seen_before(struct page *page, const yaml_node_t *node, const yaml_node_pair_t *pair)
{
    struct cc_slice name = text_of(yaml_document_get_node(&page->document, pair->key));
    for (const yaml_node_pair_t *at = node->data.mapping.pairs.start; at < pair; at++) {
        if (cc_slice_equal(text_of(yaml_document_get_node(&page->document, at->key)), name))
            return true;
    }
    return false;
}

static void each_pair(struct page *page, const yaml_node_t *node, const char *path,
                      pair_reader read, void *context)
{
    if (node->type != YAML_MAPPING_NODE) {
        fault(page, node, *path ? path : "template", "must be a mapping");
        return;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(&page->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(&page->document, pair->value);
        struct cc_slice name = text_of(key);
        struct cc_slice full =
            cc_arena_printf(page->reader->arena, "%s%s%.*s", path, *path ? "." : "",
                            (int)name.length, name.data ? name.data : "");
        const char *whole = full.data ? full.data : "";
        if (seen_before(page, node, pair))
            fault(page, key, whole, "stands there twice");
        else
            read(page, whole, name, key, value, context);
    }
}

/* False when the target has no such key. */
static bool read_key(struct page *page, const char *path, struct cc_slice name,
                     const yaml_node_t *value, struct target *target)
{
    for (size_t i = 0; i < target->key_count; i++) {
        if (!cc_slice_is(name, target->keys[i].name))
            continue;
        read_value(page, value, path, &target->keys[i], target->values);
        target->origins[i] = (struct origin){page->file, value->start_mark.line + 1};
        return true;
    }
    return false;
}

static void read_country_key(struct page *page, const char *path, struct cc_slice name,
                             const yaml_node_t *key, const yaml_node_t *value, void *context)
{
    if (!read_key(page, path, name, value, context))
        fault(page, key, path, "unknown key");
}

static struct country *find_country(struct reader *reader, struct cc_slice code)
{
    for (size_t i = 0; i < reader->country_count; i++) {
        if (cc_slice_equal(reader->countries[i].code, code))
            return &reader->countries[i];
    }
    return NULL;
}

static void read_country(struct page *page, const char *path, struct cc_slice name,
                         const yaml_node_t *key, const yaml_node_t *value, void *context)
{
    struct reader *reader = page->reader;
    (void)context;
    if (!cc_name_is_country(name)) {
        fault(page, key, path, "a country is two lower-case letters");
        return;
    }
    struct country *country = find_country(reader, name);
    if (!country && reader->country_count == CP_TEMPLATE_COUNTRIES_MAX) {
        fault(page, key, path, "too many countries");
        return;
    }
    if (!country) {
        country = &reader->countries[reader->country_count++];
        country->code = keep(page, key);
        country->first = (struct origin){page->file, key->start_mark.line + 1};
    }
    struct target target = {cp_country_keys, cp_country_key_count, &country->values,
                            country->origins};
    each_pair(page, value, path, read_country_key, &target);
}

static void read_top_key(struct page *page, const char *path, struct cc_slice name,
                         const yaml_node_t *key, const yaml_node_t *value, void *context)
{
    if (cc_slice_is(name, "extends"))
        return; /* read before all others */
    if (cc_slice_is(name, "countries"))
        each_pair(page, value, path, read_country, NULL);
    else if (!read_key(page, path, name, value, context))
        fault(page, key, path, "unknown key");
}

static const yaml_node_t *parent_node(struct page *page, const yaml_node_t *root)
{
    if (root->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        if (cc_slice_is(text_of(yaml_document_get_node(&page->document, pair->key)), "extends"))
            return yaml_document_get_node(&page->document, pair->value);
    }
    return NULL;
}

static enum cc_error read_template(struct reader *reader, const char *name);

static void read_parent(struct page *page, const yaml_node_t *node)
{
    struct reader *reader = page->reader;
    if (!cc_name_is_resource(text_of(node))) {
        fault(page, node, "extends", "must be the name of a template");
        return;
    }
    const char *parent = keep(page, node).data;
    for (size_t i = 0; i < reader->depth; i++) {
        if (parent && strcmp(reader->chain[i], parent) == 0) {
            fault(page, node, "extends", format(page, "goes round in a circle: ", parent));
            return;
        }
    }
    if (reader->depth == CP_TEMPLATE_DEPTH_MAX)
        fault(page, node, "extends", "more than four templates in a chain");
    else if (parent && read_template(reader, parent) == CC_NOT_FOUND)
        fault(page, node, "extends", format(page, "there is no template ", parent));
}

static void read_document(struct page *page)
{
    struct reader *reader = page->reader;
    yaml_node_t *root = yaml_document_get_root_node(&page->document);
    if (!root) {
        cc_buffer_printf(reader->errors, "%s:1: the template is empty\n", page->file);
        return;
    }
    const yaml_node_t *parent = parent_node(page, root);
    if (parent)
        read_parent(page, parent);
    struct target target = {cp_template_keys, cp_template_key_count, reader->out, reader->origins};
    each_pair(page, root, "", read_top_key, &target);
}

/* Parents first, so that what extends them is written over them. */
static enum cc_error read_template(struct reader *reader, const char *name)
{
    struct page page = {.reader = reader};
    struct cc_slice yaml;
    enum cc_error error = reader->source->read(reader->source->context, name, &yaml, &page.file);
    if (error)
        return error;
    if (yaml.length > CP_TEMPLATE_BYTES_MAX) {
        cc_buffer_printf(reader->errors, "%s:1: larger than %d bytes\n", page.file,
                         CP_TEMPLATE_BYTES_MAX);
        return CC_OK;
    }
    reader->chain[reader->depth++] = name;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return CC_NO_MEMORY;
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.data, yaml.length);
    if (yaml_parser_load(&parser, &page.document)) {
        read_document(&page);
        yaml_document_delete(&page.document);
    } else {
        cc_buffer_printf(reader->errors, "%s:%zu: %s\n", page.file, parser.problem_mark.line + 1,
                         parser.problem ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
    return CC_OK;
}

static void preset(const struct cp_template_key *key, void *values)
{
    char *at = (char *)values + key->offset;
    if (key->kind == CP_TEMPLATE_INTEGER)
        *(int64_t *)(void *)at = strtoll(key->preset, NULL, 10);
    else if (key->kind == CP_TEMPLATE_BOOLEAN)
        *(bool *)(void *)at = strcmp(key->preset, "true") == 0;
    else if (key->kind == CP_TEMPLATE_TEXT)
        *(struct cc_slice *)(void *)at = cc_slice_of(key->preset);
}

/* Keys that nobody said: their preset, or a fault at where the whole thing begins. */
static void complete(struct reader *reader, const struct target *target, struct origin whole,
                     const char *prefix)
{
    for (size_t i = 0; i < target->key_count; i++) {
        if (target->origins[i].file)
            continue;
        if (target->keys[i].preset)
            preset(&target->keys[i], target->values);
        else
            cc_buffer_printf(reader->errors,
                             "%s:%zu: %s%s: must be said here or in a template "
                             "that this one extends\n",
                             whole.file, whole.line, prefix, target->keys[i].name);
    }
}

static void complete_country(struct reader *reader, struct country *country)
{
    struct target target = {cp_country_keys, cp_country_key_count, &country->values,
                            country->origins};
    struct cc_slice prefix = cc_arena_printf(reader->arena, "countries.%.*s.",
                                             (int)country->code.length, country->code.data);
    complete(reader, &target, country->first, prefix.data ? prefix.data : "");
    struct cc_slice zone = country->values.zone;
    const struct cp_template_source *source = reader->source;
    if (zone.data && source->zone_known && !source->zone_known(source->context, zone))
        cc_buffer_printf(reader->errors, "%s:%zu: %szone: no time zone %.*s\n", country->first.file,
                         country->first.line, prefix.data ? prefix.data : "", (int)zone.length,
                         zone.data);
}

static void append_value(struct cc_buffer *out, const struct cp_template_key *key,
                         const void *values)
{
    const char *at = (const char *)values + key->offset;
    if (key->kind == CP_TEMPLATE_INTEGER) {
        cc_buffer_printf(out, "%lld", (long long)*(const int64_t *)(const void *)at);
    } else if (key->kind == CP_TEMPLATE_BOOLEAN) {
        cc_buffer_text(out, *(const bool *)(const void *)at ? "true" : "false");
    } else if (key->kind == CP_TEMPLATE_TEXT) {
        cc_buffer_json_string(out, *(const struct cc_slice *)(const void *)at);
    } else {
        const struct cc_slice *items = *(const struct cc_slice *const *)(const void *)at;
        size_t count = *(const size_t *)(const void *)((const char *)values + key->count_offset);
        cc_buffer_text(out, "[");
        for (size_t i = 0; i < count; i++) {
            cc_buffer_text(out, i > 0 ? ", " : "");
            cc_buffer_json_string(out, items[i]);
        }
        cc_buffer_text(out, "]");
    }
}

/* "key\tvalue\tfile:line" lines. */
static void append_origins(struct cc_buffer *out, const struct target *target, const char *prefix)
{
    for (size_t i = 0; i < target->key_count; i++) {
        cc_buffer_printf(out, "%s%s\t", prefix, target->keys[i].name);
        append_value(out, &target->keys[i], target->values);
        if (target->origins[i].file)
            cc_buffer_printf(out, "\t%s:%zu\n", target->origins[i].file, target->origins[i].line);
        else
            cc_buffer_text(out, "\tdefault\n");
    }
}

static void take_country(struct reader *reader, struct country *country, struct cc_buffer *origins)
{
    struct cp_template *out = reader->out;
    out->policy = country->values.policy;
    out->zone = country->values.zone;
    out->holidays = country->values.holidays;
    out->holiday_count = country->values.holiday_count;
    struct target target = {cp_country_keys, cp_country_key_count, &country->values,
                            country->origins};
    if (origins)
        append_origins(origins, &target, "country.");
}

static enum cc_error finish(struct reader *reader, const char *country, struct origin whole,
                            struct cc_buffer *origins, size_t errors_before)
{
    struct target target = {cp_template_keys, cp_template_key_count, reader->out, reader->origins};
    complete(reader, &target, whole, "");
    for (size_t i = 0; i < reader->country_count; i++)
        complete_country(reader, &reader->countries[i]);
    if (reader->errors->length > errors_before)
        return CC_INVALID;
    if (origins)
        append_origins(origins, &target, "");
    if (!country)
        return CC_OK;
    struct country *chosen = find_country(reader, cc_slice_of(country));
    if (!chosen)
        return CC_NOT_FOUND;
    take_country(reader, chosen, origins);
    return CC_OK;
}

enum cc_error cp_template_load(const struct cp_template_source *source, const char *name,
                               const char *country, struct cc_arena *arena, struct cp_template *out,
                               struct cc_buffer *origins, struct cc_buffer *errors)
{
    *out = (struct cp_template){0};
    struct reader reader = {.source = source, .arena = arena, .errors = errors, .out = out};
    size_t before = errors->length;
    size_t bytes = CP_TEMPLATE_COUNTRIES_MAX * sizeof(struct country);
    reader.countries = cc_arena_alloc(arena, bytes);
    if (!reader.countries)
        return CC_NO_MEMORY;
    memset(reader.countries, 0, bytes);
    struct cc_slice yaml;
    struct origin whole = {name, 1};
    enum cc_error error = source->read(source->context, name, &yaml, &whole.file);
    if (!error)
        error = read_template(&reader, name);
    if (error == CC_NOT_FOUND)
        cc_buffer_printf(errors, "there is no template %s; see: callcell template list\n", name);
    return error ? error : finish(&reader, country, whole, origins, before);
}
