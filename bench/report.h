/*
 * What a run found, gathered while it goes: sums, a row for every second, a row for every step of
 * its arrivals; one NDJSON line per webhook; a line of progress; a summary in words.
 *
 * Latencies count from the intended time of sending. A webhook that nobody answered counts with the
 * time after which it was given up, so that losing calls never makes a percentile better.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "bench/arrivals.h"
#include "bench/carrier.h"
#include "bench/dialogue.h"
#include "bench/histogram.h"

enum {
    BENCH_SOURCES_MAX = 8,
    BENCH_QUANTILES = 5,
    /* A generator that starts calls later than this measures itself. */
    BENCH_LATE_P99_US = 10 * 1000,
    BENCH_LATE_MAX_US = 100 * 1000
};

struct bench_quantile {
    const char *name; /* "p99" */
    double quantile;
};
extern const struct bench_quantile bench_quantiles[BENCH_QUANTILES];

struct bench_second {
    uint32_t offered;                    /* webhooks meant to be sent in this second */
    uint32_t answered;                   /* with 200, in this second */
    uint32_t unanswered;                 /* given up, or answered with another status */
    uint32_t by_edge;                    /* of the answered: by an edge, without a cell */
    uint32_t repeated;                   /* that took more than one attempt */
    uint32_t running;                    /* calls under way at its end */
    int64_t latency_us[BENCH_QUANTILES]; /* of what ended in this second */
    int64_t late_us;                     /* the latest start of a call */
};

struct bench_step_result {
    uint64_t offered, answered, unanswered, by_edge;
    struct bench_histogram latency;
};

struct bench_report {
    FILE *log;                             /* NULL: none */
    const struct bench_arrivals *arrivals; /* the plan; NULL: a single call */
    uint64_t webhooks;
    uint64_t unanswered; /* no answer in time, or another status than 200 */
    uint64_t repeated;   /* more than one attempt */
    uint64_t by_edge;
    uint64_t calls;
    uint64_t calls_running;
    struct {
        char name[16];
        uint64_t count;
    } sources[BENCH_SOURCES_MAX];
    struct bench_histogram latency;
    struct bench_histogram lateness; /* of the generator, at the start of each call */
    struct bench_step_result *steps; /* one for each step of the arrivals */
    size_t step_count;
    struct bench_second *seconds;
    size_t second_count;
    size_t seconds_rolled; /* those before it are complete */
    struct bench_histogram second_latency;
    int64_t started_us; /* monotonic */
    int64_t started_wall_us;
    int64_t elapsed_us;
    bool no_memory; /* some seconds are missing */
};

/* arrivals (borrowed; NULL: none) say how many steps there are. */
enum cc_error bench_report_init(struct bench_report *report,
                                const struct bench_arrivals *arrivals) CC_MUST_CHECK;
void bench_report_deinit(struct bench_report *report);

/* In the order of a run; times are monotonic. */
void bench_report_begin(struct bench_report *report, int64_t now_us, int64_t wall_us);
void bench_report_started(struct bench_report *report, int64_t intended_us, int64_t now_us);
void bench_report_offered(struct bench_report *report, size_t step, int64_t intended_us);
/* One webhook's end. */
void bench_report_add(struct bench_report *report, const struct bench_webhook *webhook,
                      const struct bench_outcome *outcome, size_t step, int64_t latency_us);
void bench_report_roll(struct bench_report *report, int64_t now_us); /* completes seconds */
void bench_report_end(struct bench_report *report, int64_t now_us);

/* Whether the generator was so late that the run says more of it than of the platform. */
bool bench_report_is_late(const struct bench_report *report);

/* One line on the last complete second; on a terminal in the place of the one before. */
void bench_report_progress(const struct bench_report *report, bool terminal, FILE *out);

void bench_report_print(const struct bench_report *report, FILE *out);

/* One line: the webhook, what was answered, by whom, and when it ended (ended_us: monotonic clock
 * of this machine). Used for --log and for `call --output json`. */
void bench_report_line(const struct bench_webhook *webhook, const struct bench_outcome *outcome,
                       int64_t latency_us, FILE *out);

#endif
