/*
 * Of a cell's template (docs/templates.md) what a plan needs. Pure.
 */
#ifndef BENCH_TEMPLATE_H
#define BENCH_TEMPLATE_H

#include "base/json.h"

enum { BENCH_TEMPLATE_NAME_MAX = 64 };

struct bench_template {
    char name[BENCH_TEMPLATE_NAME_MAX];
    char extends[BENCH_TEMPLATE_NAME_MAX]; /* empty: nothing */
    int64_t workers;                       /* on each site; 0: not said here */
    int64_t sites;
    int64_t redis_megabytes;
    int64_t postgres_megabytes;
    int64_t spool_megabytes;
    int64_t call_plans_max;
};

/* What one file says; other keys are not ours to judge. CC_INVALID with reason. */
enum cc_error bench_template_read(struct cc_slice yaml, const char *name,
                                  struct bench_template *out,
                                  struct cc_json_reason *reason) CC_MUST_CHECK;

/* Takes from base what the template does not say. */
void bench_template_inherit(struct bench_template *template, const struct bench_template *base);

/* CC_INVALID with the first key that nothing in the chain says. */
enum cc_error bench_template_check(const struct bench_template *template,
                                   struct cc_json_reason *reason) CC_MUST_CHECK;

#endif
