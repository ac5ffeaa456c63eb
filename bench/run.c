/* Rim: files, loop, platform. */
#include "bench/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/timestamp.h"
#include "bench/platform.h"
#include "bench/report_json.h"

enum { FILE_MAX = 1024 * 1024 * 1024, SCENARIO_MAX = 64 * 1024, PATH_TEXT_MAX = 512 };
enum { PROBE_EVERY_US = 200 * 1000, PROBES_MAX = 300 };

/* One run's things, for what happens every second and for what is written at its end. */
struct watch {
    const struct bench_options *options;
    const struct bench_scenario *scenario; /* NULL: plain load */
    struct bench_carrier *carrier;
    struct bench_report *report;
    struct bench_processes *processes;
    size_t faults_done;
    struct bench_mark marks[BENCH_FAULTS_MAX];
    char mark_texts[BENCH_FAULTS_MAX][BENCH_PART_MAX + 32];
    bool fault_failed;
};

bool bench_read_file(const char *path, size_t limit_bytes, struct cc_buffer *out)
{
    cc_buffer_init(out, limit_bytes);
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "callcell-bench: %s: %s\n", path, strerror(errno));
        return false;
    }
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), file)) > 0;)
        cc_buffer_append(out, cc_slice(chunk, n));
    bool ok = !ferror(file) && !out->error;
    fclose(file);
    if (!ok)
        fprintf(stderr, "callcell-bench: %s: cannot be read\n", path);
    return ok;
}

static void inflict_due_faults(struct watch *watch)
{
    int64_t now_us = cc_monotonic_us() - watch->report->started_us;
    while (watch->scenario && watch->faults_done < watch->scenario->fault_count) {
        const struct bench_fault *fault = &watch->scenario->faults[watch->faults_done];
        char *text = watch->mark_texts[watch->faults_done];
        if (fault->at_us > now_us)
            return;
        enum cc_error error = bench_platform_kill(watch->options->home, fault->part);
        snprintf(text, sizeof(watch->mark_texts[0]), "kill %s%s", fault->part,
                 error ? ": no such thing" : "");
        if (error)
            fprintf(stderr, "callcell-bench: %s\n", text);
        watch->fault_failed |= error != CC_OK;
        watch->marks[watch->faults_done++] = (struct bench_mark){.at_us = now_us, .text = text};
    }
}

static void on_second(void *context)
{
    struct watch *watch = context;
    bool terminal = isatty(STDERR_FILENO);
    if (watch->processes)
        bench_processes_sample(watch->processes);
    inflict_due_faults(watch);
    if (terminal || watch->options->progress)
        bench_report_progress(watch->report, terminal, stderr);
}

static enum cc_error write_reports(const struct watch *watch)
{
    const struct bench_options *options = watch->options;
    json_t *document = bench_report_json(
        &(struct bench_subject){.report = watch->report,
                                .processes = watch->processes,
                                .name = options->name,
                                .about = watch->scenario ? watch->scenario->about : NULL,
                                .marks = watch->marks,
                                .mark_count = watch->faults_done,
                                .seed = options->seed});
    if (!document)
        return CC_NO_MEMORY;
    enum cc_error error = CC_OK;
    if (options->json)
        error = json_dumpf(document, stdout, JSON_COMPACT) || putchar('\n') < 0 ? CC_IO : CC_OK;
    else
        bench_report_print(watch->report, stdout);
    if (!error && options->json_file)
        error = bench_report_write_json(document, options->json_file);
    if (!error && options->html_file)
        error = bench_report_write_html(document, options->html_file);
    json_decref(document);
    return error;
}

/* Loads, watches, writes. The loop must be idle before the processes are freed: a last sample may
 * be on the pool. */
static enum cc_error load_and_report(struct watch *watch, struct bench_load *load)
{
    enum cc_error error = CC_OK;
    load->each_second = on_second;
    load->context = watch;
    if (watch->options->home)
        error =
            bench_processes_create(watch->carrier->loop, watch->options->home, &watch->processes);
    if (error)
        return error;
    if (watch->processes)
        bench_processes_sample(watch->processes);
    /* Under too much load connections may take all descriptors; one is kept for the reports. */
    int reserved = open("/dev/null", O_RDONLY | O_CLOEXEC);
    error = bench_load_run(load);
    if (reserved >= 0)
        (void)close(reserved);
    if (watch->processes)
        bench_processes_finish(watch->processes);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\n");
    if (!error)
        error = write_reports(watch);
    bench_processes_free(watch->processes);
    return error ? error : watch->fault_failed ? CC_NOT_FOUND : CC_OK;
}

