/* Rim: programs, /proc, the clock. */
#include "bench/calibrate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "base/timestamp.h"
#include "bench/child.h"
#include "bench/usage.h"

enum {
    PATH_SIZE = 512,
    TEXT_SIZE = 64,
    NUMBERS_LEAST = 1000,
    RECORDS_LEAST = 10000,
    PROBES_MAX = 8,
    PROBE_FURTHER = 4 /* times the load of the one before, at most */
};
static const double PROBE_CALLS_S = 40, PROBED_ENOUGH = 0.45, HELD_ENOUGH = 0.72, HELD_MOST = 0.8,
                    DIFFERENCE_MOST = 0.15, WRONG_MOST = 0.01;

struct machine {
    const struct bench_measuring *measuring;
    struct bench_running services;
    char node[16];          /* the primary's: "node1" */
    char socket[PATH_SIZE]; /* folder of the cell's Postgres sockets */
    char port[16];          /* the primary's */
    char program[PATH_SIZE];
};

/* What a load did. */
struct load {
    double calls, webhooks, unanswered, seconds, p50_ms, p99_ms;
};

static enum cc_error fail(enum cc_error error, const char *what)
{
    fprintf(stderr, "callcell-bench: %s\n", what);
    return error;
}

/* --- stores --- */

static enum cc_error psql(const struct machine *machine, const char *port, const char *sql,
                          struct cc_buffer *out)
{
    const char *const argv[] = {"psql",  "-h", machine->socket,   "-p", port, "-d", "cell",
                                "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql,  NULL};
    enum cc_error error = bench_child_run(argv, out, NULL);
    cc_buffer_append(out, cc_slice("", 1));
    return error ? error : out->error;
}

static enum cc_error psql_number(const struct machine *machine, const char *sql, double *out)
{
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    enum cc_error error = psql(machine, machine->port, sql, &text);
    if (!error)
        *out = strtod(text.data, NULL);
    cc_buffer_deinit(&text);
    return error;
}

/* Node n listens on the monitor's port + n: docs/ARCHITECTURE.md. */
static enum cc_error find_primary(struct machine *machine)
{
    for (int node = 1; node <= 2; node++) {
        struct cc_buffer text;
        char sql[] = "select pg_is_in_recovery()", folder[PATH_SIZE + 32];
        snprintf(folder, sizeof(folder), "%s/cells/%s/pg/node%d/data/postmaster.pid",
                 machine->measuring->home, machine->measuring->cell, node);
        FILE *file = fopen(folder, "re");
        char line[PATH_SIZE];
        for (int i = 0; file && i < 4 && fgets(line, sizeof(line), file); i++)
            snprintf(machine->port, sizeof(machine->port), "%ld", strtol(line, NULL, 10));
        if (file)
            fclose(file);
        cc_buffer_init(&text, 0);
        bool found = file && !psql(machine, machine->port, sql, &text) && text.data[0] == 'f';
        cc_buffer_deinit(&text);
        if (found) {
            snprintf(machine->node, sizeof(machine->node), "node%d", node);
            return CC_OK;
        }
    }
    return fail(CC_NOT_FOUND, "no Postgres of the cell is a primary; is the platform up?");
}

static bool read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    bool ok = file && fgets(out, (int)size, file) != NULL;
    if (file)
        fclose(file);
    if (ok)
        out[strcspn(out, "\n")] = '\0';
    return ok;
}

/* Mean size of a call plan with its key, over all plans. */
static enum cc_error measure_redis(const struct machine *machine, double *out)
{
    static const char script[] =
        "local n, sum, cursor = 0, 0, '0' repeat local found = redis.call('SCAN', cursor, 'MATCH', "
        "'plan:*', 'COUNT', 1000) cursor = found[1] for _, key in ipairs(found[2]) do n = n + 1 "
        "sum = sum + redis.call('MEMORY', 'USAGE', key) end until cursor == '0' or n >= 2000 "
        "if n == 0 then return 0 end return math.floor(sum / n)";
    char path[PATH_SIZE], password[128], port[32] = "";
    const struct bench_measuring *measuring = machine->measuring;
    snprintf(path, sizeof(path), "%s/cells/%s/etc/redis-operator.password", measuring->home,
             measuring->cell);
    if (!read_line(path, password, sizeof(password)) || setenv("REDISCLI_AUTH", password, 1))
        return fail(CC_IO, "the operator's password of Redis cannot be read");
    snprintf(path, sizeof(path), "%s/cells/%s/etc/redis.conf", measuring->home, measuring->cell);
    FILE *file = fopen(path, "re");
    char line[256];
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "port ", 5) == 0)
            snprintf(port, sizeof(port), "%ld", strtol(line + 5, NULL, 10));
    if (file)
        fclose(file);
    const char *const argv[] = {"redis-cli", "-p",   port, "--user", "operator",
                                "EVAL",      script, "0",  NULL};
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    enum cc_error error = bench_child_run(argv, &text, NULL);
    cc_buffer_append(&text, cc_slice("", 1));
    *out = !error && !text.error ? strtod(text.data, NULL) : 0;
    cc_buffer_deinit(&text);
    unsetenv("REDISCLI_AUTH");
    return *out > 0 ? CC_OK : fail(CC_UNAVAILABLE, "Redis does not say what call plans take");
}

