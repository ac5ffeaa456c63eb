/*
 * A scenario: who is called, how often, and what goes wrong meanwhile; read from YAML
 * (bench/scenarios/, docs/bench.md). Pure.
 */
#ifndef BENCH_SCENARIO_H
#define BENCH_SCENARIO_H

#include "base/config.h"
#include "bench/arrivals.h"
#include "bench/population.h"

enum { BENCH_FAULTS_MAX = 16, BENCH_PART_MAX = 64 };

/* kill -9 of a service of the home by its name, or of whichever node is primary: "se-1-primary". */
struct bench_fault {
    int64_t at_us;
    char part[BENCH_PART_MAX];
};

struct bench_scenario {
    struct bench_population population;
    struct bench_arrivals arrivals; /* without the offsets of a recording: the caller reads them */
    struct bench_fault faults[BENCH_FAULTS_MAX];
    size_t fault_count;
    /* As in the file; owned. */
    char *about;
    char *recording; /* NULL: none */
    int64_t pause_ms;
    bool first_only;
    bool cold;
    /* Only read by the parser. */
    char *arrivals_name;
    struct cc_config_list countries, steps, kills;
};

/* On CC_INVALID, errors holds a line for each: "mixed.yaml:7: steps: ...". Free in both cases. */
enum cc_error bench_scenario_parse(struct cc_slice yaml, const char *file_name,
                                   struct bench_scenario *out,
                                   struct cc_buffer *errors) CC_MUST_CHECK;
void bench_scenario_free(struct bench_scenario *scenario);

/* The whole run in length_us: steps and times of faults alike. */
void bench_scenario_stretch(struct bench_scenario *scenario, int64_t length_us);

/* Markdown table of the keys, for docs. */
void bench_scenario_describe(struct cc_buffer *out);

#endif
