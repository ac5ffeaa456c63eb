/*
 * Universal Scalability Law (Gunther): the throughput of n requests in flight is
 *
 *     X(n) = lambda n / (1 + sigma (n - 1) + kappa n (n - 1))
 *
 * lambda: what one alone gets done a second; sigma: the share that queues for something shared;
 * kappa: what keeping one another informed costs. Pure.
 */
#ifndef BENCH_USL_H
#define BENCH_USL_H

#include <stddef.h>

#include "base/err.h"

struct bench_usl_point {
    double n;          /* in flight, or workers: above 0 */
    double throughput; /* a second: above 0 */
};

struct bench_usl {
    double lambda, sigma, kappa; /* none below 0 */
    double error;                /* root mean square of the relative errors of throughput */
    /* Where throughput is greatest; both infinite when sigma and kappa are 0. With kappa 0 n_peak
     * is infinite and throughput_peak, lambda / sigma, is what it tends to. */
    double n_peak, throughput_peak;
};

/* Least squares of relative errors over at least three points (CC_NOT_FOUND below that or when no
 * curve fits). */
enum cc_error bench_usl_fit(const struct bench_usl_point *points, size_t count,
                            struct bench_usl *out) CC_MUST_CHECK;

double bench_usl_throughput(const struct bench_usl *usl, double n);

#endif