static enum cc_error measure_bytes(const struct machine *machine, struct bench_calibration *out)
{
    static const char numbers[] = "select count(*) from directory.numbers";
    static const char directory[] = "select pg_total_relation_size('directory.numbers') + "
                                    "pg_total_relation_size('directory.call_plans')";
    static const char records[] = "select count(*) from events.events";
    static const char events[] =
        "select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = "
        "c.relnamespace where n.nspname = 'events' and c.relkind = 'r'";
    /* A record in the spool is its fields as text. */
    static const char text[] = "select avg(octet_length(e::text)) from "
                               "(select * from events.events limit 1000) e";
    double directory_bytes = 0, record_count = 0, event_bytes = 0;
    enum cc_error error = psql_number(machine, numbers, &out->numbers);
    if (!error)
        error = psql_number(machine, directory, &directory_bytes);
    if (!error)
        error = psql_number(machine, records, &record_count);
    if (!error)
        error = psql_number(machine, events, &event_bytes);
    if (!error)
        error = psql_number(machine, text, &out->spool_bytes_per_record);
    if (!error)
        error = measure_redis(machine, &out->redis_bytes_per_number);
    if (error)
        return fail(error, "the cell's stores do not say what they hold");
    if (out->numbers < NUMBERS_LEAST || record_count < RECORDS_LEAST)
        return fail(CC_NOT_FOUND, "bytes want 1,000 numbers and 10,000 records: import numbers, "
                                  "hold steps for longer");
    out->postgres_bytes_per_number = directory_bytes / out->numbers;
    out->postgres_bytes_per_record = event_bytes / record_count;
    return CC_OK;
}

/* --- loads --- */

static double number_at(const json_t *object, const char *path)
{
    return json_number_value(cc_json_at(object, path));
}

static enum cc_error read_load(struct cc_slice json, struct load *out)
{
    json_t *report = NULL;
    enum cc_error error = cc_json_parse(json, 1024 * 1024, &report, NULL);
    if (error)
        return fail(error, "the load generator's report cannot be read");
    *out = (struct load){.calls = number_at(report, "calls"),
                         .webhooks = number_at(report, "webhooks"),
                         .unanswered = number_at(report, "unanswered"),
                         .seconds = number_at(report, "elapsed_us") / 1e6,
                         .p50_ms = number_at(report, "latency_us.p50") / 1e3,
                         .p99_ms = number_at(report, "latency_us.p99") / 1e3};
    json_decref(report);
    return out->calls > 0 && out->seconds > 0
               ? CC_OK
               : fail(CC_PROTOCOL, "the load generator sent nothing");
}

static enum cc_error run_load(const struct machine *machine, const char *numbers, double calls_s,
                              double seconds, struct load *out, double *cpu_s)
{
    char rate[TEXT_SIZE], duration[TEXT_SIZE];
    snprintf(rate, sizeof(rate), "%.2f", calls_s);
    snprintf(duration, sizeof(duration), "%.2f", seconds);
    const struct bench_measuring *measuring = machine->measuring;
    const char *argv[24] = {machine->program,
                            "load",
                            "--edge",
                            measuring->edges,
                            "--secret-file",
                            measuring->secret_file,
                            "--numbers",
                            numbers,
                            "--rate",
                            rate,
                            "--duration",
                            duration,
                            "--allow-unanswered",
                            "--output",
                            "json"};
    if (measuring->key) {
        argv[15] = "--key";
        argv[16] = measuring->key;
    }
    struct cc_buffer report;
    cc_buffer_init(&report, 0);
    enum cc_error error = bench_child_run(argv, &report, cpu_s);
    if (!error)
        error = read_load(cc_buffer_slice(&report), out);
    cc_buffer_deinit(&report);
    return error;
}

