/*
 * Rim: answers a request. The path of one call event, straight down:
 *
 *   http.c  bytes -> event, by dialect; token, country, tenant's home
 *     |
 *   cell_answer_start     emergency, or nobody served ------------------.
 *     |                                                                 |
 *   on_plan               memory, Redis, replica, primary               |
 *     |                                                                 |
 *   on_flow               the version that the state pins, if another   |
 *     |                                                                 |
 *   decide_and_reply      decide (pure) <-------------------------------'
 *     |                   render -> outbox: record into the spool -> reply
 *     '- no source could give the call plan: 503, the edge asks another worker
 *
 * All of it within min(350 ms, what the edge waits for). The struct lives in the request's arena.
 */
#include "cell/calls/answer.h"

#include "base/decimal.h"
#include "base/log.h"
#include "base/timestamp.h"

enum { BUDGET_MS = 350, REPLY_MS = 15 };

_Static_assert(CELL_T_DECISION_FAULT - CELL_T_DECISION_CONNECT + 1 == CELL_DECISION_COUNT,
               "one series per decision");

struct answer {
    struct cell_outgoing outgoing;
    struct cell_calls *calls;
    struct cell_answer_request asked;
    struct cell_wait plan;
    struct cell_wait flow;
    struct cell_decide_input input;
    struct cell_opened opened;
    int64_t deadline_us;
    struct cc_buffer body; /* what is sent */
    char decision_id[CC_DECISION_ID_TEXT + 1];
    enum cell_decision decision;
};

static void on_plan(struct cell_wait *wait);
static void with_plan(struct answer *answer);
static void on_flow(struct cell_wait *wait);
static void decide_and_reply(struct answer *answer);
static void send_answer(struct cell_outgoing *outgoing);

/* A number that nobody can have needs no look-up; an emergency call must not wait for one. */
static bool needs_plan(const struct answer *answer, struct cc_slice served)
{
    return served.length > 0 && cc_name_is_e164(served) &&
           !cc_is_emergency(answer->asked.event, answer->input.policy);
}

static void fill_input(struct answer *answer)
{
    struct cell_worker *worker = answer->calls->worker;
    answer->input.event = answer->asked.event;
    answer->input.country = cc_slice_of(worker->settings->country);
    answer->input.tenant = answer->asked.tenant;
    /* Read anew after every wait: a publication may have replaced them. */
    answer->input.policy = cc_route_map_policy(worker->country.map);
    answer->input.keyring = worker->country.keyring;
    answer->input.opened = &answer->opened;
}

void cell_answer_start(struct cell_calls *calls, const struct cell_answer_request *asked)
{
    struct answer *answer = cc_arena_alloc(&asked->request->arena, sizeof(*answer));
    if (!answer) {
        cc_http_problem(asked->request, 503, "overloaded", "Overloaded",
                        CC_SLICE_LITERAL("out of memory"));
        return;
    }
    answer->calls = calls;
    answer->asked = *asked;
    fill_input(answer);
    int64_t budget_ms = asked->remaining_ms < BUDGET_MS ? asked->remaining_ms : BUDGET_MS;
    answer->deadline_us = asked->request->received_us + (budget_ms - REPLY_MS) * 1000;
    answer->plan = (struct cell_wait){.tenant = asked->tenant,
                                      .name = cc_call_event_served(asked->event),
                                      .deadline_us = answer->deadline_us,
                                      .on_loaded = on_plan,
                                      .error = CC_NOT_FOUND};
    if (!needs_plan(answer, answer->plan.name))
        decide_and_reply(answer);
    else if (cell_store_get(calls->store, &answer->plan))
        with_plan(answer);
}

static void on_plan(struct cell_wait *wait)
{
    with_plan(CC_CONTAINER_OF(wait, struct answer, plan));
}

