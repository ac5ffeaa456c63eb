/*
 * A run's report as one JSON document (docs/bench.md says what each figure means), and as an HTML
 * file that carries this document and draws it. Rim: reads the machine's facts.
 */
#ifndef BENCH_REPORT_JSON_H
#define BENCH_REPORT_JSON_H

#include <jansson.h>

#include "bench/processes.h"
#include "bench/report.h"

struct bench_mark {
    int64_t at_us; /* since the start */
    const char *text;
};

struct bench_subject {
    const struct bench_report *report;
    const struct bench_processes *processes; /* NULL: not watched */
    const char *name;                        /* of the scenario; "load" without one */
    const char *about;
    const struct bench_mark *marks; /* what was done to the platform */
    size_t mark_count;
    uint64_t seed;
};

/* The caller json_decref()s it; NULL when memory is out. */
json_t *bench_report_json(const struct bench_subject *subject);

/* CC_IO with a line on stderr when the file cannot be written. */
enum cc_error bench_report_write_json(const json_t *document, const char *path) CC_MUST_CHECK;
enum cc_error bench_report_write_html(const json_t *document, const char *path) CC_MUST_CHECK;

#endif