static void wait_seconds(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
    while (nanosleep(&left, &left) && errno == EINTR)
        continue;
}

/* A load that is held, or none (calls_s 0), and what it took. */
static enum cc_error measure_step(const struct machine *machine, const char *numbers,
                                  double calls_s, struct bench_load_step *out,
                                  double *webhooks_per_call)
{
    struct bench_usage before, after;
    struct load load = {.calls = 1};
    double loader_s = 0;
    int64_t begun_us = cc_monotonic_us();
    enum cc_error error = bench_usage_read(&machine->services, &before);
    if (!error && calls_s > 0)
        error = run_load(machine, numbers, calls_s, machine->measuring->step_s, &load, &loader_s);
    else if (!error)
        wait_seconds(machine->measuring->step_s);
    double seconds = (double)(cc_monotonic_us() - begun_us) / 1e6;
    if (!error)
        error = bench_usage_read(&machine->services, &after);
    if (error)
        return error;
    *out = (struct bench_load_step){.webhooks_s = (load.webhooks - load.unanswered) / seconds,
                                    .p50_ms = load.p50_ms,
                                    .p99_ms = load.p99_ms};
    double ours_s = loader_s;
    for (size_t part = 0; part < BENCH_PARTS; part++) {
        double used_s = after.part_s[part] - before.part_s[part];
        out->cores[part] = part == BENCH_LOADER ? loader_s / seconds : fmax(used_s, 0) / seconds;
        ours_s += fmax(used_s, 0);
    }
    out->foreign_cores = fmax(after.machine_s - before.machine_s - ours_s, 0) / seconds;
    if (webhooks_per_call)
        *webhooks_per_call = load.webhooks / load.calls;
    fprintf(stderr,
            "  %7.1f webhooks/s: edges %.3f, workers %.3f cores, p99 %.1f ms, others %.2f\n",
            out->webhooks_s, out->cores[BENCH_EDGE], out->cores[BENCH_WORKER], out->p99_ms,
            out->foreign_cores);
    if (load.unanswered > load.webhooks * WRONG_MOST)
        return fail(CC_FULL,
                    "more than 1 % stayed unanswered: the machine is full, or others load it");
    return CC_OK;
}

/* --- files of numbers --- */

/* Lines of this kind, so many times over. */
static void write_numbers(struct cc_slice numbers, const char *kind, int times, FILE *out)
{
    char mark[TEXT_SIZE];
    snprintf(mark, sizeof(mark), "\"%s\"", kind);
    for (int i = 0; i < times; i++) {
        struct cc_slice rest = numbers;
        while (rest.length > 0) {
            const char *end = memchr(rest.data, '\n', rest.length);
            size_t length = end ? (size_t)(end - rest.data) + 1 : rest.length;
            if (memmem(rest.data, length, mark, strlen(mark)))
                fwrite(rest.data, 1, length, out);
            rest = cc_slice(rest.data + length, rest.length - length);
        }
    }
}

static size_t count_kind(struct cc_slice numbers, const char *kind)
{
    char *text = NULL;
    size_t size = 0, count = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return 0;
    write_numbers(numbers, kind, 1, file);
    fclose(file);
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    free(text);
    return count;
}

/* A file of its own below /tmp with so many times the lines of each kind; the caller unlinks it. */
static enum cc_error make_numbers(struct cc_slice numbers, const int times[BENCH_KINDS],
                                  char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "/tmp/callcell-bench-XXXXXX");
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (!file)
        return fail(CC_IO, "no file of numbers can be made below /tmp");
    for (enum bench_kind kind = 0; kind < BENCH_KINDS; kind++)
        write_numbers(numbers, bench_kind_names[kind], times[kind], file);
    return fclose(file) ? CC_IO : CC_OK;
}

/* --- calibrating --- */

static enum cc_error open_machine(const struct bench_measuring *measuring, struct machine *out)
{
    *out = (struct machine){.measuring = measuring};
    snprintf(out->socket, sizeof(out->socket), "%s/cells/%s/pg/sock", measuring->home,
             measuring->cell);
    if (readlink("/proc/self/exe", out->program, sizeof(out->program) - 1) < 0)
        return CC_IO;
    if (count_kind(measuring->numbers, "mobile") == 0 || count_kind(measuring->numbers, "pbx") == 0)
        return fail(CC_INVALID, "--numbers: both mobile and pbx numbers are wanted");
    enum cc_error error = find_primary(out);
    if (!error)
        error = bench_running_find(measuring->home, measuring->cell, out->node, &out->services);
    return error;
}

