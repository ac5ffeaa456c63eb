/*
 * Values below 64 have a bucket each; above, every power of two is cut into 64 equal buckets, so
 * that a bucket is at most 1/64 of its lower edge wide.
 */
#include "base/histogram.h"

#include <stddef.h>

enum { SUB_BITS = 6, SUB_COUNT = 1 << SUB_BITS };

static size_t bucket_of(int64_t value_us)
{
    uint64_t value = value_us > 0 ? (uint64_t)value_us : 0;
    if (value < SUB_COUNT)
        return (size_t)value;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value);
    size_t bucket =
        (size_t)SUB_COUNT * (exponent - SUB_BITS) + (size_t)(value >> (exponent - SUB_BITS));
    return bucket < CC_HISTOGRAM_BUCKETS ? bucket : CC_HISTOGRAM_BUCKETS - 1;
}

static int64_t upper_edge_us(size_t bucket)
{
    if (bucket < SUB_COUNT)
        return (int64_t)bucket;
    size_t shift = bucket / SUB_COUNT - 1;
    uint64_t lower = (uint64_t)(SUB_COUNT + bucket % SUB_COUNT) << shift;
    return (int64_t)(lower + (UINT64_C(1) << shift) - 1);
}

void cc_histogram_add(struct cc_histogram *histogram, int64_t value_us)
{
    if (value_us < 0)
        value_us = 0;
    histogram->counts[bucket_of(value_us)]++;
    histogram->total++;
    histogram->sum_us += (uint64_t)value_us;
    if (value_us > histogram->maximum_us)
        histogram->maximum_us = value_us;
}

void cc_histogram_merge(struct cc_histogram *into, const struct cc_histogram *from)
{
    for (size_t i = 0; i < CC_HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->total += from->total;
    into->sum_us += from->sum_us;
    if (from->maximum_us > into->maximum_us)
        into->maximum_us = from->maximum_us;
}

int64_t cc_histogram_quantile(const struct cc_histogram *histogram, double quantile)
{
    if (histogram->total == 0)
        return 0;
    double exact_rank = quantile * (double)histogram->total;
    uint64_t rank = (uint64_t)exact_rank;
    if ((double)rank < exact_rank || rank == 0)
        rank++;
    uint64_t seen = 0;
    for (size_t i = 0; i < CC_HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->counts[i];
        if (seen >= rank) {
            int64_t edge_us = upper_edge_us(i);
            return edge_us < histogram->maximum_us ? edge_us : histogram->maximum_us;
        }
    }
    return histogram->maximum_us;
}

uint64_t cc_histogram_at_most(const struct cc_histogram *histogram, int64_t limit_us)
{
    if (limit_us < 0)
        return 0;
    size_t last = bucket_of(limit_us);
    uint64_t count = 0;
    for (size_t i = 0; i <= last; i++)
        count += histogram->counts[i];
    return count;
}
