/*
 * Open-loop load: calls start at their intended times, whether or not earlier ones were answered,
 * and latency counts from the intended time (no coordinated omission). A call's later webhooks are
 * intended a pause after the answer before came.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/arrivals.h"
#include "bench/report.h"
#include "bench/script_source.h"

struct bench_load {
    struct bench_carrier *carrier;
    struct bench_script_source *source;
    struct bench_report *report;
    struct bench_arrivals *arrivals; /* it ends before the source does, or the source before it */
    int64_t pause_us;                /* between an answer and the call's next webhook */
    bool first_only;                 /* each call is its first webhook and no more */
    void (*each_second)(void *context); /* of the run, from the loop; NULL: none */
    void *context;
};

/* Runs the carrier's loop until every call has ended. */
enum cc_error bench_load_run(const struct bench_load *load) CC_MUST_CHECK;

/* One scripted call on the same path, without a rate: each webhook is added to the report. told
 * runs after each one. */
typedef void (*bench_told)(void *context, const struct bench_webhook *webhook,
                           const struct bench_outcome *outcome, int64_t latency_us);
enum cc_error bench_call_run(struct bench_carrier *carrier, const struct bench_script *script,
                             struct bench_report *report, bench_told told,
                             void *context) CC_MUST_CHECK;

#endif