/* Both curves must be there to ask for the capacity; of the other kind nothing is asked. */
static double full_webhooks_s(const struct bench_calibration *calibration, enum bench_kind kind)
{
    struct bench_calibration probed = *calibration;
    probed.curves[1 - kind] = probed.curves[kind];
    return bench_capacity_of(&probed, kind == BENCH_PBX ? 1 : 0).saturation_webhooks_s;
}

/* What each webhook costs falls with the load, so a probe tells what a full machine does only when
 * it fills about half of it: each goes further, by what those before it promise. Leaves the curve
 * with its idle step alone. */
static enum cc_error find_full(const struct machine *machine, enum bench_kind kind,
                               const char *path, struct bench_calibration *calibration,
                               double *full)
{
    struct bench_curve *curve = &calibration->curves[kind];
    double calls_s = PROBE_CALLS_S;
    enum cc_error error = CC_OK;
    *full = 0;
    for (size_t i = 1; !error && i <= PROBES_MAX; i++) {
        struct bench_load_step *probe = &curve->steps[i];
        error =
            measure_step(machine, path, calls_s, probe, i == 1 ? &curve->webhooks_per_call : NULL);
        if (error == CC_FULL && i > 1) {
            *full = probe->webhooks_s;
            error = CC_OK;
            break;
        }
        curve->count = i + 1;
        *full = error ? 0 : full_webhooks_s(calibration, kind);
        if (i > 1 && probe->webhooks_s >= *full * PROBED_ENOUGH)
            break;
        double next = fmin(*full / 2, probe->webhooks_s * PROBE_FURTHER);
        calls_s = fmax(next, probe->webhooks_s * 2) / curve->webhooks_per_call;
    }
    curve->count = 1;
    return error;
}

/* What was held so far promises more than the probes did: the steps go on until they are near what
 * they promise. A machine that gives up before is full there. */
static enum cc_error go_on(const struct machine *machine, enum bench_kind kind, const char *path,
                           struct bench_calibration *calibration)
{
    struct bench_curve *curve = &calibration->curves[kind];
    while (curve->count < BENCH_LOAD_STEPS_MAX) {
        double full = full_webhooks_s(calibration, kind);
        double last = curve->steps[curve->count - 1].webhooks_s;
        if (last >= full * HELD_ENOUGH)
            return CC_OK;
        enum cc_error error = measure_step(
            machine, path, fmin(full * HELD_MOST, last * 1.5) / curve->webhooks_per_call,
            &curve->steps[curve->count], NULL);
        if (error == CC_FULL)
            return CC_OK;
        if (error)
            return error;
        curve->count++;
    }
    return CC_OK;
}

static enum cc_error calibrate_kind(const struct machine *machine, enum bench_kind kind,
                                    struct bench_calibration *calibration)
{
    static const double shares[] = {0.2, 0.4, 0.6, 0.8};
    struct bench_curve *curve = &calibration->curves[kind];
    const int times[BENCH_KINDS] = {kind == BENCH_MOBILE, kind == BENCH_PBX};
    char path[PATH_SIZE];
    double full = 0;
    enum cc_error error = make_numbers(machine->measuring->numbers, times, path);
    if (error)
        return error;
    fprintf(stderr, "%s: idle, probes, then four steps\n", bench_kind_names[kind]);
    error = measure_step(machine, path, 0, &curve->steps[0], NULL);
    curve->steps[0].webhooks_s = 0;
    curve->count = 1;
    if (!error)
        error = find_full(machine, kind, path, calibration, &full);
    for (size_t i = 0; !error && i < sizeof(shares) / sizeof(shares[0]); i++) {
        error = measure_step(machine, path, full * shares[i] / curve->webhooks_per_call,
                             &curve->steps[curve->count], NULL);
        curve->count += !error;
    }
    if (!error)
        error = go_on(machine, kind, path, calibration);
    unlink(path);
    return error;
}

static void describe_machine(struct bench_calibration *out)
{
    char line[256], date[CC_TIMESTAMP_TEXT_MAX];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out->machine, sizeof(out->machine), "unknown processor");
    while (file && fgets(line, sizeof(line), file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(out->machine, sizeof(out->machine), "%.*s", BENCH_NAME_MAX - 1, colon + 2);
        break;
    }
    if (file)
        fclose(file);
    cc_timestamp_format(cc_wall_clock_us(), date);
    snprintf(out->date, sizeof(out->date), "%.10s", date);
    out->cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
}

