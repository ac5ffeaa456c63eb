/* Rim: files, telemetry pages and output. */
#include "bench/planner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "bench/calibrate.h"
#include "bench/child.h"
#include "bench/live.h"
#include "bench/plan_text.h"
#include "bench/platform.h"

enum { EXIT_USAGE = 2, PATH_SIZE = 512, FILE_MAX = 256 * 1024 * 1024, EXTENDS_MAX = 4 };

/* All that a plan is made from. */
struct subject {
    struct bench_template template;
    struct bench_calibration calibration;
    struct bench_prices prices;
};

static bool complain(const char *about, const char *what)
{
    fprintf(stderr, "callcell-bench: %s: %s\n", about, what);
    return false;
}

static bool read_file(const char *path, struct cc_buffer *out)
{
    cc_buffer_init(out, FILE_MAX);
    FILE *file = fopen(path, "re");
    if (!file)
        return complain(path, strerror(errno));
    char chunk[16384];
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), file)) > 0;)
        cc_buffer_append(out, cc_slice(chunk, n));
    bool ok = !ferror(file) && !out->error;
    fclose(file);
    return ok || complain(path, "cannot be read");
}

/* Installed programs have their files in ../share. */
static bool beside_program(const char *name, char path[PATH_SIZE])
{
    char program[PATH_SIZE] = "";
    if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
        return complain("/proc/self/exe", strerror(errno));
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    int length = snprintf(path, PATH_SIZE, "%s/../share/%s", program, name);
    return length < PATH_SIZE || complain(program, "the path is too long");
}

static const char *file_or(const char *given, const char *name, char path[PATH_SIZE])
{
    if (given)
        return given;
    return beside_program(name, path) ? path : NULL;
}

static bool read_calibration(const char *file, struct bench_calibration *out)
{
    struct cc_buffer text;
    struct cc_json_reason reason = {""};
    bool ok = read_file(file, &text);
    if (ok && bench_calibration_read(cc_buffer_slice(&text), out, &reason))
        ok = complain(file, reason.text);
    cc_buffer_deinit(&text);
    return ok;
}

static bool read_prices(const char *given, struct bench_prices *out)
{
    char path[PATH_SIZE];
    struct cc_buffer text, errors;
    const char *file = file_or(given, "prices/european-cloud.yaml", path);
    if (!file)
        return false;
    cc_buffer_init(&errors, 0);
    bool ok = read_file(file, &text);
    if (ok && bench_prices_read(cc_buffer_slice(&text), file, out, &errors)) {
        fprintf(stderr, "callcell-bench: %.*s", (int)errors.length, errors.data);
        ok = false;
    }
    cc_buffer_deinit(&text);
    cc_buffer_deinit(&errors);
    return ok;
}

static bool read_template_file(const char *folder, const char *name, struct bench_template *out)
{
    char path[PATH_SIZE];
    struct cc_buffer text;
    struct cc_json_reason reason = {""};
    if (strchr(name, '/') || snprintf(path, sizeof(path), "%s/%s.yaml", folder, name) >= PATH_SIZE)
        return complain(name, "is no template's name");
    bool ok = read_file(path, &text);
    if (ok && bench_template_read(cc_buffer_slice(&text), name, out, &reason))
        ok = complain(path, reason.text);
    cc_buffer_deinit(&text);
    return ok;
}

static bool read_template(const char *given_folder, const char *name, struct bench_template *out)
{
    char path[PATH_SIZE];
    struct cc_json_reason reason = {""};
    const char *folder = file_or(given_folder, "templates", path);
    if (!folder || !read_template_file(folder, name, out))
        return false;
    for (int depth = 0; *out->extends; depth++) {
        struct bench_template base;
        if (depth == EXTENDS_MAX)
            return complain(name, "extends too many templates");
        if (!read_template_file(folder, out->extends, &base))
            return false;
        bench_template_inherit(out, &base);
    }
    return !bench_template_check(out, &reason) || complain(name, reason.text);
}

/* --- live telemetry --- */

