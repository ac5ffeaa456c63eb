/*
 * What a scenario does to the platform of a home, beside calling it: makes cells, tenants, keys and
 * numbers through the home's command line, starts Redis and workers anew, kills. Rim: starts
 * processes and waits for them, so that it is called while no load runs; bench_platform_kill waits
 * for nothing.
 */
#ifndef BENCH_PLATFORM_H
#define BENCH_PLATFORM_H

#include <stdio.h>

#include "bench/carrier.h"
#include "bench/scenario.h"

/* All of it may be there already. A line on stderr per command that failed, then CC_IO. */
enum cc_error bench_platform_prepare(const char *home,
                                     const struct bench_scenario *scenario) CC_MUST_CHECK;

/* The numbers of a country as `callcell number import` takes them. */
void bench_platform_write_numbers(const struct bench_population *population, size_t country,
                                  FILE *out);

/* The key that bench_platform_prepare makes in a country, and the file with its secret. */
struct bench_key_place {
    char id[32];
    char secret_file[512];
};
void bench_platform_key(const char *home, const char *country, struct bench_key_place *out);

/* The keys that bench_platform_prepare made, into carrier; ids borrow from storage. */
struct bench_key_names {
    struct bench_key_place places[BENCH_KEYS_MAX];
};
enum cc_error bench_platform_keys(const char *home, const struct bench_scenario *scenario,
                                  struct bench_key_names *storage,
                                  struct bench_carrier *carrier) CC_MUST_CHECK;

/* Every Redis empty, every worker's memory too. */
enum cc_error bench_platform_cool(const char *home,
                                  const struct bench_scenario *scenario) CC_MUST_CHECK;

/* kill -9 of a service of the home, or of the node that is primary ("se-1-primary"): its Postgres
 * and its keeper. Their supervisor brings them back. CC_NOT_FOUND. */
enum cc_error bench_platform_kill(const char *home, const char *part) CC_MUST_CHECK;

#endif
