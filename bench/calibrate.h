/*
 * Rim: measures the machine with a local platform on it, by loads of the load generator
 * (`callcell-bench load`, started as a program of its own, so that its CPU is told apart).
 */
#ifndef BENCH_CALIBRATE_H
#define BENCH_CALIBRATE_H

#include "bench/capacity.h"

struct bench_measuring {
    const char *home, *cell, *edges, *secret_file;
    const char *key;         /* NULL: none */
    struct cc_slice numbers; /* NDJSON, both kinds */
    double step_s;           /* how long each load is held */
};

/* Idle, a probe, then both kinds at 20, 40, 60 and 80 % of what the probe promises. Says on stderr
 * what it does and what went wrong. */
enum cc_error bench_calibrate(const struct bench_measuring *measuring,
                              struct bench_calibration *out) CC_MUST_CHECK;

/* 50, 70 and 90 % of the load that the calibration predicts to be full, mixed 75/25: prints
 * predicted, measured and the difference to stdout. CC_TOO_DIFFERENT: some difference is above 15
 * %. */
enum cc_error bench_check_prediction(const struct bench_measuring *measuring,
                                     const struct bench_calibration *calibration) CC_MUST_CHECK;

#endif
