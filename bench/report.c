#include "bench/report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/timestamp.h"

const struct bench_quantile bench_quantiles[BENCH_QUANTILES] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1.0}};
enum { P50 = 0, P99 = 2 };

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

enum cc_error bench_report_init(struct bench_report *report, const struct bench_arrivals *arrivals)
{
    *report = (struct bench_report){.arrivals = arrivals};
    report->step_count = arrivals && arrivals->step_count ? arrivals->step_count : 1;
    report->steps = calloc(report->step_count, sizeof(*report->steps));
    return report->steps ? CC_OK : CC_NO_MEMORY;
}

void bench_report_deinit(struct bench_report *report)
{
    free(report->steps);
    free(report->seconds);
}

void bench_report_begin(struct bench_report *report, int64_t now_us, int64_t wall_us)
{
    report->started_us = now_us;
    report->started_wall_us = wall_us;
}

static size_t second_of(const struct bench_report *report, int64_t at_us)
{
    return at_us > report->started_us ? (size_t)((at_us - report->started_us) / CC_SECOND_US) : 0;
}

/* NULL when memory is out. */
static struct bench_second *second_at(struct bench_report *report, int64_t at_us)
{
    size_t wanted = second_of(report, at_us);
    if (wanted < report->second_count)
        return &report->seconds[wanted];
    size_t count = wanted < 64 ? 64 : wanted * 2;
    struct bench_second *seconds = realloc(report->seconds, count * sizeof(*seconds));
    if (!seconds) {
        report->no_memory = true;
        return NULL;
    }
    memset(seconds + report->second_count, 0, (count - report->second_count) * sizeof(*seconds));
    report->seconds = seconds;
    report->second_count = count;
    return &report->seconds[wanted];
}

static void complete_second(struct bench_report *report)
{
    int64_t at_us = report->started_us + (int64_t)report->seconds_rolled * CC_SECOND_US;
    struct bench_second *second = second_at(report, at_us);
    for (size_t i = 0; second && report->second_latency.total && i < BENCH_QUANTILES; i++)
        second->latency_us[i] =
            bench_histogram_quantile(&report->second_latency, bench_quantiles[i].quantile);
    if (second)
        second->running = (uint32_t)report->calls_running;
    if (report->second_latency.total)
        report->second_latency = (struct bench_histogram){0};
    report->seconds_rolled++;
}

void bench_report_roll(struct bench_report *report, int64_t now_us)
{
    while (report->seconds_rolled < second_of(report, now_us))
        complete_second(report);
}

void bench_report_started(struct bench_report *report, int64_t intended_us, int64_t now_us)
{
    bench_histogram_add(&report->lateness, now_us - intended_us);
    struct bench_second *second = second_at(report, intended_us);
    if (second && second->late_us < now_us - intended_us)
        second->late_us = now_us - intended_us;
}

void bench_report_offered(struct bench_report *report, size_t step, int64_t intended_us)
{
    report->steps[step].offered++;
    struct bench_second *second = second_at(report, intended_us);
    if (second)
        second->offered++;
}

static void add_to_sums(struct bench_report *report, const struct bench_outcome *outcome,
                        struct bench_step_result *step, bool by_edge)
{
    bool answered = is_answered(outcome);
    report->webhooks++;
    report->repeated += outcome->attempts > 1;
    report->unanswered += !answered;
    report->by_edge += by_edge;
    step->answered += answered;
    step->unanswered += !answered;
    step->by_edge += by_edge;
    if (answered)
        count_source(report, outcome->source);
}

static void add_to_second(struct bench_report *report, const struct bench_outcome *outcome,
                          bool by_edge)
{
    struct bench_second *second = second_at(report, outcome->done_us);
    if (!second)
        return;
    second->answered += is_answered(outcome);
    second->unanswered += !is_answered(outcome);
    second->by_edge += by_edge;
    second->repeated += outcome->attempts > 1;
}

void bench_report_add(struct bench_report *report, const struct bench_webhook *webhook,
                      const struct bench_outcome *outcome, size_t step, int64_t latency_us)
{
    bool by_edge = is_answered(outcome) && cc_slice_is(outcome->source, "edge");
    bench_report_roll(report, outcome->done_us);
    add_to_sums(report, outcome, &report->steps[step], by_edge);
    add_to_second(report, outcome, by_edge);
    bench_histogram_add(&report->latency, latency_us);
    bench_histogram_add(&report->steps[step].latency, latency_us);
    bench_histogram_add(&report->second_latency, latency_us);
    if (report->log)
        bench_report_line(webhook, outcome, latency_us, report->log);
}

