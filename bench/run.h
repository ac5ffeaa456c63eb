/*
 * A run of load from its options to its reports: `load`, and `run` of a scenario on the platform of
 * a home. Rim: files, loop, platform.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/load.h"
#include "bench/options.h"

/* Whole file; a line on stderr and false when it cannot be had. Free out in both cases. */
bool bench_read_file(const char *path, size_t limit_bytes, struct cc_buffer *out);

/* The carrier has its loop and its client; both give it calls until the plan ends, and report as
 * the options say. report is initialised here; the caller frees it in any case. */
enum cc_error bench_run_load(struct bench_carrier *carrier, const struct bench_options *options,
                             struct bench_report *report) CC_MUST_CHECK;
enum cc_error bench_run_scenario(struct bench_carrier *carrier, const struct bench_options *options,
                                 struct bench_report *report) CC_MUST_CHECK;

#endif
