/*
 * Templates: what a cell of a given size and country is made of
 * (control-plane/templates/<name>.yaml, installed under share/templates). Pure: bytes in, checked
 * struct out; every fault is reported with file, line and key.
 */
#ifndef CP_TEMPLATES_TEMPLATE_H
#define CP_TEMPLATES_TEMPLATE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/safest.h"

enum { CP_TEMPLATE_LIST_MAX = 64, CP_TEMPLATE_BYTES_MAX = 256 * 1024 };

struct cp_template {
    int64_t workers; /* processes per cell */
    int64_t redis_megabytes;
    int64_t postgres_megabytes; /* shared_buffers of each node */
    int64_t spool_megabytes;    /* per worker */
    int64_t call_plans_max;     /* per worker */
    struct cc_call_policy
        policy; /* of the country asked for; country's own keys over common ones */
};

/* Texts live in the arena. CC_INVALID: errors holds one line per fault,
 * "demo.yaml:12: countries.se.emergency: ...". CC_NOT_FOUND: the template has no such country. */
enum cc_error cp_template_load(struct cc_slice yaml, const char *file_name, struct cc_slice country,
                               struct cc_arena *arena, struct cp_template *out,
                               struct cc_buffer *errors) CC_MUST_CHECK;

#endif
