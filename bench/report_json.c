/* Rim: reads facts of the machine, writes files. */
#include "bench/report_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/timestamp.h"
#include "bench/report_page.h"
#include "bench/usl.h"

static void set_integer(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* json_real refuses what is no finite number; such a thing is null. */
static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *latency_json(const struct bench_histogram *histogram)
{
    json_t *object = json_object();
    for (size_t i = 0; i < BENCH_QUANTILES; i++)
        set_integer(object, bench_quantiles[i].name,
                    (uint64_t)bench_histogram_quantile(histogram, bench_quantiles[i].quantile));
    json_object_set_new(object, "mean", real(bench_histogram_mean_us(histogram)));
    return object;
}

static json_t *sources_json(const struct bench_report *report)
{
    json_t *object = json_object();
    for (size_t i = 0; i < BENCH_SOURCES_MAX && report->sources[i].count; i++)
        set_integer(object, report->sources[i].name, report->sources[i].count);
    return object;
}

static double step_seconds(const struct bench_report *report, size_t step)
{
    int64_t length_us = report->arrivals && step < report->arrivals->step_count
                            ? report->arrivals->steps[step].length_us
                            : 0;
    return (double)(length_us ? length_us : report->elapsed_us) / 1e6;
}

/* In flight by Little's law: how many a second, times how long each takes. */
static struct bench_usl_point step_point(const struct bench_report *report, size_t step)
{
    double throughput = (double)report->steps[step].answered / step_seconds(report, step);
    double mean_s = bench_histogram_mean_us(&report->steps[step].latency) / 1e6;
    return (struct bench_usl_point){.n = throughput * mean_s, .throughput = throughput};
}

static json_t *step_json(const struct bench_report *report, size_t step)
{
    const struct bench_step_result *result = &report->steps[step];
    struct bench_usl_point point = step_point(report, step);
    json_t *object = json_object();
    if (report->arrivals && step < report->arrivals->step_count)
        json_object_set_new(object, "calls_per_s", real(report->arrivals->steps[step].rate));
    json_object_set_new(object, "seconds", real(step_seconds(report, step)));
    set_integer(object, "offered", result->offered);
    set_integer(object, "answered", result->answered);
    set_integer(object, "unanswered", result->unanswered);
    set_integer(object, "by_edge", result->by_edge);
    json_object_set_new(object, "answered_per_s", real(point.throughput));
    json_object_set_new(object, "in_flight", real(point.n));
    json_object_set_new(object, "latency_us", latency_json(&result->latency));
    return object;
}

static json_t *steps_json(const struct bench_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->step_count; i++)
        json_array_append_new(array, step_json(report, i));
    return array;
}

static json_t *usl_json(const struct bench_report *report)
{
    struct bench_usl_point points[BENCH_STEPS_MAX];
    struct bench_usl usl;
    for (size_t i = 0; i < report->step_count; i++)
        points[i] = step_point(report, i);
    if (bench_usl_fit(points, report->step_count, &usl))
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "lambda", real(usl.lambda));
    json_object_set_new(object, "sigma", real(usl.sigma));
    json_object_set_new(object, "kappa", real(usl.kappa));
    json_object_set_new(object, "error", real(usl.error));
    json_object_set_new(object, "peak_in_flight", real(usl.n_peak));
    json_object_set_new(object, "peak_per_s", real(usl.throughput_peak));
    return object;
}

static json_t *seconds_json(const struct bench_report *report)
{
    static const char *const names[] = {"offered", "answered", "unanswered",
                                        "by_edge", "repeated", "calls_running"};
    enum { COLUMNS = sizeof(names) / sizeof(names[0]) };
    json_t *columns[COLUMNS], *quantiles[BENCH_QUANTILES], *object = json_object();
    for (size_t i = 0; i < COLUMNS; i++)
        json_object_set_new(object, names[i], columns[i] = json_array());
    for (size_t i = 0; i < BENCH_QUANTILES; i++)
        json_object_set_new(object, bench_quantiles[i].name, quantiles[i] = json_array());
    json_t *late = json_array();
    json_object_set_new(object, "late_us", late);
    for (size_t k = 0; k < report->seconds_rolled && k < report->second_count; k++) {
        const struct bench_second *second = &report->seconds[k];
        const uint32_t values[COLUMNS] = {second->offered, second->answered, second->unanswered,
                                          second->by_edge, second->repeated, second->running};
        for (size_t i = 0; i < COLUMNS; i++)
            json_array_append_new(columns[i], json_integer(values[i]));
        for (size_t i = 0; i < BENCH_QUANTILES; i++)
            json_array_append_new(quantiles[i], json_integer(second->latency_us[i]));
        json_array_append_new(late, json_integer(second->late_us));
    }
    return object;
}

