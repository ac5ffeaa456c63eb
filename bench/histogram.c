#include "bench/histogram.h"

#include <stddef.h>

enum { SUB_BITS = 10, SUB_COUNT = 1 << SUB_BITS };

/* Values below 1,024 have a bucket each; above, every power of two is cut into 1,024. */
static size_t bucket_of(uint64_t value)
{
    if (value < SUB_COUNT)
        return (size_t)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    size_t bucket = (size_t)SUB_COUNT * shift + (size_t)(value >> shift);
    return bucket < BENCH_HISTOGRAM_BUCKETS ? bucket : BENCH_HISTOGRAM_BUCKETS - 1;
}

static int64_t upper_edge_us(size_t bucket)
{
    if (bucket < SUB_COUNT)
        return (int64_t)bucket;
    size_t shift = bucket / SUB_COUNT - 1;
    uint64_t lower = (uint64_t)(SUB_COUNT + bucket % SUB_COUNT) << shift;
    return (int64_t)(lower + (UINT64_C(1) << shift) - 1);
}

void bench_histogram_add(struct bench_histogram *histogram, int64_t value_us)
{
    if (value_us < 0)
        value_us = 0;
    histogram->counts[bucket_of((uint64_t)value_us)]++;
    histogram->total++;
    histogram->sum_us += (uint64_t)value_us;
    if (value_us > histogram->maximum_us)
        histogram->maximum_us = value_us;
}

int64_t bench_histogram_quantile(const struct bench_histogram *histogram, double quantile)
{
    double exact_rank = quantile * (double)histogram->total;
    uint64_t rank = (uint64_t)exact_rank;
    if ((double)rank < exact_rank)
        rank++;
    uint64_t seen = 0;
    for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->counts[i];
        if (seen > 0 && seen >= rank) {
            int64_t edge_us = upper_edge_us(i);
            return edge_us < histogram->maximum_us ? edge_us : histogram->maximum_us;
        }
    }
    return histogram->maximum_us;
}

double bench_histogram_mean_us(const struct bench_histogram *histogram)
{
    return histogram->total ? (double)histogram->sum_us / (double)histogram->total : 0;
}
