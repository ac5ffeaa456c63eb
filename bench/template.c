#include "bench/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

struct key {
    const char *name;
    size_t offset;
};

static const struct key keys[] = {
    {"workers", offsetof(struct bench_template, workers)},
    {"sites", offsetof(struct bench_template, sites)},
    {"redis_megabytes", offsetof(struct bench_template, redis_megabytes)},
    {"postgres_megabytes", offsetof(struct bench_template, postgres_megabytes)},
    {"spool_megabytes", offsetof(struct bench_template, spool_megabytes)},
    {"call_plans_max", offsetof(struct bench_template, call_plans_max)},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static int64_t *field(struct bench_template *template, size_t key)
{
    return (int64_t *)(void *)((char *)template + keys[key].offset);
}

static enum cc_error take(struct bench_template *out, const char *name, const char *value,
                          struct cc_json_reason *reason)
{
    if (strcmp(name, "extends") == 0) {
        int length = snprintf(out->extends, sizeof(out->extends), "%s", value);
        return length < 0 || (size_t)length >= sizeof(out->extends) ? CC_TOO_LARGE : CC_OK;
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        char *end = NULL;
        long long number = strtoll(value, &end, 10);
        if (*end || end == value || number < 1 || number > 100000000) {
            snprintf(reason->text, sizeof(reason->text),
                     "%s: must be a whole number from 1 to 100,000,000", name);
            return CC_INVALID;
        }
        *field(out, i) = number;
    }
    return CC_OK;
}

static enum cc_error read_mapping(yaml_document_t *document, struct bench_template *out,
                                  struct cc_json_reason *reason)
{
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (!root || root->type != YAML_MAPPING_NODE) {
        snprintf(reason->text, sizeof(reason->text), "is no mapping of keys");
        return CC_INVALID;
    }
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(document, pair->value);
        if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE)
            continue;
        enum cc_error error = take(out, (const char *)key->data.scalar.value,
                                   (const char *)value->data.scalar.value, reason);
        if (error)
            return error;
    }
    return CC_OK;
}

enum cc_error bench_template_read(struct cc_slice yaml, const char *name,
                                  struct bench_template *out, struct cc_json_reason *reason)
{
    yaml_parser_t parser;
    yaml_document_t document;
    *out = (struct bench_template){0};
    snprintf(out->name, sizeof(out->name), "%s", name);
    snprintf(reason->text, sizeof(reason->text), "is no YAML document");
    if (!yaml_parser_initialize(&parser))
        return CC_NO_MEMORY;
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.data, yaml.length);
    enum cc_error error = CC_INVALID;
    if (yaml_parser_load(&parser, &document)) {
        error = read_mapping(&document, out, reason);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return error;
}

void bench_template_inherit(struct bench_template *template, const struct bench_template *base)
{
    for (size_t i = 0; i < KEYS; i++)
        if (*field(template, i) == 0)
            *field(template, i) =
                *(const int64_t *)(const void *)((const char *)base + keys[i].offset);
    memcpy(template->extends, base->extends, sizeof(template->extends));
}

enum cc_error bench_template_check(const struct bench_template *template,
                                   struct cc_json_reason *reason)
{
    for (size_t i = 0; i < KEYS; i++) {
        bool has_default = strcmp(keys[i].name, "sites") == 0;
        if (!has_default &&
            *(const int64_t *)(const void *)((const char *)template + keys[i].offset) == 0) {
            snprintf(reason->text, sizeof(reason->text), "%s is not said", keys[i].name);
            return CC_INVALID;
        }
    }
    return CC_OK;
}
