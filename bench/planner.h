/*
 * Rim: the commands plan, calibrate and simulate.
 */
#ifndef BENCH_PLANNER_H
#define BENCH_PLANNER_H

#include "bench/planner_options.h"

/* Exit status: 0 ok, 1 failed, 2 usage. For a command line that bench_planner_knows. */
int bench_planner_main(int argc, char **argv);

#endif
