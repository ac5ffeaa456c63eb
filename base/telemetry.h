/*
 * Telemetry from a list: each program writes one X-macro list of series, and both the Prometheus
 * text (exposition format 0.0.4) and the documentation come from it. No tenant is ever a label.
 *
 *   #define EDGE_TELEMETRY(X) \
 *     X(EDGE_REQUESTS, COUNTER, "callcell_edge_requests_total", "", "Requests received") \
 *     X(EDGE_ANSWERS_CELL, COUNTER, "callcell_edge_answers_total", "by=\"cell\"", "Answers by
 * giver") enum { ... }; static const struct cc_series series[] = { ... };
 *
 * Values live in the cc_telemetry that the program owns; single-threaded by loop.
 */
#ifndef CC_TELEMETRY_H
#define CC_TELEMETRY_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/histogram.h"

/* FAMILY: a gauge whose samples are known at run time only, because its labels (a bounded set) are
 * or because it may be absent: the program writes them with cc_telemetry_expose_family or
 * cc_telemetry_expose_seconds. */
enum cc_series_kind { CC_SERIES_COUNTER, CC_SERIES_GAUGE, CC_SERIES_HISTOGRAM, CC_SERIES_FAMILY };

struct cc_series {
    enum cc_series_kind kind;
    const char *name;   /* callcell_<component>_<noun>_<unit> */
    const char *labels; /* "" or key="value",... without braces */
    const char *help;
};

#define CC_SERIES_ID(id, kind, name, labels, help) id,
#define CC_SERIES_ROW(id, kind, name, labels, help) {CC_SERIES_##kind, name, labels, help},

struct cc_telemetry {
    const struct cc_series *_series;
    size_t _count;
    int64_t *_values;                  /* per series */
    struct cc_histogram **_histograms; /* per series, NULL unless a histogram */
};

enum cc_error cc_telemetry_init(struct cc_telemetry *telemetry, const struct cc_series *series,
                                size_t count) CC_MUST_CHECK;
void cc_telemetry_deinit(struct cc_telemetry *telemetry);
void cc_telemetry_add(struct cc_telemetry *telemetry, size_t series, int64_t amount);
void cc_telemetry_set(struct cc_telemetry *telemetry, size_t series, int64_t value);
void cc_telemetry_observe(struct cc_telemetry *telemetry, size_t series, int64_t value_us);
int64_t cc_telemetry_value(const struct cc_telemetry *telemetry, size_t series);

/* Prometheus text; histogram series in seconds with a fixed set of "le" bounds. */
void cc_telemetry_expose(const struct cc_telemetry *telemetry, struct cc_buffer *out);

/* One sample of a family; is_first: its head goes before. labels: as in struct cc_series. */
void cc_telemetry_expose_family(const struct cc_telemetry *telemetry, size_t series, bool is_first,
                                const char *labels, int64_t value, struct cc_buffer *out);

/* A family's only sample, without labels, in seconds with a fraction; left out: not known now. */
void cc_telemetry_expose_seconds(const struct cc_telemetry *telemetry, size_t series,
                                 int64_t value_us, struct cc_buffer *out);

/* Markdown table of the series, for docs. */
void cc_telemetry_describe(const struct cc_series *series, size_t count, struct cc_buffer *out);

#endif
