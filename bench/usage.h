/*
 * Rim: CPU and memory of a local platform's parts, from /proc and the supervisor's folders.
 */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include "bench/calibration.h"

enum { BENCH_RUNNING_MAX = 128 };

/* A service of the home and the part that it is. */
struct bench_running_one {
    int pid;
    enum bench_part part;
};
struct bench_running {
    struct bench_running_one list[BENCH_RUNNING_MAX];
    size_t count;
};

/* The services of <home>/run/services that run now. primary: which node of the cell is it, "node1"
 * or "node2". CC_NOT_FOUND: none runs. */
enum cc_error bench_running_find(const char *home, const char *cell, const char *primary,
                                 struct bench_running *out) CC_MUST_CHECK;
size_t bench_running_count(const struct bench_running *services, enum bench_part part);

/* CPU seconds since they started, by part, all their descendants and what these have left behind
 * included. machine_s: of the whole machine since it started. */
struct bench_usage {
    double part_s[BENCH_PARTS];
    double machine_s;
};
enum cc_error bench_usage_read(const struct bench_running *services,
                               struct bench_usage *out) CC_MUST_CHECK;

/* Proportional set size in MB, by part. Only processes of our own user are seen. */
enum cc_error bench_memory_read(const struct bench_running *services,
                                double out[BENCH_PARTS]) CC_MUST_CHECK;

#endif
