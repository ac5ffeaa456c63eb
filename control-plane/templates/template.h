/*
 * Templates: what a cell of a given size and country is made of
 * (control-plane/templates/<name>.yaml, installed under share/templates). Pure: bytes in, checked
 * struct out; every fault is reported with file, line and key, all at once.
 *
 * A template may extend another one: it then says only what is different. Countries are merged key
 * by key as well, so that a template can change one country's holidays and keep the rest.
 */
#ifndef CP_TEMPLATES_TEMPLATE_H
#define CP_TEMPLATES_TEMPLATE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/safest.h"

enum {
    CP_TEMPLATE_LIST_MAX = 64,
    CP_TEMPLATE_BYTES_MAX = 256 * 1024,
    CP_TEMPLATE_DEPTH_MAX = 4, /* templates in a chain of `extends` */
    CP_TEMPLATE_COUNTRIES_MAX = 64
};

/* Keys and limits: template_keys.c. */
struct cp_template {
    int64_t workers; /* processes per cell and site */
    int64_t sites;   /* 2: a standby site, with the synchronous replica */
    int64_t redis_megabytes;
    int64_t postgres_megabytes;      /* shared_buffers of each node */
    int64_t spool_megabytes;         /* per worker */
    int64_t call_plans_max;          /* per worker */
    struct cc_call_policy policy;    /* of the country asked for */
    struct cc_slice zone;            /* IANA time zone of the country */
    const struct cc_slice *holidays; /* "01-01 New Year's Day": rule and name */
    size_t holiday_count;
};

/* Where a template's text comes from. read: CC_NOT_FOUND when there is none of this name; file is
 * what faults call it. Both texts must outlive the load. */
struct cp_template_source {
    enum cc_error (*read)(void *context, const char *name, struct cc_slice *yaml,
                          const char **file);
    bool (*zone_known)(void *context, struct cc_slice zone); /* NULL: every zone is believed */
    void *context;
};

/* Texts live in the arena. country NULL: every country is checked and none is kept. origins: NULL,
 * or gets "workers 2 demo.yaml:2" lines, one per key in force. CC_INVALID: errors holds one line
 * per fault, "demo.yaml:12: countries.se.emergency: ...". CC_NOT_FOUND without errors: the template
 * has no such country; with errors: there is no such template. */
enum cc_error cp_template_load(const struct cp_template_source *source, const char *name,
                               const char *country, struct cc_arena *arena, struct cp_template *out,
                               struct cc_buffer *origins, struct cc_buffer *errors) CC_MUST_CHECK;

/* docs/templates.md: every key with its type, limits, default and meaning. */
void cp_template_page(struct cc_buffer *out);

#endif
