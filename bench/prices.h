/*
 * What infrastructure costs a month: bench/prices/<name>.yaml. Pure.
 */
#ifndef BENCH_PRICES_H
#define BENCH_PRICES_H

#include "base/buffer.h"
#include "base/slice.h"

/* In millionths of the currency, so that sums of small prices stay whole numbers in the file's
 * keys' own words: "disk_gb: 50000" is 0.05 a gigabyte. */
struct bench_prices {
    char *name;
    char *currency;      /* "EUR" */
    int64_t vcpu;        /* one virtual core */
    int64_t memory_gb;   /* a gigabyte of memory */
    int64_t disk_gb;     /* a gigabyte of replicated block storage */
    int64_t backup_gb;   /* a gigabyte of object storage */
    int64_t balancer;    /* a load balancer or a floating address, in each zone */
    int64_t traffic_gb;  /* a gigabyte sent to carriers */
    int64_t vcpus_least; /* of the smallest machine */
    int64_t vcpus_most;  /* of the largest one */
    int64_t memory_gb_least;
};

/* On CC_INVALID errors has one line per fault, with file and line. Call bench_prices_deinit in both
 * cases. */
enum cc_error bench_prices_read(struct cc_slice yaml, const char *file_name,
                                struct bench_prices *out, struct cc_buffer *errors) CC_MUST_CHECK;
void bench_prices_deinit(struct bench_prices *prices);

#endif
