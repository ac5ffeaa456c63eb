/*
 * The keys of a template, one row each: of the cell and of a country. To add a key, add a row in
 * template_keys.c and a field in struct cp_template (or cp_template_country). Pure.
 */
#ifndef CP_TEMPLATES_TEMPLATE_KEYS_H
#define CP_TEMPLATES_TEMPLATE_KEYS_H

#include "control-plane/templates/template.h"

enum cp_template_kind {
    CP_TEMPLATE_INTEGER, /* int64_t */
    CP_TEMPLATE_BOOLEAN, /* bool */
    CP_TEMPLATE_TEXT,    /* struct cc_slice */
    CP_TEMPLATE_LIST     /* const struct cc_slice *, and its size_t count beside it */
};

struct cp_template_key {
    const char *name;
    enum cp_template_kind kind;
    size_t offset;
    size_t count_offset;                 /* of lists */
    int64_t minimum, maximum;            /* of integers */
    bool (*check)(struct cc_slice text); /* of texts and of each entry of a list */
    const char *shape;                   /* what check wants, for people: "2 to 8 digits" */
    const char *preset;                  /* when no template says it; NULL: must be said */
    const char *unit;                    /* "" for none */
    const char *help;
};

struct cp_template_country {
    struct cc_call_policy policy;
    struct cc_slice zone;
    const struct cc_slice *holidays;
    size_t holiday_count;
};

extern const struct cp_template_key cp_template_keys[];
extern const size_t cp_template_key_count;
extern const struct cp_template_key cp_country_keys[];
extern const size_t cp_country_key_count;
enum { CP_TEMPLATE_KEYS_MAX = 48 };

#endif
