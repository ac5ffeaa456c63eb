/*
 * Log-linear histogram of microseconds to three significant digits: a bucket is at most 1/1024 of
 * its lower edge wide. 1 us to 1 hour; 190 KB, no allocation. (The platform's own telemetry uses
 * base/histogram.h, which is thirteen times smaller and coarser.)
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { BENCH_HISTOGRAM_BUCKETS = 1024 * 23 };

struct bench_histogram {
    uint64_t counts[BENCH_HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t sum_us;
    int64_t maximum_us;
};

void bench_histogram_add(struct bench_histogram *histogram, int64_t value_us); /* < 0 counts as 0 */

/* Upper edge of the bucket that holds the given quantile (0 < quantile <= 1), at most the maximum
 * seen; 0 when empty. */
int64_t bench_histogram_quantile(const struct bench_histogram *histogram, double quantile);

double bench_histogram_mean_us(const struct bench_histogram *histogram); /* exact; 0 when empty */

#endif