static json_t *service_json(const struct bench_service *service, size_t sample_count)
{
    json_t *at = json_array(), *cpu = json_array(), *rss = json_array(), *pss = json_array(),
           *processes = json_array();
    for (size_t i = 0; i < sample_count; i++) {
        const struct bench_usage *usage = &service->samples[i];
        json_array_append_new(at, real(usage->at_ms / 1e3));
        json_array_append_new(cpu, real(usage->cpu_ms / 10.0));
        json_array_append_new(rss, json_integer(usage->rss_kib));
        json_array_append_new(pss, json_integer(usage->pss_kib));
        json_array_append_new(processes, json_integer(usage->processes));
    }
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(service->name));
    json_object_set_new(object, "at_s", at);
    json_object_set_new(object, "cpu_percent", cpu);
    json_object_set_new(object, "rss_kib", rss);
    json_object_set_new(object, "pss_kib", pss);
    json_object_set_new(object, "processes", processes);
    return object;
}

static json_t *processes_json(const struct bench_processes *processes)
{
    json_t *array = json_array();
    size_t services = 0, samples = 0;
    const struct bench_service *service =
        processes ? bench_processes_services(processes, &services, &samples) : NULL;
    for (size_t i = 0; i < services; i++)
        json_array_append_new(array, service_json(&service[i], samples));
    return array;
}

static json_t *marks_json(const struct bench_subject *subject)
{
    json_t *array = json_array();
    for (size_t i = 0; i < subject->mark_count; i++) {
        json_t *mark = json_object();
        json_object_set_new(mark, "at_s", real((double)subject->marks[i].at_us / 1e6));
        json_object_set_new(mark, "what", json_string(subject->marks[i].text));
        json_array_append_new(array, mark);
    }
    return array;
}

static void set_cpu_model(json_t *object)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof(line), file)) {
        char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (!colon)
            continue;
        colon[strcspn(colon, "\n")] = '\0';
        json_object_set_new(object, "cpu", json_string(colon + 2));
        break;
    }
    if (file)
        fclose(file);
}

static json_t *machine_json(void)
{
    struct utsname system;
    json_t *object = json_object();
    set_cpu_model(object);
    set_integer(object, "cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    set_integer(object, "memory_mib",
                (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 20);
    if (uname(&system) == 0)
        json_object_set_new(object, "kernel", json_string(system.release));
    return object;
}

static void set_sums(json_t *object, const struct bench_report *report)
{
    set_integer(object, "elapsed_us", (uint64_t)report->elapsed_us);
    set_integer(object, "calls", report->calls);
    set_integer(object, "webhooks", report->webhooks);
    set_integer(object, "unanswered", report->unanswered);
    set_integer(object, "repeated", report->repeated);
    set_integer(object, "by_edge", report->by_edge);
    json_object_set_new(object, "latency_us", latency_json(&report->latency));
    json_object_set_new(object, "sources", sources_json(report));
    json_object_set_new(object, "generator_late_us", latency_json(&report->lateness));
    json_object_set_new(object, "generator_was_late", json_boolean(bench_report_is_late(report)));
}

json_t *bench_report_json(const struct bench_subject *subject)
{
    const struct bench_report *report = subject->report;
    char started_at[CC_TIMESTAMP_TEXT_MAX];
    json_t *object = json_object();
    if (!object)
        return NULL;
    cc_timestamp_format(report->started_wall_us, started_at);
    json_object_set_new(object, "name", json_string(subject->name));
    json_object_set_new(object, "about", json_string(subject->about ? subject->about : ""));
    json_object_set_new(object, "started_at", json_string(started_at));
    set_integer(object, "seed", subject->seed);
    set_sums(object, report);
    json_object_set_new(object, "steps", steps_json(report));
    json_object_set_new(object, "usl", usl_json(report));
    json_object_set_new(object, "marks", marks_json(subject));
    json_object_set_new(object, "machine", machine_json());
    json_object_set_new(object, "seconds", seconds_json(report));
    json_object_set_new(object, "processes", processes_json(subject->processes));
    return object;
}

static enum cc_error write_file(const char *path, const char *const parts[], size_t count)
{
    FILE *file = fopen(path, "we");
    bool ok = file != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = fputs(parts[i], file) >= 0;
    if (file && fclose(file))
        ok = false;
    if (!ok)
        fprintf(stderr, "callcell-bench: %s: %s\n", path, strerror(errno));
    return ok ? CC_OK : CC_IO;
}

enum cc_error bench_report_write_json(const json_t *document, const char *path)
{
    char *text = json_dumps(document, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    if (!text)
        return CC_NO_MEMORY;
    const char *const parts[] = {text, "\n"};
    enum cc_error error = write_file(path, parts, 2);
    free(text);
    return error;
}

/* Inside <script type="application/json"> only "</" must not stand; jansson escapes it. */
enum cc_error bench_report_write_html(const json_t *document, const char *path)
{
    char *text = json_dumps(document, JSON_COMPACT | JSON_ESCAPE_SLASH | JSON_REAL_PRECISION(9));
    if (!text)
        return CC_NO_MEMORY;
    const char *const parts[] = {bench_report_page_head, text, bench_report_page_tail};
    enum cc_error error = write_file(path, parts, 3);
    free(text);
    return error;
}
