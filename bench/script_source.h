/*
 * Where a run's calls come from: a file of scripted dialogues, or calls made up by a seeded
 * generator over a file of numbers (NDJSON as for `callcell number import`) or over a population.
 * Pure.
 */
#ifndef BENCH_SCRIPT_SOURCE_H
#define BENCH_SCRIPT_SOURCE_H

#include "bench/dialogue.h"
#include "bench/population.h"

struct bench_script_source {
    const char *country;
    struct cc_slice rest;         /* unread lines of a --calls file */
    struct bench_number *numbers; /* of a --numbers file; owned */
    size_t number_count;
    const struct bench_population *population; /* or of one; borrowed */
    uint64_t random;                           /* generator's state */
    uint64_t given;
    int64_t run_us; /* names the run in the generator's call ids; the caller sets it */
    int64_t line;
};

/* Borrows the bytes. */
void bench_script_source_calls(struct bench_script_source *source, const char *country,
                               struct cc_slice bytes);
/* Copies what it needs; CC_INVALID with the line in reason. */
enum cc_error bench_script_source_numbers(struct bench_script_source *source, const char *country,
                                          struct cc_slice bytes, uint64_t seed,
                                          struct cc_json_reason *reason) CC_MUST_CHECK;
/* Borrows the population. */
void bench_script_source_population(struct bench_script_source *source,
                                    const struct bench_population *population, uint64_t seed);
void bench_script_source_deinit(struct bench_script_source *source);

/* CC_NOT_FOUND at the end of a --calls file; a generator never ends. */
enum cc_error bench_script_source_next(struct bench_script_source *source, struct bench_script *out,
                                       struct cc_json_reason *reason) CC_MUST_CHECK;

#endif
