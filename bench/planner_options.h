/*
 * Command lines of `plan`, `calibrate` and `simulate`: a table of options, strictly read. Pure.
 */
#ifndef BENCH_PLANNER_OPTIONS_H
#define BENCH_PLANNER_OPTIONS_H

#include "bench/plan.h"
#include "bench/simulate.h"

struct bench_planner_options {
    const char *command; /* "plan", "calibrate", "simulate" */
    bool help, json;

    /* plan */
    struct bench_demand demand;
    const char *country, *profile;
    const char *template;    /* NULL: the smallest that takes all users in one cell */
    const char *templates;   /* folder; NULL: beside the program */
    const char *prices;      /* file; NULL: beside the program */
    const char *calibration; /* file; plan --check: NULL: measures */
    const char *telemetry;   /* --from-live: host:port,... of edges and workers */
    bool from_live, check;
    double live_users, live_s;

    /* calibrate, plan --check */
    const char *home, *cell, *edge, *key, *secret_file, *numbers, *out;
    double step_s;

    /* simulate */
    struct bench_simulation simulation;
    const char *failure;
};

extern const char bench_planner_usage[];

/* Whether argv[1] is a command of ours. */
bool bench_planner_knows(int argc, char *const *argv);

/* On a mistake writes one helpful line to problem and returns CC_INVALID. Borrows argv. */
enum cc_error bench_planner_parse(int argc, char **argv, struct bench_planner_options *out,
                                  struct cc_buffer *problem) CC_MUST_CHECK;

#endif