void bench_report_end(struct bench_report *report, int64_t now_us)
{
    report->elapsed_us = now_us - report->started_us;
    bench_report_roll(report, now_us);
    if (report->elapsed_us % CC_SECOND_US)
        complete_second(report);
}

bool bench_report_is_late(const struct bench_report *report)
{
    return bench_histogram_quantile(&report->lateness, 0.99) > BENCH_LATE_P99_US ||
           report->lateness.maximum_us > BENCH_LATE_MAX_US;
}

void bench_report_progress(const struct bench_report *report, bool terminal, FILE *out)
{
    if (report->seconds_rolled == 0 || report->seconds_rolled > report->second_count)
        return;
    const struct bench_second *second = &report->seconds[report->seconds_rolled - 1];
    fprintf(out,
            "%s%5zu s: offered %" PRIu32 "/s, answered %" PRIu32 " (edge %" PRIu32
            "), unanswered %" PRIu32 ", p50 %.2f p99 %.2f ms, calls under way %" PRIu32,
            terminal ? "\r\033[K" : "", report->seconds_rolled, second->offered, second->answered,
            second->by_edge, second->unanswered, (double)second->latency_us[P50] / 1e3,
            (double)second->latency_us[P99] / 1e3, second->running);
    if (second->late_us > BENCH_LATE_MAX_US)
        fprintf(out, ", GENERATOR LATE by %.0f ms", (double)second->late_us / 1e3);
    fprintf(out, "%s", terminal ? "" : "\n");
    fflush(out);
}

static void print_quantiles(const struct bench_histogram *histogram, FILE *out)
{
    for (size_t i = 0; i < BENCH_QUANTILES; i++)
        fprintf(out, " %9.2f",
                (double)bench_histogram_quantile(histogram, bench_quantiles[i].quantile) / 1e3);
    fprintf(out, "\n");
}

static void print_steps(const struct bench_report *report, FILE *out)
{
    fprintf(out, "%10s %9s %9s %10s %8s", "calls/s", "webhooks", "answered", "unanswered", "edge");
    for (size_t i = 0; i < BENCH_QUANTILES; i++)
        fprintf(out, " %6s ms", bench_quantiles[i].name);
    fprintf(out, "\n");
    for (size_t i = 0; i < report->step_count; i++) {
        const struct bench_step_result *step = &report->steps[i];
        bool planned = report->arrivals && i < report->arrivals->step_count;
        fprintf(out, "%10.1f %9" PRIu64 " %9" PRIu64 " %10" PRIu64 " %8" PRIu64,
                planned ? report->arrivals->steps[i].rate
                        : (double)report->calls * 1e6 / (double)report->elapsed_us,
                step->offered, step->answered, step->unanswered, step->by_edge);
        print_quantiles(&step->latency, out);
    }
}

static void print_total(const struct bench_report *report, FILE *out)
{
    fprintf(out, "%10s %9" PRIu64 " %9" PRIu64 " %10" PRIu64 " %8" PRIu64, "all", report->webhooks,
            report->webhooks - report->unanswered, report->unanswered, report->by_edge);
    print_quantiles(&report->latency, out);
    fprintf(out, "%50s", "the generator's own lateness");
    print_quantiles(&report->lateness, out);
}

void bench_report_print(const struct bench_report *report, FILE *out)
{
    print_steps(report, out);
    print_total(report, out);
    fprintf(out,
            "%" PRIu64 " calls in %.1f s; repeated at the other edge %" PRIu64 "; answered from",
            report->calls, (double)report->elapsed_us / 1e6, report->repeated);
    for (size_t i = 0; i < BENCH_SOURCES_MAX && report->sources[i].count; i++)
        fprintf(out, " %s %" PRIu64, report->sources[i].name, report->sources[i].count);
    fprintf(out, "\n");
    if (bench_report_is_late(report))
        fprintf(out, "WARNING: the generator was late; these figures say more of it than of the "
                     "platform\n");
}