static enum cc_error read_recording(const char *path, struct bench_arrivals *arrivals)
{
    struct cc_buffer bytes;
    size_t line = 0;
    enum cc_error error = CC_IO;
    if (bench_read_file(path, FILE_MAX, &bytes)) {
        error = bench_arrivals_recorded(cc_buffer_slice(&bytes), arrivals, &line);
        if (error)
            fprintf(stderr,
                    "callcell-bench: %s:%zu: is no second of a start, or before the one above\n",
                    path, line);
    }
    cc_buffer_deinit(&bytes);
    return error;
}

/* --- load --- */

static enum cc_error plan_load(const struct bench_options *options, struct bench_arrivals *arrivals)
{
    if (options->recording)
        return read_recording(options->recording, arrivals);
    arrivals->kind = options->poisson ? BENCH_POISSON : BENCH_EVEN;
    arrivals->random = options->seed;
    if (options->steps)
        return bench_arrivals_steps(options->steps, arrivals);
    arrivals->steps[0] = (struct bench_step){.rate = options->rate,
                                             .length_us = (int64_t)(options->duration_s * 1e6)};
    arrivals->step_count = 1;
    return CC_OK;
}

static enum cc_error open_source(const struct bench_options *options, struct cc_buffer *bytes,
                                 struct bench_script_source *source)
{
    bool calls = options->calls_file != NULL;
    if (!bench_read_file(calls ? options->calls_file : options->numbers_file, FILE_MAX, bytes))
        return CC_IO;
    if (calls) {
        bench_script_source_calls(source, options->script.country, cc_buffer_slice(bytes));
        return CC_OK;
    }
    struct cc_json_reason reason = {""};
    enum cc_error error = bench_script_source_numbers(
        source, options->script.country, cc_buffer_slice(bytes), options->seed, &reason);
    source->run_us = cc_wall_clock_us(); /* of one seed calls are alike, and not the same */
    if (error)
        fprintf(stderr, "callcell-bench: %s: line %" PRId64 ": %s\n", options->numbers_file,
                source->line, reason.text);
    return error;
}

static enum cc_error load_from(struct watch *watch, struct bench_script_source *source,
                               struct bench_arrivals *arrivals)
{
    const char *log = watch->options->log_file;
    enum cc_error error = bench_report_init(watch->report, arrivals);
    if (!error && log && !(watch->report->log = fopen(log, "we")))
        error = CC_IO;
    if (!error)
        error =
            load_and_report(watch, &(struct bench_load){.carrier = watch->carrier,
                                                        .source = source,
                                                        .report = watch->report,
                                                        .arrivals = arrivals,
                                                        .first_only = watch->options->first_only});
    if (watch->report->log && fclose(watch->report->log) && !error)
        error = CC_IO;
    return error;
}

enum cc_error bench_run_load(struct bench_carrier *carrier, const struct bench_options *options,
                             struct bench_report *report)
{
    struct cc_buffer bytes;
    struct bench_script_source source = {0};
    struct bench_arrivals arrivals = {0};
    struct watch watch = {.options = options, .carrier = carrier, .report = report};
    enum cc_error error = open_source(options, &bytes, &source);
    if (!error)
        error = plan_load(options, &arrivals);
    if (!error)
        error = load_from(&watch, &source, &arrivals);
    report->arrivals = NULL;
    bench_arrivals_deinit(&arrivals);
    bench_script_source_deinit(&source);
    cc_buffer_deinit(&bytes);
    return error;
}

/* --- run --- */

static void scenario_path(const struct bench_options *options, char out[PATH_TEXT_MAX])
{
    if (strchr(options->scenario, '/') || strchr(options->scenario, '.'))
        snprintf(out, PATH_TEXT_MAX, "%s", options->scenario);
    else
        snprintf(out, PATH_TEXT_MAX, "%s/share/bench/%s.yaml", options->home, options->scenario);
}

static enum cc_error read_scenario(const char *path, struct bench_scenario *out)
{
    struct cc_buffer yaml, errors;
    cc_buffer_init(&errors, 0);
    enum cc_error error = CC_IO;
    if (bench_read_file(path, SCENARIO_MAX, &yaml)) {
        error = bench_scenario_parse(cc_buffer_slice(&yaml), path, out, &errors);
        if (errors.length > 0)
            fwrite(errors.data, 1, errors.length, stderr);
    }
    cc_buffer_deinit(&yaml);
    cc_buffer_deinit(&errors);
    return error;
}

