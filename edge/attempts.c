/* Rim: asks workers over HTTP. */
#include "edge/attempts.h"

#include "base/decimal.h"
#include "base/log.h"
#include "edge/telemetry_list.h"

enum { NO_TOKEN_US = 20 * 1000 };

static bool ask_another(struct edge_attempts *attempts);
static void wait_for(struct edge_attempts *attempts, int64_t delay_us);
static void on_silent(struct cc_deadline *deadline);
static void on_end(void *context, enum cc_error error, const struct cc_http_response *response);
static void finish(struct edge_attempts *attempts, const struct edge_try *winner,
                   const struct cc_http_response *response);

/* ---- asking ---- */

void edge_attempts_start(struct edge_attempts *attempts)
{
    cc_deadline_init(&attempts->_hedge, attempts->loop, on_silent);
    attempts->made = attempts->_running = 0;
    edge_hedge_earn(&attempts->cell->hedge);
    if (!ask_another(attempts))
        finish(attempts, NULL, NULL);
}

/* One that this call has not asked yet. */
static const struct edge_worker *pick_new(struct edge_attempts *attempts)
{
    struct cc_slice tried[EDGE_ATTEMPTS];
    for (int i = 0; i < attempts->made; i++)
        tried[i] = cc_slice_of(attempts->tries[i].worker);
    return edge_cell_pick(attempts->cell, tried, (size_t)attempts->made);
}

/* The only worker of a cell is asked twice: it may have been restarted in between. */
static const struct edge_worker *pick(struct edge_attempts *attempts)
{
    const struct edge_worker *worker = pick_new(attempts);
    if (worker || attempts->made != 1 || attempts->_running > 0)
        return worker;
    return edge_cell_pick(attempts->cell, NULL, 0);
}

static enum cc_error start_exchange(struct edge_try *try)
{
    struct edge_attempts *attempts = try->attempts;
    struct cc_http_header headers[EDGE_ATTEMPT_HEADERS];
    char remaining[CC_DECIMAL_TEXT];
    size_t count = attempts->header_count;
    memcpy(headers, attempts->headers, count * sizeof(headers[0]));
    headers[count++] = (struct cc_http_header){CC_SLICE_LITERAL("callcell-attempt"),
                                               cc_slice_of(try->attempt.number > 1 ? "2" : "1")};
    headers[count++] = (struct cc_http_header){CC_SLICE_LITERAL("callcell-remaining-ms"),
                                               cc_decimal(try->attempt.remaining_ms, remaining)};
    struct cc_http_exchange exchange = {
        .address = cc_slice_of(try->worker),
        .peer = attempts->cell->identity,
        .method = CC_SLICE_LITERAL("POST"),
        .path = attempts->path,
        .headers = headers,
        .header_count = count,
        .body = attempts->body,
        .deadline_us = try->attempt.deadline_us,
        .retry_stale_connection = true, /* events carry their own idempotency key */
        .done = on_end,
        .context = try,
    };
    return cc_http_exchange_start(attempts->http, &exchange, &try->handle);
}

static void note_failure(const struct edge_try *try, enum edge_outcome outcome)
{
    static const enum edge_series series[] = {
        [EDGE_OUTCOME_TIMEOUT] = EDGE_FAILED_TIMEOUT,
        [EDGE_OUTCOME_UNAVAILABLE] = EDGE_FAILED_UNAVAILABLE,
        [EDGE_OUTCOME_NOT_MINE] = EDGE_FAILED_NOT_MINE,
        [EDGE_OUTCOME_OVERLOADED] = EDGE_FAILED_OVERLOADED,
        [EDGE_OUTCOME_NO_PLAN] = EDGE_FAILED_NO_PLAN,
        [EDGE_OUTCOME_FULL] = EDGE_FAILED_FULL,
        [EDGE_OUTCOME_STATUS] = EDGE_FAILED_STATUS,
    };
    cc_telemetry_add(try->attempts->telemetry, series[outcome], 1);
    CC_LOG(CC_LOG_DEBUG, "attempt_failed", cc_log_text("request_id", try->attempts->request_id),
           cc_log_text("worker", try->worker), cc_log_number("attempt", try->attempt.number),
           cc_log_text("why", edge_outcome_name(outcome)));
}

/* False: nobody can be asked, or no time is left for it. */
static bool ask_another(struct edge_attempts *attempts)
{
    struct edge_attempt next;
    int64_t now_us = cc_monotonic_us();
    while (edge_budget_next(&attempts->budget, attempts->made, now_us, &next)) {
        const struct edge_worker *worker = pick(attempts);
        if (!worker)
            return false;
        struct edge_try *try = &attempts->tries[attempts->made++];
        *try = (struct edge_try){.attempts = attempts, .attempt = next, .started_us = now_us};
        memcpy(try->worker, worker->address, sizeof(try->worker));
        enum cc_error error = start_exchange(try);
        if (error == CC_OK) {
            attempts->_running++;
            edge_cell_asked(attempts->cell, cc_slice_of(try->worker), now_us);
            wait_for(attempts, edge_hedge_delay_us(&attempts->cell->hedge));
            return true;
        }
        try->handle = NULL;
        note_failure(try, edge_outcome_of(error, 0, (struct cc_slice){0}));
    }
    return false;
}

