/*
 * What a load run found: one NDJSON line per webhook, and a summary as text or JSON.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "base/histogram.h"
#include "bench/carrier.h"
#include "bench/dialogue.h"

enum { BENCH_SOURCES_MAX = 8 };

struct bench_report {
    FILE *log; /* NULL: none */
    uint64_t webhooks;
    uint64_t unanswered; /* no answer in time, or another status than 200 */
    uint64_t repeated;   /* more than one attempt */
    uint64_t calls;
    struct {
        char name[16];
        uint64_t count;
    } sources[BENCH_SOURCES_MAX];
    struct cc_histogram latency; /* answered ones, from the intended time of sending */
    int64_t elapsed_us;
    double rate; /* calls a second asked for */
};

/* One webhook's end. latency_us counts from the intended time. */
void bench_report_add(struct bench_report *report, const struct bench_webhook *webhook,
                      const struct bench_outcome *outcome, int64_t latency_us);

void bench_report_print(const struct bench_report *report, bool as_json, FILE *out);

/* One line: the webhook, what was answered, by whom, and when it ended (ended_us: monotonic clock
 * of this machine). Used for --log and for `call --output json`. */
void bench_report_line(const struct bench_webhook *webhook, const struct bench_outcome *outcome,
                       int64_t latency_us, FILE *out);

#endif