static enum cc_error open_scenario(const struct bench_options *options, struct bench_scenario *out)
{
    char path[PATH_TEXT_MAX], recording[PATH_TEXT_MAX * 2];
    scenario_path(options, path);
    enum cc_error error = read_scenario(path, out);
    if (!error && out->recording) {
        const char *slash = strrchr(path, '/');
        snprintf(recording, sizeof(recording), "%.*s%s", slash ? (int)(slash - path + 1) : 0, path,
                 out->recording);
        error = read_recording(recording, &out->arrivals);
    }
    out->arrivals.random = options->seed;
    if (!error && options->duration_s > 0)
        bench_scenario_stretch(out, (int64_t)(options->duration_s * 1e6));
    return error;
}

struct probe {
    struct bench_carrier *carrier;
    bool answered; /* by a cell */
};

static void on_probe(void *context, const struct bench_outcome *outcome)
{
    struct probe *probe = context;
    probe->answered =
        outcome->error == CC_OK && outcome->status == 200 && !cc_slice_is(outcome->source, "edge");
    cc_loop_end(probe->carrier->loop);
}

/* Edges learn of new keys and cells by publications: calls begin when each edge has them. */
static enum cc_error wait_until_answered(struct bench_carrier *carrier,
                                         const struct bench_number *number, size_t edge)
{
    struct bench_script script = {.direction = "terminating", .from = "+46700000000"};
    struct probe probe = {.carrier = carrier};
    snprintf(script.country, sizeof(script.country), "%s", number->country);
    snprintf(script.tenant, sizeof(script.tenant), "%s", number->tenant);
    snprintf(script.kind, sizeof(script.kind), "%s", number->kind);
    snprintf(script.to, sizeof(script.to), "%s", number->number);
    for (int i = 0; i < PROBES_MAX && !probe.answered; i++) {
        struct bench_dialogue dialogue;
        int64_t wall_us = cc_wall_clock_us();
        snprintf(script.call_id, sizeof(script.call_id), "probe-%" PRId64, wall_us);
        bench_dialogue_start(&dialogue, &script);
        struct bench_webhook webhook = bench_dialogue_webhook(&dialogue, wall_us);
        enum cc_error error =
            bench_carrier_send(carrier, &webhook, edge, wall_us, on_probe, &probe);
        if (error)
            return error;
        cc_loop_run(carrier->loop);
        if (!probe.answered)
            usleep(PROBE_EVERY_US);
    }
    if (!probe.answered)
        fprintf(stderr, "callcell-bench: no cell answers for %s of %s\n", number->number,
                number->tenant);
    return probe.answered ? CC_OK : CC_UNAVAILABLE;
}

static enum cc_error wait_for_platform(struct bench_carrier *carrier,
                                       const struct bench_population *population)
{
    enum cc_error error = CC_OK;
    for (size_t country = 0; !error && country < population->country_count; country++)
        for (size_t edge = 0; !error && edge < carrier->edge_count; edge++) {
            struct bench_number last = bench_population_number(
                population, country, population->tenants - 1, true, population->pbxs - 1);
            error = wait_until_answered(carrier, &last, edge);
        }
    return error;
}

static enum cc_error make_ready(const struct watch *watch, struct bench_key_names *names)
{
    const char *home = watch->options->home;
    const struct bench_scenario *scenario = watch->scenario;
    fprintf(stderr, "callcell-bench: tenants and numbers of %s\n", watch->options->name);
    enum cc_error error = bench_platform_prepare(home, scenario);
    if (!error)
        error = bench_platform_keys(home, scenario, names, watch->carrier);
    if (!error)
        error = wait_for_platform(watch->carrier, &scenario->population);
    if (!error && scenario->cold)
        error = bench_platform_cool(home, scenario);
    return error;
}

enum cc_error bench_run_scenario(struct bench_carrier *carrier, const struct bench_options *options,
                                 struct bench_report *report)
{
    struct bench_scenario scenario = {0};
    struct bench_script_source source = {0};
    struct bench_key_names names;
    struct watch watch = {
        .options = options, .scenario = &scenario, .carrier = carrier, .report = report};
    enum cc_error error = open_scenario(options, &scenario);
    if (!error)
        error = make_ready(&watch, &names);
    bench_script_source_population(&source, &scenario.population, options->seed);
    source.run_us = cc_wall_clock_us();
    if (!error)
        error = bench_report_init(report, &scenario.arrivals);
    if (!error)
        error = load_and_report(&watch, &(struct bench_load){.carrier = carrier,
                                                             .source = &source,
                                                             .report = report,
                                                             .arrivals = &scenario.arrivals,
                                                             .pause_us = scenario.pause_ms * 1000,
                                                             .first_only = scenario.first_only});
    report->arrivals = NULL;
    carrier->key_count = 0;
    bench_scenario_free(&scenario);
    return error;
}