/* ---- silence ---- */

/* A carrier in a hurry is not kept waiting for most of a share. */
static void wait_for(struct edge_attempts *attempts, int64_t delay_us)
{
    int64_t most_us = attempts->budget.share_us * 2 / 5;
    int64_t due_us = cc_monotonic_us() + (delay_us < most_us ? delay_us : most_us);
    if (attempts->made < EDGE_ATTEMPTS && cc_deadline_set(&attempts->_hedge, due_us) != CC_OK)
        CC_LOG(CC_LOG_ERROR, "hedge_lost", cc_log_error_field(CC_NO_MEMORY));
}

/* Asking another needs a token, unless the silent one is known to be in trouble. */
static bool may_hedge(struct edge_attempts *attempts, const struct edge_try *silent)
{
    const struct edge_worker *worker =
        edge_cell_worker(attempts->cell, cc_slice_of(silent->worker));
    if (!worker || worker->health != EDGE_HEALTHY) {
        cc_telemetry_add(attempts->telemetry, EDGE_HEDGES_TROUBLE, 1);
        return true;
    }
    if (edge_hedge_take(&attempts->cell->hedge)) {
        cc_telemetry_add(attempts->telemetry, EDGE_HEDGES_SLOW, 1);
        return true;
    }
    cc_telemetry_add(attempts->telemetry, EDGE_HEDGES_DENIED, 1);
    return false;
}

static void on_silent(struct cc_deadline *deadline)
{
    struct edge_attempts *attempts = CC_CONTAINER_OF(deadline, struct edge_attempts, _hedge);
    const struct edge_try *last = &attempts->tries[attempts->made - 1];
    edge_prober_suspect(attempts->prober, attempts->cell, cc_slice_of(last->worker));
    if (!pick_new(attempts))
        return;
    if (may_hedge(attempts, last))
        (void)ask_another(attempts); /* else the one under way goes on alone */
    else
        wait_for(attempts, NO_TOKEN_US);
}

/* ---- endings ---- */

/* A refusal costs next to nothing to try elsewhere. A time-out may mean that the cell has more than
 * it can do: asking again without a token would then double what it has to do. */
static bool may_go_on(struct edge_attempts *attempts, enum edge_outcome outcome)
{
    if (outcome != EDGE_OUTCOME_TIMEOUT || edge_hedge_take(&attempts->cell->hedge))
        return true;
    cc_telemetry_add(attempts->telemetry, EDGE_HEDGES_DENIED, 1);
    return false;
}

static void on_end(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct edge_try *try = context;
    struct edge_attempts *attempts = try->attempts;
    struct cc_slice worker = cc_slice_of(try->worker);
    int64_t now_us = cc_monotonic_us();
    enum edge_outcome outcome =
        edge_outcome_of(error, error == CC_OK ? response->status : 0,
                        error == CC_OK ? response->body : (struct cc_slice){0});
    try->handle = NULL;
    attempts->_running--;
    edge_cell_ended(attempts->cell, worker, error == CC_OK, now_us);
    if (outcome == EDGE_OUTCOME_ANSWER) {
        edge_hedge_observe(&attempts->cell->hedge, now_us - try->started_us);
        edge_prober_note(attempts->prober, attempts->cell, worker, EDGE_REPORT_ANSWERED);
        finish(attempts, try, response);
        return;
    }
    bool ours =
        outcome == EDGE_OUTCOME_TIMEOUT && cc_loop_stalled_after(attempts->loop, try->started_us);
    if (!ours && edge_outcome_blames_worker(outcome, try->attempt.remaining_ms))
        edge_prober_note(attempts->prober, attempts->cell, worker, EDGE_REPORT_FAILED);
    note_failure(try, outcome);
    if (attempts->_running == 0 && !(may_go_on(attempts, outcome) && ask_another(attempts)))
        finish(attempts, NULL, NULL);
}

/* The answer of another came first. */
static void give_up(struct edge_try *try, const struct edge_try *winner)
{
    struct edge_attempts *attempts = try->attempts;
    struct cc_slice worker = cc_slice_of(try->worker);
    int64_t now_us = cc_monotonic_us();
    cc_http_exchange_abandon(try->handle);
    try->handle = NULL;
    attempts->_running--;
    edge_cell_ended(attempts->cell, worker, false, now_us);
    if (try < winner && !cc_loop_stalled_after(attempts->loop, try->started_us)) {
        cc_telemetry_add(attempts->telemetry, EDGE_HEDGES_WON, 1);
        edge_hedge_observe(&attempts->cell->hedge, now_us - try->started_us);
        edge_prober_note(attempts->prober, attempts->cell, worker, EDGE_REPORT_BEATEN);
    }
}

static void finish(struct edge_attempts *attempts, const struct edge_try *winner,
                   const struct cc_http_response *response)
{
    cc_deadline_clear(&attempts->_hedge);
    for (int i = 0; i < attempts->made; i++)
        if (attempts->tries[i].handle)
            give_up(&attempts->tries[i], winner);
    attempts->done(attempts, winner, response);
}