static void with_plan(struct answer *answer)
{
    struct cc_slice flow_id = {0};
    int64_t version = 0;
    fill_input(answer);
    answer->input.plan = answer->plan.plan;
    answer->input.plan_known = answer->plan.error == CC_NOT_FOUND;
    if (cell_decide_needs(&answer->input, &answer->asked.request->arena, &flow_id, &version)) {
        decide_and_reply(answer);
        return;
    }
    answer->flow = (struct cell_wait){.tenant = answer->asked.tenant,
                                      .name = flow_id,
                                      .version = version,
                                      .deadline_us = answer->deadline_us,
                                      .on_loaded = on_flow};
    if (version <= 0 || cell_store_get(answer->calls->store, &answer->flow))
        decide_and_reply(answer);
}

static void on_flow(struct cell_wait *wait)
{
    decide_and_reply(CC_CONTAINER_OF(wait, struct answer, flow));
}

/* Renders the decision; when it will not go into its bounds, the safest action, which always does.
 */
static enum cc_error render(struct answer *answer, struct cc_answer *decided)
{
    struct cc_buffer *body = &answer->body;
    char *decision_id = answer->decision_id;
    const struct cell_answer_request *asked = &answer->asked;
    enum cc_error error = asked->dialect->write(decided, asked->tenant, asked->event->event_id,
                                                answer->plan.row_version, body, decision_id);
    if (!error)
        return CC_OK;
    CC_LOG(CC_LOG_ERROR, "answer_unrenderable", cc_log_slice("tenant", asked->tenant),
           cc_log_slice("call_id", asked->event->call_id), cc_log_error_field(error));
    struct cc_action *actions =
        cc_arena_alloc(&asked->request->arena, CC_ACTIONS_MAX * sizeof(*actions));
    if (!actions)
        return CC_NO_MEMORY;
    *decided = (struct cc_answer){.actions = actions};
    cc_safest(asked->event, answer->input.policy, true, cc_slice(NULL, 0), actions,
              &decided->action_count);
    cc_buffer_deinit(body);
    cc_buffer_init(body, 0);
    return asked->dialect->write(decided, asked->tenant, asked->event->event_id,
                                 answer->plan.row_version, body, decision_id);
}

/* An id that is none is nobody's: the record counts as one of an edge that sends none. */
static struct cc_slice request_id_of(const struct cell_answer_request *asked)
{
    return cc_name_is_uuid(asked->request_id) ? asked->request_id : cc_slice(NULL, 0);
}

static void put_into_outbox(struct answer *answer, const struct cc_answer *decided)
{
    const struct cell_answer_request *asked = &answer->asked;
    struct cell_worker *worker = answer->calls->worker;
    struct cc_call_record line = {.tenant = asked->tenant,
                                  .event = asked->event,
                                  .source = cc_slice_of(cell_source_name(answer->plan.source)),
                                  .decision_id = cc_slice_of(answer->decision_id),
                                  .plan_version = answer->plan.row_version,
                                  .flow_id = decided->flow_id,
                                  .flow_version = decided->flow_version,
                                  .carrier_key = asked->carrier_key,
                                  .giver = cc_slice_of(worker->giver),
                                  .attempt = asked->attempt,
                                  .request_id = request_id_of(asked),
                                  .received_at_us = asked->request->received_wall_us,
                                  .processing_us = cc_monotonic_us() - asked->request->received_us,
                                  .actions = decided->actions,
                                  .action_count = decided->action_count};
    answer->outgoing.send = send_answer;
    cell_outbox_put(answer->calls->outbox, &answer->outgoing, &line);
}

static void reply_with(const struct answer *answer)
{
    char version[CC_DECIMAL_TEXT];
    struct cc_http_reply reply = {
        .status = 200,
        .headers = {{CC_SLICE_LITERAL("content-type"),
                     cc_slice_of(answer->asked.dialect->content_type)},
                    {CC_SLICE_LITERAL("callcell-source"),
                     cc_slice_of(cell_source_name(answer->plan.source))},
                    {CC_SLICE_LITERAL("callcell-plan-version"),
                     cc_decimal(answer->plan.row_version, version)},
                    {CC_SLICE_LITERAL("callcell-decision-id"), cc_slice_of(answer->decision_id)}},
        .header_count = 4,
        .body = cc_buffer_slice(&answer->body)};
    cc_http_reply(answer->asked.request, &reply);
}

