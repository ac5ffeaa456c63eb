/*
 * Questions asked at the same time, a thread each: what is frozen costs its own deadline only,
 * once.
 */
#ifndef CP_TOGETHER_H
#define CP_TOGETHER_H

#include "base/json.h"
#include "control-plane/context.h"

enum { CP_QUESTIONS_AT_ONCE = 32 };

struct cp_task {
    /* On a thread, with a context of its own; returns what was learnt, a new reference or NULL.
     * Must have a deadline. */
    json_t *(*ask)(struct cp_context *context, const void *about);
    const void *about;
    json_t *answer; /* out */
    struct cp_context context;
};

/* Returns when all are answered. Strings of the answers are jansson's own. */
void cp_together(const struct cp_context *parent, struct cp_task *tasks, size_t count);

#endif
