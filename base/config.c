/*
 * Sources in order: the YAML file, then the environment, then defaults for what neither has set.
 * Every value passes set_value(); every complaint passes complain() and the walk goes on.
 */
#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { NAME_MAX_BYTES = 128, WHERE_MAX_BYTES = 512, DEPTH_MAX = 8, LIST_MAX = 1024 };

struct load {
    const char *file_name;
    const struct cc_config_key *keys;
    size_t key_count;
    char *target;
    bool *is_set; /* per key */
    struct cc_buffer *errors;
    size_t error_count;
    bool no_memory;
    yaml_parser_t parser;
};

static void __attribute__((format(printf, 3, 4)))
complain(struct load *load, const char *where, const char *format, ...)
{
    char text[WHERE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    cc_buffer_printf(load->errors, "%s: %s\n", where, text);
    load->error_count++;
}

static void *field_of(const struct load *load, const struct cc_config_key *key)
{
    return load->target + key->offset;
}

static void free_list(struct cc_config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct cc_config_list){0};
}

static void set_text(struct load *load, const struct cc_config_key *key, struct cc_slice value)
{
    char **field = field_of(load, key);
    char *copy = value.length > 0 ? strndup(value.data, value.length) : strdup("");
    if (!copy) {
        load->no_memory = true;
        return;
    }
    free(*field);
    *field = copy;
}

static bool read_integer(struct cc_slice text, int64_t *out)
{
    char digits[24];
    char *end = NULL;
    if (text.length == 0 || text.length >= sizeof(digits) ||
        (text.data[0] != '-' && !isdigit((unsigned char)text.data[0])))
        return false;
    memcpy(digits, text.data, text.length);
    digits[text.length] = '\0';
    errno = 0;
    *out = strtoll(digits, &end, 10);
    return errno == 0 && end == digits + text.length && isdigit((unsigned char)end[-1]);
}

static void set_integer(struct load *load, const struct cc_config_key *key, struct cc_slice value,
                        const char *where)
{
    int64_t number = 0;
    int shown = value.length > 64 ? 64 : (int)value.length;
    bool is_bounded = key->minimum != 0 || key->maximum != 0;
    if (!read_integer(value, &number))
        complain(load, where, "must be an integer, is %.*s", shown, shown ? value.data : "");
    else if (is_bounded && (number < key->minimum || number > key->maximum))
        complain(load, where, "must be %" PRId64 " to %" PRId64 ", is %" PRId64, key->minimum,
                 key->maximum, number);
    else
        memcpy(field_of(load, key), &number, sizeof(number));
}

static void set_boolean(struct load *load, const struct cc_config_key *key, struct cc_slice value,
                        const char *where)
{
    bool flag = cc_slice_is(value, "true");
    if (!flag && !cc_slice_is(value, "false"))
        complain(load, where, "must be true or false");
    else
        memcpy(field_of(load, key), &flag, sizeof(flag));
}

static void add_item(struct load *load, const struct cc_config_key *key, struct cc_slice value,
                     const char *where)
{
    struct cc_config_list *list = field_of(load, key);
    if (value.length == 0) {
        complain(load, where, "an item must not be empty");
        return;
    }
    if (list->count >= LIST_MAX) {
        complain(load, where, "must have at most %d items", LIST_MAX);
        return;
    }
    char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items)
        list->items = items;
    char *copy = items ? strndup(value.data, value.length) : NULL;
    if (copy)
        list->items[list->count++] = copy;
    else
        load->no_memory = true;
}

static void set_list(struct load *load, const struct cc_config_key *key, struct cc_slice value,
                     const char *where)
{
    free_list(field_of(load, key));
    while (value.length > 0) {
        const char *comma = memchr(value.data, ',', value.length);
        size_t length = comma ? (size_t)(comma - value.data) : value.length;
        size_t taken = comma ? length + 1 : length;
        add_item(load, key, cc_slice(value.data, length), where);
        value = cc_slice(value.data + taken, value.length - taken);
    }
}

