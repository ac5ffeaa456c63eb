/*
 * When calls are meant to start, whatever becomes of them: evenly or by a Poisson process at the
 * rate of each step, or as recorded. A constant rate is one step; steps of several rates follow one
 * another. Pure.
 */
#ifndef BENCH_ARRIVALS_H
#define BENCH_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { BENCH_STEPS_MAX = 32 };

enum bench_arrivals_kind { BENCH_EVEN, BENCH_POISSON, BENCH_RECORDED };

struct bench_step {
    double rate;       /* calls a second */
    int64_t length_us; /* 0 (the last one only): without an end */
};

struct bench_arrivals {
    enum bench_arrivals_kind kind;
    struct bench_step steps[BENCH_STEPS_MAX];
    size_t step_count;
    int64_t *offsets_us; /* BENCH_RECORDED: owned, ascending */
    size_t offset_count;
    uint64_t random; /* BENCH_POISSON: the generator's state; the caller seeds it */
    /* where it is */
    size_t step;
    int64_t step_started_us;
    uint64_t given; /* in this step */
    double gaps_us; /* BENCH_POISSON: since the step began */
};

struct bench_arrival {
    int64_t offset_us; /* from the start of the run */
    size_t step;
};

/* False when there are no more. */
bool bench_arrivals_next(struct bench_arrivals *arrivals, struct bench_arrival *out);

/* "20:5,200:10": 20 calls a second for 5 s, then 200 for 10 s. CC_INVALID, CC_TOO_LARGE. */
enum cc_error bench_arrivals_steps(const char *text, struct bench_arrivals *out) CC_MUST_CHECK;

/* "CALLS_PER_SECOND:SECONDS", neither of them 0. */
enum cc_error bench_step_parse(struct cc_slice text, struct bench_step *out) CC_MUST_CHECK;

/* Recorded offsets, seconds from the start, one a line, none before the one above it. On CC_INVALID
 * *line says where. Free with bench_arrivals_deinit. */
enum cc_error bench_arrivals_recorded(struct cc_slice bytes, struct bench_arrivals *out,
                                      size_t *line) CC_MUST_CHECK;
void bench_arrivals_deinit(struct bench_arrivals *arrivals);

/* Of all steps or of the recording; 0: without an end. */
int64_t bench_arrivals_length_us(const struct bench_arrivals *arrivals);

/* Makes the whole take length_us, by stretching every step; a recording is cut there. */
void bench_arrivals_stretch(struct bench_arrivals *arrivals, int64_t length_us);

#endif
