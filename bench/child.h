/*
 * Rim: a program run to its end.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include "base/buffer.h"

/* Runs argv (NULL-terminated, found on PATH), waits for it and appends what it printed to output;
 * its error output is ours. cpu_s (may be NULL): what it used. CC_IO: could not be started;
 * CC_UNAVAILABLE: it failed. */
enum cc_error bench_child_run(const char *const *argv, struct cc_buffer *output,
                              double *cpu_s) CC_MUST_CHECK;

#endif