/* value as one text; of a list, comma-separated. */
static void set_value(struct load *load, const struct cc_config_key *key, struct cc_slice value,
                      const char *where)
{
    load->is_set[key - load->keys] = true;
    if (value.length > 0 && memchr(value.data, '\0', value.length)) {
        complain(load, where, "must not contain a NUL");
        return;
    }
    switch (key->kind) {
    case CC_CONFIG_TEXT:
        set_text(load, key, value);
        break;
    case CC_CONFIG_INTEGER:
        set_integer(load, key, value, where);
        break;
    case CC_CONFIG_BOOLEAN:
        set_boolean(load, key, value, where);
        break;
    case CC_CONFIG_TEXT_LIST:
        set_list(load, key, value, where);
        break;
    }
}

static const struct cc_config_key *find_key(const struct load *load, const char *name)
{
    for (size_t i = 0; i < load->key_count; i++) {
        if (strcmp(load->keys[i].name, name) == 0)
            return &load->keys[i];
    }
    return NULL;
}

/* "edge.yaml:12: redis.port" */
static void place(const struct load *load, size_t line, const char *name, char out[WHERE_MAX_BYTES])
{
    (void)snprintf(out, WHERE_MAX_BYTES, "%s:%zu%s%s", load->file_name, line + 1,
                   name[0] != '\0' ? ": " : "", name);
}

static bool next_event(struct load *load, yaml_event_t *event)
{
    char where[WHERE_MAX_BYTES];
    if (yaml_parser_parse(&load->parser, event))
        return true;
    place(load, load->parser.problem_mark.line, "", where);
    complain(load, where, "%s",
             load->parser.problem ? load->parser.problem : "the file is not valid YAML");
    return false;
}

/* Passes over a value whose first event has been read. False: the file ends here. */
static bool skip_value(struct load *load, yaml_event_type_t first)
{
    int depth = first == YAML_MAPPING_START_EVENT || first == YAML_SEQUENCE_START_EVENT ? 1 : 0;
    while (depth > 0) {
        yaml_event_t event;
        if (!next_event(load, &event))
            return false;
        if (event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT)
            depth++;
        else if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT)
            depth--;
        yaml_event_delete(&event);
    }
    return true;
}

static struct cc_slice scalar_of(const yaml_event_t *event)
{
    return cc_slice((const char *)event->data.scalar.value, event->data.scalar.length);
}

/* "port:" with nothing behind it, or null: as if the key were not there. */
static bool is_null(const yaml_event_t *event)
{
    struct cc_slice text = scalar_of(event);
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.length == 0 || cc_slice_is(text, "null") || cc_slice_is(text, "~"));
}

static bool read_sequence(struct load *load, const struct cc_config_key *key)
{
    free_list(field_of(load, key));
    load->is_set[key - load->keys] = true;
    for (;;) {
        yaml_event_t event;
        char where[WHERE_MAX_BYTES];
        bool goes_on = true;
        if (!next_event(load, &event))
            return false;
        yaml_event_type_t type = event.type;
        place(load, event.start_mark.line, key->name, where);
        if (type == YAML_SCALAR_EVENT)
            add_item(load, key, scalar_of(&event), where);
        yaml_event_delete(&event);
        if (type == YAML_SEQUENCE_END_EVENT)
            return true;
        if (type != YAML_SCALAR_EVENT) {
            complain(load, where, "an item must be a text");
            goes_on = skip_value(load, type);
        }
        if (!goes_on)
            return false;
    }
}

static void read_scalar(struct load *load, const struct cc_config_key *key,
                        const yaml_event_t *event, const char *where)
{
    if (is_null(event))
        return;
    if (load->is_set[key - load->keys])
        complain(load, where, "stands there twice");
    else if (key->kind == CC_CONFIG_TEXT_LIST)
        complain(load, where, "must be a list");
    else
        set_value(load, key, scalar_of(event), where);
}

static bool is_prefix(const struct load *load, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < load->key_count; i++) {
        if (strncmp(load->keys[i].name, name, length) == 0 && load->keys[i].name[length] == '.')
            return true;
    }
    return false;
}

