/*
 * callcell-bench: a carrier on the command line (`call`) and a thousand of them (`load`, `run`).
 * Exit: 0 ok, 1 something stayed unanswered or failed, 2 usage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "bench/planner.h"
#include "bench/run.h"

enum { EXIT_USAGE = 2, SECRET_FILE_MAX = 4096 };

static bool read_secret(const char *path, struct bench_secret *out)
{
    struct cc_buffer text;
    bool ok = bench_read_file(path, SECRET_FILE_MAX, &text);
    if (ok && bench_secret_parse(cc_buffer_slice(&text), out)) {
        fprintf(stderr, "callcell-bench: %s: is no whsec_... secret\n", path);
        ok = false;
    }
    cc_buffer_deinit(&text);
    return ok;
}

static void print_webhook(const struct bench_webhook *webhook, FILE *out)
{
    fprintf(out, "-> %s %s %s", webhook->event, webhook->kind, webhook->direction);
    if (*webhook->from)
        fprintf(out, " from %s", webhook->from);
    fprintf(out, " to %s", *webhook->to ? webhook->to : webhook->dialled);
    if (webhook->digits)
        fprintf(out, " digits \"%s\"", webhook->digits);
    if (webhook->status)
        fprintf(out, " status %s", webhook->status);
    fprintf(out, "\n");
}

static void print_outcome(const struct bench_outcome *outcome, int64_t latency_us, FILE *out)
{
    if (outcome->error)
        fprintf(out, "<- no answer: %s; is the platform up?\n", cc_error_text(outcome->error));
    else
        fprintf(out, "<- %d from %.*s in %.1f ms\n   %.*s\n", outcome->status,
                outcome->source.length ? (int)outcome->source.length : 1,
                outcome->source.length ? outcome->source.data : "-", (double)latency_us / 1e3,
                (int)outcome->body.length, outcome->body.data ? outcome->body.data : "");
}

static void tell(void *context, const struct bench_webhook *webhook,
                 const struct bench_outcome *outcome, int64_t latency_us)
{
    const struct bench_options *options = context;
    if (options->json) {
        bench_report_line(webhook, outcome, latency_us, stdout);
        return;
    }
    print_webhook(webhook, stdout);
    print_outcome(outcome, latency_us, stdout);
}

struct single {
    struct bench_carrier *carrier;
    struct bench_options *options;
    struct bench_webhook webhook;
    struct bench_report *report;
    int64_t started_us;
};

static void on_single(void *context, const struct bench_outcome *outcome)
{
    struct single *single = context;
    int64_t latency_us = outcome->done_us - single->started_us;
    bench_report_add(single->report, &single->webhook, outcome, 0, latency_us);
    tell(single->options, &single->webhook, outcome, latency_us);
    cc_loop_end(single->carrier->loop);
}

/* One webhook, any event, as given on the command line. */
static enum cc_error send_single(struct bench_carrier *carrier, struct bench_options *options,
                                 struct bench_report *report)
{
    struct bench_dialogue dialogue;
    bench_dialogue_start(&dialogue, &options->script);
    if (options->event)
        dialogue.event = options->event;
    int64_t wall_us = cc_wall_clock_us();
    struct single single = {.carrier = carrier,
                            .options = options,
                            .report = report,
                            .webhook = bench_dialogue_webhook(&dialogue, wall_us),
                            .started_us = cc_monotonic_us()};
    struct bench_webhook *webhook = &single.webhook;
    if (options->event_id)
        webhook->event_id = options->event_id;
    if (options->state)
        webhook->state = options->state;
    webhook->status = options->status;
    webhook->digits = options->digits;
    webhook->reason = options->reason;
    bench_report_begin(report, single.started_us, wall_us);
    enum cc_error error = bench_carrier_send(carrier, webhook, 0, wall_us, on_single, &single);
    if (!error)
        cc_loop_run(carrier->loop);
    return error;
}

static enum cc_error run_call(struct bench_carrier *carrier, struct bench_options *options,
                              struct bench_report *report)
{
    struct bench_script *script = &options->script;
    if (!*script->call_id)
        snprintf(script->call_id, sizeof(script->call_id), "call-%" PRId64, cc_wall_clock_us());
    enum cc_error error = bench_report_init(report, NULL);
    if (error)
        return error;
    return options->dialogue ? bench_call_run(carrier, script, report, tell, options)
                             : send_single(carrier, options, report);
}

static enum cc_error open_carrier(const struct bench_options *options,
                                  struct bench_carrier *carrier)
{
    carrier->keys[0].id = options->key;
    carrier->key_count = 1;
    enum cc_error error = bench_carrier_edges(carrier, options->edge);
    if (!error)
        error = cc_loop_create(&carrier->loop);
    if (error)
        return error;
    const struct cc_tls_options tls = {.name = "edges", .authority_file = options->authority_file};
    if (carrier->secure)
        error = cc_tls_create(carrier->loop, &tls, &carrier->tls);
    if (error)
        return error;
    struct cc_http_client_options client = {
        .connections_per_address = 512, .queue_per_address = 65536, .tls = carrier->tls};
    return cc_http_client_create(carrier->loop, &client, &carrier->http);
}

static void close_carrier(struct bench_carrier *carrier)
{
    if (carrier->http)
        cc_http_client_free(carrier->http);
    cc_tls_free(carrier->tls);
    if (carrier->loop)
        cc_loop_free(carrier->loop);
}

static enum cc_error run_command(struct bench_carrier *carrier, struct bench_options *options,
                                 struct bench_report *report)
{
    if (strcmp(options->command, "load") == 0)
        return bench_run_load(carrier, options, report);
    if (strcmp(options->command, "run") == 0)
        return bench_run_scenario(carrier, options, report);
    return run_call(carrier, options, report);
}

static int run(struct bench_options *options)
{
    struct bench_report *report = calloc(1, sizeof(*report));
    struct bench_carrier carrier = {0};
    if (!report ||
        (options->secret_file && !read_secret(options->secret_file, &carrier.keys[0].secret))) {
        free(report);
        return EXIT_FAILURE;
    }
    enum cc_error error = open_carrier(options, &carrier);
    if (!error)
        error = run_command(&carrier, options, report);
    if (error)
        fprintf(stderr, "callcell-bench: %s\n", cc_error_text(error));
    bool lost = report->unanswered > 0 && !options->allow_unanswered;
    close_carrier(&carrier);
    bench_report_deinit(report);
    free(report);
    return error || lost ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct cc_buffer problem;
    cc_log_init("bench", CC_LOG_WARNING);
    if (bench_planner_knows(argc, argv))
        return bench_planner_main(argc, argv);
    cc_buffer_init(&problem, 0);
    int status = EXIT_USAGE;
    if (bench_options_parse(argc, argv, &options, &problem))
        fprintf(stderr, "callcell-bench: %.*s\n", (int)problem.length, problem.data);
    else if (options.help)
        status = fputs(bench_usage, stdout) < 0;
    else
        status = run(&options);
    cc_buffer_deinit(&problem);
    return status;
}
