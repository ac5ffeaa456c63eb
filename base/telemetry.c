#include "base/telemetry.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct {
    int64_t limit_us;
    const char *text; /* seconds */
} bounds[] = {{500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},
              {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},
              {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"},
              {5000000, "5"},   {10000000, "10"}};

static const char *const kind_names[] = {"counter", "gauge", "histogram", "gauge"};

enum cc_error cc_telemetry_init(struct cc_telemetry *telemetry, const struct cc_series *series,
                                size_t count)
{
    *telemetry = (struct cc_telemetry){._series = series, ._count = count};
    telemetry->_values = calloc(count + 1, sizeof(*telemetry->_values));
    telemetry->_histograms = calloc(count + 1, sizeof(struct cc_histogram *));
    if (!telemetry->_values || !telemetry->_histograms)
        goto no_memory;
    for (size_t i = 0; i < count; i++) {
        if (series[i].kind != CC_SERIES_HISTOGRAM)
            continue;
        telemetry->_histograms[i] = calloc(1, sizeof(struct cc_histogram));
        if (!telemetry->_histograms[i])
            goto no_memory;
    }
    return CC_OK;
no_memory:
    cc_telemetry_deinit(telemetry);
    return CC_NO_MEMORY;
}

void cc_telemetry_deinit(struct cc_telemetry *telemetry)
{
    for (size_t i = 0; telemetry->_histograms && i < telemetry->_count; i++)
        free(telemetry->_histograms[i]);
    free(telemetry->_histograms);
    free(telemetry->_values);
    *telemetry = (struct cc_telemetry){0};
}

void cc_telemetry_add(struct cc_telemetry *telemetry, size_t series, int64_t amount)
{
    if (series < telemetry->_count)
        telemetry->_values[series] += amount;
}

void cc_telemetry_set(struct cc_telemetry *telemetry, size_t series, int64_t value)
{
    if (series < telemetry->_count)
        telemetry->_values[series] = value;
}

void cc_telemetry_observe(struct cc_telemetry *telemetry, size_t series, int64_t value_us)
{
    if (series < telemetry->_count && telemetry->_histograms[series])
        cc_histogram_add(telemetry->_histograms[series], value_us);
}

int64_t cc_telemetry_value(const struct cc_telemetry *telemetry, size_t series)
{
    if (series >= telemetry->_count)
        return 0;
    if (telemetry->_histograms[series])
        return (int64_t)telemetry->_histograms[series]->total;
    return telemetry->_values[series];
}

static void expose_value(const struct cc_series *series, int64_t value, struct cc_buffer *out)
{
    cc_buffer_text(out, series->name);
    if (series->labels[0] != '\0')
        cc_buffer_printf(out, "{%s}", series->labels);
    cc_buffer_printf(out, " %" PRId64 "\n", value);
}

static void expose_histogram(const struct cc_series *series, const struct cc_histogram *histogram,
                             struct cc_buffer *out)
{
    const char *comma = series->labels[0] != '\0' ? "," : "";
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        cc_buffer_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", series->name,
                         series->labels, comma, bounds[i].text,
                         cc_histogram_at_most(histogram, bounds[i].limit_us));
    cc_buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", series->name, series->labels,
                     comma, histogram->total);
    const char *open = series->labels[0] != '\0' ? "{" : "";
    const char *close = series->labels[0] != '\0' ? "}" : "";
    cc_buffer_printf(out, "%s_sum%s%s%s %" PRIu64 ".%06" PRIu64 "\n", series->name, open,
                     series->labels, close, histogram->sum_us / 1000000,
                     histogram->sum_us % 1000000);
    cc_buffer_printf(out, "%s_count%s%s%s %" PRIu64 "\n", series->name, open, series->labels, close,
                     histogram->total);
}

static bool is_first_of_name(const struct cc_series *series, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(series[i].name, series[index].name) == 0)
            return false;
    }
    return true;
}

static void expose_head(const struct cc_series *series, struct cc_buffer *out)
{
    cc_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", series->name, series->help, series->name,
                     kind_names[series->kind]);
}

void cc_telemetry_expose_family(const struct cc_telemetry *telemetry, size_t series, bool is_first,
                                const char *labels, int64_t value, struct cc_buffer *out)
{
    const struct cc_series *family = &telemetry->_series[series];
    if (is_first)
        expose_head(family, out);
    cc_buffer_printf(out, "%s{%s} %" PRId64 "\n", family->name, labels, value);
}

void cc_telemetry_expose_seconds(const struct cc_telemetry *telemetry, size_t series,
                                 int64_t value_us, struct cc_buffer *out)
{
    const struct cc_series *family = &telemetry->_series[series];
    uint64_t size_us = value_us < 0 ? 0 - (uint64_t)value_us : (uint64_t)value_us;
    expose_head(family, out);
    cc_buffer_printf(out, "%s %s%" PRIu64 ".%06" PRIu64 "\n", family->name, value_us < 0 ? "-" : "",
                     size_us / 1000000, size_us % 1000000);
}

/* The format wants all series of one name together, whatever their order in the list. */
void cc_telemetry_expose(const struct cc_telemetry *telemetry, struct cc_buffer *out)
{
    const struct cc_series *series = telemetry->_series;
    for (size_t i = 0; i < telemetry->_count; i++) {
        if (!is_first_of_name(series, i) || series[i].kind == CC_SERIES_FAMILY)
            continue;
        expose_head(&series[i], out);
        for (size_t j = i; j < telemetry->_count; j++) {
            if (strcmp(series[i].name, series[j].name) != 0)
                continue;
            if (telemetry->_histograms[j])
                expose_histogram(&series[j], telemetry->_histograms[j], out);
            else
                expose_value(&series[j], telemetry->_values[j], out);
        }
    }
}

void cc_telemetry_describe(const struct cc_series *series, size_t count, struct cc_buffer *out)
{
    cc_buffer_text(out, "| Series | Kind | Labels | Meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < count; i++)
        cc_buffer_printf(out, "| `%s` | %s | %s%s%s | %s |\n", series[i].name,
                         kind_names[series[i].kind], series[i].labels[0] != '\0' ? "`" : "",
                         series[i].labels, series[i].labels[0] != '\0' ? "`" : "", series[i].help);
}
