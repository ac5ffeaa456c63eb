/*
 * How much a machine can do, from its calibration. The model is a straight line for every part of a
 * platform: cores = base + webhooks/s x CPU time per webhook (docs/adr/0019). What a mix of kinds
 * costs is the mean of the kinds, weighed by their webhooks. Pure.
 */
#ifndef BENCH_CAPACITY_H
#define BENCH_CAPACITY_H

#include "bench/calibration.h"

struct bench_line {
    double base_cores;     /* timers, and batches that come whatever the load, once there is one */
    double us_per_webhook; /* CPU microseconds */
};

/* Least squares over the steps with a load, weighed by 1 / webhooks/s so that small loads count as
 * much as large ones. The base is not below what idling takes; with one such step it is that.
 * Neither is negative. */
struct bench_line bench_capacity_fit(const struct bench_curve *curve, enum bench_part part);

struct bench_capacity {
    struct bench_line parts[BENCH_PARTS];
    double webhooks_per_call;
    double machine_webhooks_s; /* the machine's cores are all used, the load generator's included */
    double edge_webhooks_s;    /* its edges (one thread each) are */
    double worker_webhooks_s;
    double saturation_webhooks_s; /* the least of these */
};

/* pbx_share: of calls, 0 to 1. */
struct bench_capacity bench_capacity_of(const struct bench_calibration *calibration,
                                        double pbx_share);

/* CPU of a part at that load. */
double bench_capacity_cores(const struct bench_capacity *capacity, enum bench_part part,
                            double webhooks_s);

/* p99 that was measured where the machine was as busy (0 to 1), between the neighbouring steps of
 * the kind; the last step's beyond it. */
double bench_capacity_p99_ms(const struct bench_calibration *calibration, enum bench_kind kind,
                             double busy);

#endif