static bool look(const char *addresses, struct bench_live *out)
{
    *out = (struct bench_live){0};
    while (*addresses) {
        size_t length = strcspn(addresses, ",");
        char url[256];
        struct cc_buffer page;
        snprintf(url, sizeof(url), "http://%.*s/metrics", (int)length, addresses);
        const char *const argv[] = {"curl", "-sSf", "--max-time", "5", url, NULL};
        cc_buffer_init(&page, FILE_MAX);
        enum cc_error error = bench_child_run(argv, &page, NULL);
        bench_live_add(out, cc_buffer_slice(&page));
        cc_buffer_deinit(&page);
        if (error)
            return complain(url, "shows no telemetry");
        addresses += length + (addresses[length] == ',');
    }
    return true;
}

static bool take_live(struct bench_planner_options *options)
{
    struct bench_live before, after;
    struct timespec pause = {.tv_sec = (time_t)options->live_s};
    if (!look(options->telemetry, &before))
        return false;
    int64_t begun_us = cc_monotonic_us();
    while (nanosleep(&pause, &pause) && errno == EINTR)
        continue;
    double seconds = (double)(cc_monotonic_us() - begun_us) / 1e6;
    if (!look(options->telemetry, &after))
        return false;
    if (bench_live_demand(&before, &after, seconds, options->live_users, &options->demand))
        return complain(options->telemetry, "no call ended while it was watched");
    options->profile = "live";
    return true;
}

/* --- commands --- */

