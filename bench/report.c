#include "bench/report.h"

#include <inttypes.h>

static bool is_answered(const struct bench_outcome *outcome)
{
    return outcome->error == CC_OK && outcome->status == 200;
}

static void count_source(struct bench_report *report, struct cc_slice source)
{
    for (size_t i = 0; i < BENCH_SOURCES_MAX; i++) {
        if (!*report->sources[i].name)
            snprintf(report->sources[i].name, sizeof(report->sources[i].name), "%.*s",
                     (int)source.length, source.data ? source.data : "");
        if (cc_slice_is(source, report->sources[i].name)) {
            report->sources[i].count++;
            return;
        }
    }
}

static void append_field(struct cc_buffer *line, const char *name, const char *value)
{
    cc_buffer_printf(line, "\"%s\":", name);
    if (value)
        cc_buffer_json_string(line, cc_slice_of(value));
    else
        cc_buffer_text(line, "null");
    cc_buffer_text(line, ",");
}

static void append_slice(struct cc_buffer *line, const char *name, struct cc_slice value)
{
    cc_buffer_printf(line, "\"%s\":", name);
    cc_buffer_json_string(line, value);
    cc_buffer_text(line, ",");
}

static void append_webhook(struct cc_buffer *line, const struct bench_webhook *webhook)
{
    append_field(line, "call_id", webhook->call_id);
    append_field(line, "event_id", webhook->event_id);
    append_field(line, "event", webhook->event);
    append_field(line, "tenant", webhook->tenant);
    append_field(line, "kind", webhook->kind);
    append_field(line, "direction", webhook->direction);
    append_field(line, "from", webhook->from);
    append_field(line, "to", webhook->to);
    append_field(line, "dialled", webhook->dialled);
    append_field(line, "occurred_at", webhook->occurred_at);
    append_field(line, "state", webhook->state);
    append_field(line, "status", webhook->status);
    append_field(line, "digits", webhook->digits);
    append_field(line, "reason", webhook->reason);
    cc_buffer_printf(line, "\"sequence\":%" PRId64 ",", webhook->sequence);
}

void bench_report_line(const struct bench_webhook *webhook, const struct bench_outcome *outcome,
                       int64_t latency_us, FILE *out)
{
    struct cc_buffer line;
    cc_buffer_init(&line, 0);
    cc_buffer_text(&line, "{");
    append_webhook(&line, webhook);
    append_slice(&line, "source", outcome->source);
    append_slice(&line, "decision_id", outcome->decision_id);
    append_slice(&line, "plan_version", outcome->plan_version);
    append_slice(&line, "body", outcome->body);
    if (outcome->error)
        append_field(&line, "error", cc_error_name(outcome->error));
    cc_buffer_printf(&line, "\"http_status\":%d,\"edge\":%zu,\"attempts\":%d,", outcome->status,
                     outcome->edge, outcome->attempts);
    cc_buffer_printf(&line, "\"ended_us\":%" PRId64 ",\"latency_us\":%" PRId64, outcome->done_us,
                     latency_us);
    cc_buffer_printf(&line, ",\"unanswered\":%s}\n", is_answered(outcome) ? "false" : "true");
    if (line.error)
        fprintf(stderr, "callcell-bench: %s\n", cc_error_text(line.error));
    else
        fwrite(line.data, 1, line.length, out);
    cc_buffer_deinit(&line);
}

void bench_report_add(struct bench_report *report, const struct bench_webhook *webhook,
                      const struct bench_outcome *outcome, int64_t latency_us)
{
    report->webhooks++;
    report->repeated += outcome->attempts > 1;
    if (is_answered(outcome)) {
        cc_histogram_add(&report->latency, latency_us);
        count_source(report, outcome->source);
    } else {
        report->unanswered++;
    }
    if (report->log)
        bench_report_line(webhook, outcome, latency_us, report->log);
}

static const struct {
    const char *name;
    double quantile;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}};
enum { QUANTILES = sizeof(quantiles) / sizeof(quantiles[0]) };

static void print_text(const struct bench_report *report, FILE *out)
{
    double seconds = (double)report->elapsed_us / 1e6;
    fprintf(out, "%" PRIu64 " calls, %" PRIu64 " webhooks in %.1f s (%.1f calls/s asked)\n",
            report->calls, report->webhooks, seconds, report->rate);
    fprintf(out, "unanswered %" PRIu64 ", repeated at the other edge %" PRIu64 "\n",
            report->unanswered, report->repeated);
    fprintf(out, "latency from the intended time:");
    for (size_t i = 0; i < QUANTILES; i++)
        fprintf(out, " %s %.2f ms", quantiles[i].name,
                (double)cc_histogram_quantile(&report->latency, quantiles[i].quantile) / 1e3);
    fprintf(out, "\nsources:");
    for (size_t i = 0; i < BENCH_SOURCES_MAX && report->sources[i].count; i++)
        fprintf(out, " %s %" PRIu64, report->sources[i].name, report->sources[i].count);
    fprintf(out, "\n");
}

static void print_json(const struct bench_report *report, FILE *out)
{
    fprintf(out,
            "{\"calls\":%" PRIu64 ",\"webhooks\":%" PRIu64 ",\"unanswered\":%" PRIu64
            ",\"repeated\":%" PRIu64 ",\"elapsed_us\":%" PRId64 ",\"rate\":%.3f,\"latency_us\":{",
            report->calls, report->webhooks, report->unanswered, report->repeated,
            report->elapsed_us, report->rate);
    for (size_t i = 0; i < QUANTILES; i++)
        fprintf(out, "%s\"%s\":%" PRId64, i ? "," : "", quantiles[i].name,
                cc_histogram_quantile(&report->latency, quantiles[i].quantile));
    fprintf(out, "},\"sources\":{");
    for (size_t i = 0; i < BENCH_SOURCES_MAX && report->sources[i].count; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", report->sources[i].name,
                report->sources[i].count);
    fprintf(out, "}}\n");
}

void bench_report_print(const struct bench_report *report, bool as_json, FILE *out)
{
    if (as_json)
        print_json(report, out);
    else
        print_text(report, out);
}
