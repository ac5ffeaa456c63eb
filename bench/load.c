#include "bench/load.h"

#include <stdlib.h>

#include "base/timestamp.h"

struct run {
    const struct bench_load *load; /* NULL: one call without a rate */
    struct bench_carrier *carrier;
    struct bench_report *report;
    bench_told told;
    void *context;
    struct cc_deadline next_start;
    struct cc_deadline next_second;
    struct bench_arrival arrival; /* the next one */
    int64_t started_us;
    uint64_t calls_started;
    uint64_t calls_running;
    int64_t seconds;
    bool starts_over;
    enum cc_error error;
};

/* A call under way, from its first webhook to the answer of its last. */
struct call {
    struct run *run;
    struct bench_dialogue dialogue;
    struct bench_webhook webhook;
    int64_t intended_us;
    size_t step;
    size_t first_edge;
    struct cc_deadline next_webhook; /* a pause */
};

static void on_start_due(struct cc_deadline *deadline);
static enum cc_error start_call(struct run *run, const struct bench_script *script);
static enum cc_error send_webhook(struct call *call);
static void on_sent(void *context, const struct bench_outcome *outcome);
static enum cc_error go_on(struct call *call, int64_t answered_us);
static void on_pause_over(struct cc_deadline *deadline);
static void end_call(struct call *call);
static void end_when_done(struct run *run);
static void on_second(struct cc_deadline *deadline);

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
    return error ? error : start_call(run, &script);
}

/* Starts every call whose time has come: after a stall of ours they start late and count late. */
static void on_start_due(struct cc_deadline *deadline)
{
    struct run *run = CC_CONTAINER_OF(deadline, struct run, next_start);
    int64_t now_us = cc_monotonic_us();
    while (run->started_us + run->arrival.offset_us <= now_us) {
        enum cc_error error = start_next(run);
        if (error || !bench_arrivals_next(run->load->arrivals, &run->arrival)) {
            stop_starting(run, error == CC_NOT_FOUND ? CC_OK : error);
            return;
        }
    }
    enum cc_error error = cc_deadline_set(deadline, run->started_us + run->arrival.offset_us);
    if (error)
        stop_starting(run, error);
}

static enum cc_error start_call(struct run *run, const struct bench_script *script)
{
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        return CC_NO_MEMORY;
    call->run = run;
    call->intended_us = run->started_us + run->arrival.offset_us;
    call->step = run->arrival.step;
    call->first_edge = (size_t)run->calls_started;
    cc_deadline_init(&call->next_webhook, run->carrier->loop, on_pause_over);
    bench_dialogue_start(&call->dialogue, script);
    run->calls_started++;
    run->calls_running++;
    bench_report_started(run->report, call->intended_us, cc_monotonic_us());
    enum cc_error error = send_webhook(call);
    if (error)
        end_call(call);
    return error;
}

static enum cc_error send_webhook(struct call *call)
{
    int64_t wall_us = cc_wall_clock_us();
    call->webhook = bench_dialogue_webhook(&call->dialogue, wall_us);
    bench_report_offered(call->run->report, call->step, call->intended_us);
    return bench_carrier_send(call->run->carrier, &call->webhook, call->first_edge, wall_us,
                              on_sent, call);
}

static void on_sent(void *context, const struct bench_outcome *outcome)
{
    struct call *call = context;
    struct run *run = call->run;
    int64_t latency_us = outcome->done_us - call->intended_us;
    bench_report_add(run->report, &call->webhook, outcome, call->step, latency_us);
    if (run->told)
        run->told(run->context, &call->webhook, outcome, latency_us);
    if (outcome->error || outcome->status != 200)
        bench_dialogue_unanswered(&call->dialogue);
    else
        bench_dialogue_answered(&call->dialogue, outcome->body);
    bool ended = call->dialogue.ended || (run->load && run->load->first_only);
    enum cc_error error = ended ? CC_OK : go_on(call, outcome->done_us);
    if (error)
        run->error = error;
    if (error || ended)
        end_call(call);
}

static enum cc_error go_on(struct call *call, int64_t answered_us)
{
    int64_t pause_us = call->run->load ? call->run->load->pause_us : 0;
    call->intended_us = answered_us + pause_us;
    return pause_us ? cc_deadline_set(&call->next_webhook, call->intended_us) : send_webhook(call);
}

static void on_pause_over(struct cc_deadline *deadline)
{
    struct call *call = CC_CONTAINER_OF(deadline, struct call, next_webhook);
    enum cc_error error = send_webhook(call);
    if (!error)
        return;
    call->run->error = error;
    end_call(call);
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

static enum cc_error plan_second(struct run *run)
{
    return cc_deadline_set(&run->next_second, run->started_us + run->seconds * CC_SECOND_US);
}

/* After a stall of the generator seconds are caught up with one by one. */
static void on_second(struct cc_deadline *deadline)
{
    struct run *run = CC_CONTAINER_OF(deadline, struct run, next_second);
    run->seconds++;
    run->report->calls_running = run->calls_running;
    bench_report_roll(run->report, cc_monotonic_us());
    if (run->load->each_second)
        run->load->each_second(run->load->context);
    enum cc_error error = plan_second(run);
    if (error)
        stop_starting(run, error);
}

enum cc_error bench_load_run(const struct bench_load *load)
{
    struct run run = {.load = load, .carrier = load->carrier, .report = load->report, .seconds = 1};
    if (!bench_arrivals_next(load->arrivals, &run.arrival))
        return CC_OK;
    run.started_us = cc_monotonic_us();
    bench_report_begin(load->report, run.started_us, cc_wall_clock_us());
    cc_deadline_init(&run.next_start, load->carrier->loop, on_start_due);
    cc_deadline_init(&run.next_second, load->carrier->loop, on_second);
    enum cc_error error = cc_deadline_set(&run.next_start, run.started_us);
    if (!error)
        error = plan_second(&run);
    if (!error)
        cc_loop_run(load->carrier->loop);
    cc_deadline_clear(&run.next_start);
    cc_deadline_clear(&run.next_second);
    bench_report_end(load->report, cc_monotonic_us());
    return error ? error : run.error;
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
    bench_report_begin(report, run.started_us, cc_wall_clock_us());
    enum cc_error error = start_call(&run, script);
    if (error)
        return error;
    cc_loop_run(carrier->loop);
    return run.error;
}