static int print(struct cc_buffer *text)
{
    bool ok = !text->error && fwrite(text->data, 1, text->length, stdout) == text->length;
    cc_buffer_deinit(text);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The template that was asked for, or the first that takes all in one cell, or the last. */
static bool make_plan(const struct bench_planner_options *options, struct subject *subject,
                      struct bench_plan *plan)
{
    const char *const candidates[] = {"small", "large"};
    const char *const asked[] = {options->template};
    const char *const *names = options->template ? asked : candidates;
    size_t count = options->template ? 1 : sizeof(candidates) / sizeof(candidates[0]);
    for (size_t i = 0; i < count; i++) {
        struct cc_json_reason reason = {""};
        if (!read_template(options->templates, names[i], &subject->template))
            return false;
        enum cc_error error =
            bench_plan_make(&options->demand, &subject->template, &subject->calibration,
                            &subject->prices, plan, &reason);
        if (error && i + 1 == count)
            return complain("plan", reason.text);
        if (!error && plan->cells <= 1)
            return true;
    }
    return true;
}

static int run_plan(struct bench_planner_options *options)
{
    struct subject subject = {0};
    struct bench_plan plan;
    struct cc_buffer text;
    bool ok = read_calibration(options->calibration, &subject.calibration) &&
              read_prices(options->prices, &subject.prices) &&
              (!options->from_live || take_live(options)) && make_plan(options, &subject, &plan);
    int status = EXIT_FAILURE;
    if (ok) {
        const struct bench_plan_subject printed = {.country = options->country,
                                                   .profile = options->profile,
                                                   .demand = &options->demand,
                                                   .template = &subject.template,
                                                   .calibration = &subject.calibration,
                                                   .prices = &subject.prices};
        cc_buffer_init(&text, 0);
        (options->json ? bench_plan_json : bench_plan_print)(&printed, &plan, &text);
        status = print(&text);
    }
    bench_prices_deinit(&subject.prices);
    return status;
}

static bool write_calibration(FILE *file, const char *path,
                              const struct bench_calibration *calibration)
{
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    bench_calibration_write(calibration, &text);
    bool ok = !text.error && fwrite(text.data, 1, text.length, file) == text.length;
    ok = fflush(file) == 0 && ok;
    cc_buffer_deinit(&text);
    return ok || complain(path, "cannot be written");
}

/* What is called: numbers of a file, or those that scenarios make up, made on the platform. */
static bool choose_numbers(const struct bench_planner_options *options, struct cc_buffer *numbers,
                           struct bench_key_place *made)
{
    struct bench_scenario scenario = {
        .population = {.country_count = 1, .tenants = 4, .mobiles = 500, .pbxs = 500}};
    /* A cell is named by its country: "se-1". */
    snprintf(scenario.population.countries[0], sizeof(scenario.population.countries[0]), "%.2s",
             options->cell);
    char *text = NULL;
    size_t size = 0;
    if (options->numbers)
        return read_file(options->numbers, numbers);
    cc_buffer_init(numbers, FILE_MAX);
    bench_platform_key(options->home, scenario.population.countries[0], made);
    if (bench_platform_prepare(options->home, &scenario))
        return complain(options->home, "its numbers could not be made");
    FILE *file = open_memstream(&text, &size);
    if (file)
        bench_platform_write_numbers(&scenario.population, 0, file);
    bool ok = file && fclose(file) == 0;
    if (ok)
        cc_buffer_append(numbers, cc_slice(text, size));
    free(text);
    return (ok && !numbers->error) || complain("numbers", "no memory");
}

/* calibrate, and plan --check, which runs the prediction afterwards. */
static int measure(const struct bench_planner_options *options, FILE *out)
{
    struct cc_buffer numbers;
    struct bench_key_place made;
    struct bench_calibration calibration;
    if (!choose_numbers(options, &numbers, &made)) {
        cc_buffer_deinit(&numbers);
        return EXIT_FAILURE;
    }
    const struct bench_measuring measuring = {.home = options->home,
                                              .cell = options->cell,
                                              .edges = options->edge,
                                              .secret_file = options->numbers ? options->secret_file
                                                                              : made.secret_file,
                                              .key = options->numbers ? options->key : made.id,
                                              .numbers = cc_buffer_slice(&numbers),
                                              .step_s = options->step_s};
    enum cc_error error = CC_OK;
    bool ok = true;
    if (options->check && options->calibration)
        ok = read_calibration(options->calibration, &calibration);
    else
        error = bench_calibrate(&measuring, &calibration);
    if (ok && !error && out)
        ok = write_calibration(out, options->out, &calibration);
    if (ok && !error && options->check)
        error = bench_check_prediction(&measuring, &calibration);
    if (error)
        complain(options->command, cc_error_text(error));
    cc_buffer_deinit(&numbers);
    return ok && !error ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A file beside it is opened first: minutes of measuring are not to end with one that cannot be
 * written, nor to cost the calibration that is there when they fail. */
static int measure_into_file(const struct bench_planner_options *options)
{
    char unfinished[PATH_SIZE];
    int length = snprintf(unfinished, sizeof(unfinished), "%s.new", options->out);
    FILE *out = length < (int)sizeof(unfinished) ? fopen(unfinished, "we") : NULL;
    if (!out) {
        complain(options->out, strerror(length < (int)sizeof(unfinished) ? errno : ENAMETOOLONG));
        return EXIT_FAILURE;
    }
    int status = measure(options, out);
    if (fclose(out) && status == EXIT_SUCCESS) {
        complain(options->out, strerror(errno));
        status = EXIT_FAILURE;
    }
    if (status == EXIT_SUCCESS && rename(unfinished, options->out)) {
        complain(options->out, strerror(errno));
        status = EXIT_FAILURE;
    }
    if (status != EXIT_SUCCESS)
        unlink(unfinished);
    return status;
}

static int run_measuring(const struct bench_planner_options *options)
{
    if (!options->out)
        return measure(options, NULL);
    return strcmp(options->out, "-") == 0 ? measure(options, stdout) : measure_into_file(options);
}

static int run_simulate(const struct bench_planner_options *options)
{
    struct bench_simulated simulated;
    struct cc_buffer text;
    enum cc_error error = bench_simulate(&options->simulation, &simulated);
    if (error) {
        complain("simulate", cc_error_text(error));
        return EXIT_FAILURE;
    }
    cc_buffer_init(&text, 0);
    (options->json ? bench_simulated_json : bench_simulated_print)(&options->simulation, &simulated,
                                                                   &text);
    return print(&text);
}

int bench_planner_main(int argc, char **argv)
{
    struct bench_planner_options options;
    struct cc_buffer problem;
    cc_buffer_init(&problem, 0);
    int status = EXIT_USAGE;
    if (bench_planner_parse(argc, argv, &options, &problem))
        fprintf(stderr, "callcell-bench: %.*s\n", (int)problem.length, problem.data);
    else if (options.help)
        status = fputs(bench_planner_usage, stdout) < 0;
    else if (strcmp(options.command, "simulate") == 0)
        status = run_simulate(&options);
    else if (options.check || strcmp(options.command, "calibrate") == 0)
        status = run_measuring(&options);
    else
        status = run_plan(&options);
    cc_buffer_deinit(&problem);
    return status;
}