/* Told at most once a second: with every source gone it is every call. */
static void warn(const struct answer *answer, enum cell_decision decision)
{
    int64_t now_us = cc_loop_now_us(answer->calls->worker->loop);
    int64_t *warned_us = &answer->calls->warned_us[decision];
    if (*warned_us != 0 && now_us - *warned_us < CC_SECOND_US)
        return;
    *warned_us = now_us;
    CC_LOG(CC_LOG_WARNING, decision == CELL_DECISION_NO_PLAN ? "no_call_plan" : "safest_action",
           cc_log_text("why", cell_decision_name(decision)),
           cc_log_slice("request_id", answer->asked.request_id),
           cc_log_slice("tenant", answer->asked.tenant),
           cc_log_slice("call_id", answer->asked.event->call_id));
}

static void count(const struct answer *answer, enum cell_decision decision)
{
    struct cell_worker *worker = answer->calls->worker;
    cell_worker_count(worker, (enum cell_series)(CELL_T_DECISION_CONNECT + (int)decision), 1);
    cell_worker_count(worker, (enum cell_series)(CELL_T_SOURCE_MEMORY + (int)answer->plan.source),
                      1);
    cc_telemetry_observe(&worker->telemetry, CELL_T_ANSWER_TIME,
                         cc_monotonic_us() - answer->asked.request->received_us);
    if (decision == CELL_DECISION_FAULT || decision == CELL_DECISION_NO_FLOW ||
        decision == CELL_DECISION_STATE_FORGED)
        warn(answer, decision);
}

static void release(struct answer *answer)
{
    cell_call_plan_unref(answer->plan.plan);
    cell_held_flow_unref(answer->flow.flow);
}

/* No source could say what the number's call plan is, nor that there is none. Another worker may
 * know; if not, the edge's own answer is the better one: it knows the number's fallback target. */
static void leave_to_others(struct answer *answer)
{
    cell_worker_count(answer->calls->worker, CELL_T_DECISION_NO_PLAN, 1);
    warn(answer, CELL_DECISION_NO_PLAN);
    release(answer);
    cc_http_problem(answer->asked.request, 503, "no-call-plan", "No call plan",
                    CC_SLICE_LITERAL("no source could give the number's call plan in time"));
}

static void decide_and_reply(struct answer *answer)
{
    struct cc_answer decided = {0};
    fill_input(answer);
    answer->input.plan = answer->plan.plan;
    answer->input.plan_known = answer->plan.error == CC_NOT_FOUND;
    answer->input.pinned_flow = answer->flow.flow ? answer->flow.flow->flow : NULL;
    answer->decision = cell_decide(&answer->input, &answer->asked.request->arena, &decided);
    if (answer->decision == CELL_DECISION_NO_PLAN) {
        leave_to_others(answer);
        return;
    }
    cc_buffer_init(&answer->body, 0);
    enum cc_error error = render(answer, &decided);
    if (!error) {
        put_into_outbox(answer, &decided);
        return;
    }
    CC_LOG(CC_LOG_ERROR, "answer_failed", cc_log_error_field(error));
    release(answer);
    cc_buffer_deinit(&answer->body);
    cc_http_problem(answer->asked.request, 503, "overloaded", "Overloaded",
                    CC_SLICE_LITERAL("no answer could be made"));
}

/* The answer lies in the request's arena, which goes with the reply. */
static void send_answer(struct cell_outgoing *outgoing)
{
    struct answer *answer = CC_CONTAINER_OF(outgoing, struct answer, outgoing);
    struct cc_buffer body = answer->body;
    count(answer, answer->decision);
    release(answer);
    reply_with(answer);
    cc_buffer_deinit(&body);
}
