#include "bench/load.h"

#include <stdlib.h>

struct run {
    const struct bench_load *load;
    struct bench_carrier *carrier;
    struct bench_report *report;
    bench_told told;
    void *context;
    struct cc_deadline next_start;
    int64_t started_us;
    uint64_t calls_started;
    uint64_t calls_running;
    bool starts_over;
    enum cc_error error;
};

/* A call under way, from its first webhook to the answer of its last. */
struct call {
    struct run *run;
    struct bench_dialogue dialogue;
    struct bench_webhook webhook;
    int64_t intended_us;
    size_t first_edge;
};

static void on_start_due(struct cc_deadline *deadline);
static enum cc_error start_call(struct run *run, const struct bench_script *script,
                                int64_t intended_us);
static enum cc_error send_webhook(struct call *call);
static void on_sent(void *context, const struct bench_outcome *outcome);
static void end_call(struct call *call);
static void end_when_done(struct run *run);

static int64_t intended_start_us(const struct run *run)
{
    return run->started_us + (int64_t)((double)run->calls_started * 1e6 / run->load->rate);
}

static void stop_starting(struct run *run, enum cc_error error)
{
    run->starts_over = true;
    if (error && !run->error)
        run->error = error;
    end_when_done(run);
}

static enum cc_error start_next(struct run *run)
{
    struct bench_script script;
    struct cc_json_reason reason = {""};
    enum cc_error error = bench_script_source_next(run->load->source, &script, &reason);
    if (error == CC_INVALID)
        fprintf(stderr, "callcell-bench: line %lld: %s\n", (long long)run->load->source->line,
                reason.text);
    return error ? error : start_call(run, &script, intended_start_us(run));
}

/* Starts every call whose time has come: after a stall of ours they start late and count late. */
static void on_start_due(struct cc_deadline *deadline)
{
    struct run *run = CC_CONTAINER_OF(deadline, struct run, next_start);
    int64_t now_us = cc_monotonic_us();
    while (intended_start_us(run) <= now_us) {
        int64_t since_us = intended_start_us(run) - run->started_us;
        if (run->load->duration_us && since_us >= run->load->duration_us) {
            stop_starting(run, CC_OK);
            return;
        }
        enum cc_error error = start_next(run);
        if (error) {
            stop_starting(run, error == CC_NOT_FOUND ? CC_OK : error);
            return;
        }
    }
    enum cc_error error = cc_deadline_set(&run->next_start, intended_start_us(run));
    if (error)
        stop_starting(run, error);
}

static enum cc_error start_call(struct run *run, const struct bench_script *script,
                                int64_t intended_us)
{
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        return CC_NO_MEMORY;
    call->run = run;
    call->intended_us = intended_us;
    call->first_edge = (size_t)run->calls_started;
    bench_dialogue_start(&call->dialogue, script);
    run->calls_started++;
    run->calls_running++;
    enum cc_error error = send_webhook(call);
    if (error)
        end_call(call);
    return error;
}

static enum cc_error send_webhook(struct call *call)
{
    int64_t wall_us = cc_wall_clock_us();
    call->webhook = bench_dialogue_webhook(&call->dialogue, wall_us);
    return bench_carrier_send(call->run->carrier, &call->webhook, call->first_edge, wall_us,
                              on_sent, call);
}

static void on_sent(void *context, const struct bench_outcome *outcome)
{
    struct call *call = context;
    struct run *run = call->run;
    int64_t latency_us = outcome->done_us - call->intended_us;
    bench_report_add(run->report, &call->webhook, outcome, latency_us);
    if (run->told)
        run->told(run->context, &call->webhook, outcome, latency_us);
    if (outcome->error || outcome->status != 200)
        bench_dialogue_unanswered(&call->dialogue);
    else
        bench_dialogue_answered(&call->dialogue, outcome->body);
    if (call->dialogue.ended) {
        end_call(call);
        return;
    }
    call->intended_us = outcome->done_us;
    enum cc_error error = send_webhook(call);
    if (error) {
        run->error = error;
        end_call(call);
    }
}

static void end_call(struct call *call)
{
    struct run *run = call->run;
    free(call);
    run->calls_running--;
    run->report->calls++;
    end_when_done(run);
}

static void end_when_done(struct run *run)
{
    if (run->starts_over && run->calls_running == 0)
        cc_loop_end(run->carrier->loop);
}

enum cc_error bench_load_run(const struct bench_load *load)
{
    struct run run = {.load = load, .carrier = load->carrier, .report = load->report};
    run.started_us = cc_monotonic_us();
    load->report->rate = load->rate;
    cc_deadline_init(&run.next_start, load->carrier->loop, on_start_due);
    enum cc_error error = cc_deadline_set(&run.next_start, run.started_us);
    if (error)
        return error;
    cc_loop_run(load->carrier->loop);
    load->report->elapsed_us = cc_monotonic_us() - run.started_us;
    return run.error;
}

enum cc_error bench_call_run(struct bench_carrier *carrier, const struct bench_script *script,
                             struct bench_report *report, bench_told told, void *context)
{
    struct run run = {.carrier = carrier,
                      .report = report,
                      .told = told,
                      .context = context,
                      .starts_over = true};
    run.started_us = cc_monotonic_us();
    enum cc_error error = start_call(&run, script, run.started_us);
    if (error)
        return error;
    cc_loop_run(carrier->loop);
    return run.error;
}