static bool read_mapping(struct load *load, const char *prefix, int depth);

/* The value of the key called name; event is its first event. */
static bool read_value(struct load *load, const char *name, const yaml_event_t *event, int depth)
{
    char where[WHERE_MAX_BYTES];
    const struct cc_config_key *key = find_key(load, name);
    place(load, event->start_mark.line, name, where);
    if (event->type == YAML_MAPPING_START_EVENT && !key && depth < DEPTH_MAX &&
        is_prefix(load, name))
        return read_mapping(load, name, depth + 1);
    if (key && event->type == YAML_SCALAR_EVENT) {
        read_scalar(load, key, event, where);
        return true;
    }
    if (key && event->type == YAML_SEQUENCE_START_EVENT && key->kind == CC_CONFIG_TEXT_LIST) {
        if (load->is_set[key - load->keys])
            complain(load, where, "stands there twice");
        return read_sequence(load, key);
    }
    if (key)
        complain(load, where, "must be %s",
                 key->kind == CC_CONFIG_TEXT_LIST ? "a list" : "a single value");
    else
        complain(load, where, is_prefix(load, name) ? "must be a mapping" : "unknown key");
    return skip_value(load, event->type);
}

static bool read_member(struct load *load, const char *prefix, const yaml_event_t *name_event,
                        int depth)
{
    char name[NAME_MAX_BYTES];
    yaml_event_t event;
    if (name_event->type == YAML_SCALAR_EVENT)
        (void)snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
                       (const char *)name_event->data.scalar.value);
    else
        (void)snprintf(name, sizeof(name), "(not a name)");
    if (name_event->type != YAML_SCALAR_EVENT && !skip_value(load, name_event->type))
        return false;
    if (!next_event(load, &event))
        return false;
    bool goes_on = read_value(load, name, &event, depth);
    yaml_event_delete(&event);
    return goes_on;
}

/* After its start event, up to and with its end event. */
static bool read_mapping(struct load *load, const char *prefix, int depth)
{
    for (;;) {
        yaml_event_t event;
        if (!next_event(load, &event))
            return false;
        bool ends = event.type == YAML_MAPPING_END_EVENT;
        bool goes_on = !ends && read_member(load, prefix, &event, depth);
        yaml_event_delete(&event);
        if (ends || !goes_on)
            return ends;
    }
}

/* One document, a mapping; an empty file counts as an empty mapping. */
static void read_yaml(struct load *load)
{
    bool goes_on = true;
    bool has_root = false;
    while (goes_on) {
        yaml_event_t event;
        char where[WHERE_MAX_BYTES];
        if (!next_event(load, &event))
            return;
        place(load, event.start_mark.line, "", where);
        yaml_event_type_t type = event.type;
        bool is_content = type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                          type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT;
        bool is_empty = type == YAML_SCALAR_EVENT && is_null(&event);
        yaml_event_delete(&event);
        goes_on = type != YAML_STREAM_END_EVENT;
        if (!is_content || (is_empty && !has_root))
            continue;
        if (has_root || type != YAML_MAPPING_START_EVENT) {
            complain(load, where, "must be one mapping of keys to values");
            return;
        }
        has_root = true;
        goes_on = read_mapping(load, "", 1);
    }
}

static enum cc_error load_file(struct load *load, struct cc_slice yaml)
{
    if (!yaml_parser_initialize(&load->parser))
        return CC_NO_MEMORY;
    yaml_parser_set_input_string(&load->parser, (const unsigned char *)(yaml.data ? yaml.data : ""),
                                 yaml.length);
    read_yaml(load);
    if (load->parser.error == YAML_MEMORY_ERROR)
        load->no_memory = true;
    yaml_parser_delete(&load->parser);
    return load->no_memory ? CC_NO_MEMORY : CC_OK;
}

/* "redis.port" to "REDIS__PORT" */
static void variable_name(const char *key, char out[NAME_MAX_BYTES])
{
    size_t at = 0;
    for (; *key != '\0' && at + 3 < NAME_MAX_BYTES; key++) {
        if (*key == '.') {
            out[at++] = '_';
            out[at++] = '_';
        } else {
            out[at++] = (char)toupper((unsigned char)*key);
        }
    }
    out[at] = '\0';
}

