/*
 * Log-linear histogram of microseconds: 1 us to 1 hour with a relative error of at most 1 / 64 per
 * bucket (three significant figures is what a reader may quote). Fixed size, no allocation.
 */
#ifndef CC_HISTOGRAM_H
#define CC_HISTOGRAM_H

#include <stdint.h>

enum { CC_HISTOGRAM_BUCKETS = 64 * 28 };

struct cc_histogram {
    uint64_t counts[CC_HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t sum_us;
    int64_t maximum_us;
};

void cc_histogram_add(struct cc_histogram *histogram, int64_t value_us); /* negative counts as 0 */
void cc_histogram_merge(struct cc_histogram *into, const struct cc_histogram *from);

/* Upper edge of the bucket that holds the given quantile (0 < quantile <= 1), at most the maximum
 * seen; 0 when empty. */
int64_t cc_histogram_quantile(const struct cc_histogram *histogram, double quantile);

/* How many values were at most limit_us, to the bucket's accuracy (Prometheus "le"). */
uint64_t cc_histogram_at_most(const struct cc_histogram *histogram, int64_t limit_us);

#endif
