/*
 * The command line of callcell-bench. Pure.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench/dialogue.h"

struct bench_options {
    const char *command;  /* "call", "load", "run" */
    const char *scenario; /* run: a file or a name */
    const char *name;     /* in reports; default: the scenario, or the command */
    struct bench_script script;
    const char *event;    /* call: one webhook of this type instead of call.initiated */
    const char *event_id; /* call */
    const char *status, *state, *reason, *digits;
    bool dialogue;
    bool json;
    bool allow_unanswered;
    const char *secret_file;
    const char *key;
    const char *edge;
    const char *authority_file; /* NULL: plain HTTP */
    const char *calls_file;
    const char *numbers_file;
    const char *log_file;
    double rate;           /* calls/s, default 50 */
    double duration_s;     /* 0: until the calls end, or as the scenario says */
    const char *steps;     /* load: instead of rate and duration; NULL: none */
    const char *recording; /* load: instead of both */
    bool poisson;
    bool first_only;
    bool progress;         /* also where stderr is no terminal */
    const char *home;      /* of the platform; load: NULL: its processes are not watched */
    const char *json_file; /* NULL: none */
    const char *html_file;
    uint64_t seed;
    bool help;
};

/* On a mistake writes one helpful line to problem and returns CC_INVALID. Borrows argv. */
enum cc_error bench_options_parse(int argc, char **argv, struct bench_options *out,
                                  struct cc_buffer *problem) CC_MUST_CHECK;

extern const char bench_usage[];

#endif