static const struct cc_config_key *find_variable(const struct load *load, struct cc_slice name)
{
    for (size_t i = 0; i < load->key_count; i++) {
        char variable[NAME_MAX_BYTES];
        variable_name(load->keys[i].name, variable);
        if (cc_slice_is(name, variable))
            return &load->keys[i];
    }
    return NULL;
}

static void load_environment(struct load *load, const char *prefix, char *const *environment)
{
    size_t prefix_length = strlen(prefix);
    for (; *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (!equals || strncmp(*environment, prefix, prefix_length) != 0 ||
            strncmp(*environment + prefix_length, "__", 2) != 0)
            continue;
        const char *name = *environment + prefix_length + 2;
        const struct cc_config_key *key =
            equals > name ? find_variable(load, cc_slice(name, (size_t)(equals - name))) : NULL;
        char where[WHERE_MAX_BYTES];
        (void)snprintf(where, sizeof(where), "environment: %.*s", (int)(equals - *environment),
                       *environment);
        if (key)
            set_value(load, key, cc_slice_of(equals + 1), where);
        else
            complain(load, where, "unknown variable");
    }
}

static void load_defaults(struct load *load)
{
    for (size_t i = 0; i < load->key_count; i++) {
        const struct cc_config_key *key = &load->keys[i];
        char where[WHERE_MAX_BYTES];
        if (load->is_set[i])
            continue;
        place(load, 0, key->name, where);
        if (key->required)
            complain(load, where, "is required");
        else if (key->default_value)
            set_value(load, key, cc_slice_of(key->default_value), where);
    }
}

enum cc_error cc_config_load(struct cc_slice yaml, const char *file_name,
                             const char *environment_prefix, char *const *environment,
                             const struct cc_config_key *keys, size_t key_count, void *target,
                             struct cc_buffer *errors)
{
    struct load load = {.file_name = file_name,
                        .keys = keys,
                        .key_count = key_count,
                        .target = target,
                        .errors = errors};
    load.is_set = calloc(key_count + 1, sizeof(*load.is_set));
    if (!load.is_set)
        return CC_NO_MEMORY;
    enum cc_error error = load_file(&load, yaml);
    if (!error) {
        if (environment)
            load_environment(&load, environment_prefix, environment);
        load_defaults(&load);
        if (load.no_memory)
            error = CC_NO_MEMORY;
        else if (load.error_count > 0)
            error = CC_INVALID;
    }
    free(load.is_set);
    return error;
}

void cc_config_free(const struct cc_config_key *keys, size_t key_count, void *target)
{
    for (size_t i = 0; i < key_count; i++) {
        void *field = (char *)target + keys[i].offset;
        if (keys[i].kind == CC_CONFIG_TEXT) {
            char **text = field;
            free(*text);
            *text = NULL;
        } else if (keys[i].kind == CC_CONFIG_TEXT_LIST) {
            free_list(field);
        }
    }
}

void cc_config_describe(const struct cc_config_key *keys, size_t key_count, struct cc_buffer *out)
{
    static const char *const kind_names[] = {"text", "integer", "true or false", "list of texts"};
    cc_buffer_text(out, "| Key | Kind | Default | Meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < key_count; i++) {
        const struct cc_config_key *key = &keys[i];
        cc_buffer_printf(out, "| `%s` | %s", key->name, kind_names[key->kind]);
        if (key->kind == CC_CONFIG_INTEGER && (key->minimum != 0 || key->maximum != 0))
            cc_buffer_printf(out, ", %" PRId64 " to %" PRId64, key->minimum, key->maximum);
        if (key->required)
            cc_buffer_text(out, " | required");
        else if (key->default_value)
            cc_buffer_printf(out, " | `%s`", key->default_value);
        else
            cc_buffer_text(out, " | ");
        cc_buffer_printf(out, " | %s |\n", key->help);
    }
}