enum cc_error bench_calibrate(const struct bench_measuring *measuring,
                              struct bench_calibration *out)
{
    struct machine machine;
    double before_mb[BENCH_PARTS];
    *out = (struct bench_calibration){0};
    describe_machine(out);
    enum cc_error error = open_machine(measuring, &machine);
    if (error)
        return error;
    out->edges = (double)bench_running_count(&machine.services, BENCH_EDGE);
    out->workers = (double)bench_running_count(&machine.services, BENCH_WORKER);
    error = bench_memory_read(&machine.services, before_mb);
    for (enum bench_kind kind = 0; !error && kind < BENCH_KINDS; kind++)
        error = calibrate_kind(&machine, kind, out);
    if (!error)
        error = bench_memory_read(&machine.services, out->memory_mb);
    if (!error)
        error = measure_bytes(&machine, out);
    if (error)
        return error;
    /* What was in memory before is not seen again; a call plan takes at least what it takes in
     * Redis. */
    double grown_mb = out->memory_mb[BENCH_WORKER] - before_mb[BENCH_WORKER];
    out->worker_bytes_per_number =
        fmax(grown_mb * 1e6 / out->workers / out->numbers, out->redis_bytes_per_number);
    return CC_OK;
}

/* --- checking a prediction --- */

static bool print_check(double share, const char *what, double predicted, double measured)
{
    double difference = predicted > 0 ? measured / predicted - 1 : 0;
    bool ok = fabs(difference) <= DIFFERENCE_MOST;
    printf("%4.0f %%  %-22s %10.3f %10.3f %+8.1f %%  %s\n", share * 100, what, predicted, measured,
           difference * 100, ok ? "ok" : "TOO DIFFERENT");
    return ok;
}

static enum cc_error check_share(const struct machine *machine, const char *numbers,
                                 const struct bench_capacity *capacity, double share, bool *ok)
{
    struct bench_load_step step;
    double webhooks_s = capacity->saturation_webhooks_s * share;
    enum cc_error error =
        measure_step(machine, numbers, webhooks_s / capacity->webhooks_per_call, &step, NULL);
    if (error)
        return error;
    *ok = print_check(share, "webhooks/s answered", webhooks_s, step.webhooks_s) && *ok;
    *ok =
        print_check(share, "cores of edges", bench_capacity_cores(capacity, BENCH_EDGE, webhooks_s),
                    step.cores[BENCH_EDGE]) &&
        *ok;
    *ok = print_check(share, "cores of workers",
                      bench_capacity_cores(capacity, BENCH_WORKER, webhooks_s),
                      step.cores[BENCH_WORKER]) &&
          *ok;
    double predicted = 0, measured = 0;
    for (enum bench_part part = 0; part < BENCH_PARTS; part++) {
        predicted += bench_capacity_cores(capacity, part, webhooks_s);
        measured += step.cores[part];
    }
    *ok = print_check(share, "cores of everything", predicted, measured) && *ok;
    printf("        p99 %.1f ms; other programs of the machine took %.2f cores\n", step.p99_ms,
           step.foreign_cores);
    fflush(stdout);
    return CC_OK;
}

enum cc_error bench_check_prediction(const struct bench_measuring *measuring,
                                     const struct bench_calibration *calibration)
{
    static const double shares[] = {0.5, 0.7, 0.9};
    const double pbx_share = 0.25;
    struct machine machine;
    char path[PATH_SIZE];
    enum cc_error error = open_machine(measuring, &machine);
    if (error)
        return error;
    struct bench_capacity capacity = bench_capacity_of(calibration, pbx_share);
    /* Three mobile lines for one of a switchboard. */
    double mobile = (double)count_kind(measuring->numbers, "mobile");
    double pbx = (double)count_kind(measuring->numbers, "pbx");
    const int times[BENCH_KINDS] = {(int)fmax(round(3 * pbx / mobile), 1),
                                    (int)fmax(round(mobile / pbx / 3), 1)};
    error = make_numbers(measuring->numbers, times, path);
    if (error)
        return error;
    printf("mixed 75/25; full at %.0f webhooks/s as predicted\n", capacity.saturation_webhooks_s);
    printf("%6s  %-22s %10s %10s %10s\n", "load", "", "predicted", "measured", "difference");
    bool ok = true;
    for (size_t i = 0; !error && i < sizeof(shares) / sizeof(shares[0]); i++)
        error = check_share(&machine, path, &capacity, shares[i], &ok);
    unlink(path);
    return error || ok ? error : CC_TOO_DIFFERENT;
}
