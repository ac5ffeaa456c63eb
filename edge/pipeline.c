/*
 * Rim: HTTP in, HTTP out. A webhook, straight down:
 *
 *   bytes ─ http_server (framing screened) ─ receive
 *     │ country unknown ──────────────────────────────────────────── 404
 *     ▼
 *   emergency: bounded parse ── emergency ──▶ answer_emergency ───── 200 edge (verified afterwards)
 *     ▼
 *   route: tenant or number ─▶ cell
 *   auth: signature, key ────── bad ─────────────────────────────── 401 · 403
 *     │ no call event ───────────────────────────────────────────── 400
 *     │ sent while this edge stood still, and given up ─▶ answer_by_edge
 *     ▼
 *   attempts (attempts.h): a worker; another when it fails or is silent; the first answer counts
 *     ▼
 *   on_attempts_done ── 200 ──▶ pass_on (more than one asked: journal) ─ 200 cell
 *     │ nobody answered, too many in flight, no such number
 *     ▼
 *   answer_by_edge ─▶ fallback + journal ────────────────────────── 200 edge
 *
 * A struct edge_call lives in its request's arena: it is gone with cc_http_reply, so replying is
 * the last thing that happens to it. It holds its country's snapshot until then.
 */
#include "edge/pipeline.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/call_record.h"
#include "base/decimal.h"
#include "base/log.h"
#include "edge/attempts.h"
#include "edge/auth.h"
#include "edge/edge.h"
#include "edge/emergency.h"
#include "edge/fallback.h"
#include "edge/segment.h"
#include "edge/trace.h"
#include "edge/verify.h"

enum { ANSWER_MAX = 64 * 1024 };
/* Log lines a second, whatever happens: an outage is told by its first calls, an attack takes more.
 */
enum { OWN_ANSWER_LINES = 10, REFUSAL_LINES = 100 };
/* For so long after a stall webhooks come in that were sent during it. */
enum { BACKLOG_US = 5 * 1000 * 1000 };

struct edge_call {
    struct edge *edge;
    struct cc_http_request *request;
    struct edge_snapshot *snapshot;
    struct cc_slice url_tenant;  /* empty on the one-URL form */
    struct cc_slice url_call_id; /* empty unless the path has one */
    char request_id[CC_UUID_TEXT + 1];
    char map_epoch[CC_DECIMAL_TEXT];
    char traceparent[EDGE_TRACEPARENT_TEXT + 1];
    enum edge_body body;
    struct cc_call_event event; /* filled unless EDGE_BODY_NONE */
    struct cc_json_reason reason;
    struct edge_target target;
    struct edge_auth_result auth;
    struct edge_cell *cell;
    struct edge_attempts attempts;
};

static void receive(struct cc_http_request *request, struct cc_slice tenant,
                    struct cc_slice call_id);
static bool identify(struct edge_call *call);
static void answer_emergency(struct edge_call *call);
static bool authenticate(struct edge_call *call);
static bool check_body(struct edge_call *call);
static void begin_attempts(struct edge_call *call);
static void on_attempts_done(struct edge_attempts *attempts, const struct edge_try *winner,
                             const struct cc_http_response *response);
static void pass_on(struct edge_call *call, const struct edge_try *winner,
                    const struct cc_http_response *response);
static void answer_by_edge(struct edge_call *call, enum edge_series why);
static void journal_record(struct edge_call *call, const struct cc_call_record *record);

/* ---- what can be said of a call: one log line, one counter, one reply ---- */

static void log_refusal(const struct edge_call *call, int status, const char *why,
                        const char *detail)
{
    int64_t held_back = 0;
    if (!edge_log_gate_opens(&call->edge->refusals_gate, REFUSAL_LINES, cc_monotonic_us(),
                             &held_back))
        return;
    CC_LOG(CC_LOG_INFO, "request_refused", cc_log_text("request_id", call->request_id),
           cc_log_number("status", status), cc_log_text("why", why),
           cc_log_slice("country", call->request->segments[1]),
           cc_log_slice("carrier_key", call->auth.key ? call->auth.key->id : (struct cc_slice){0}),
           cc_log_slice("peer", call->request->peer), cc_log_text("detail", detail),
           cc_log_number("held_back", held_back));
}

static void refuse(struct edge_call *call, enum edge_series series, int status, const char *name,
                   const char *title, const char *detail)
{
    struct edge_snapshot *snapshot = call->snapshot;
    cc_telemetry_add(&call->edge->telemetry, series, 1);
    /* what is wrong with a body quotes it */
    log_refusal(call, status, name, series == EDGE_REFUSED_BODY ? "" : detail);
    cc_http_problem(call->request, status, name, title, cc_slice_of(detail));
    edge_snapshot_release(snapshot);
}

static void reply_answer(struct edge_call *call, struct cc_slice body, struct cc_slice source,
                         struct cc_slice plan_version, struct cc_slice decision_id)
{
    struct edge_snapshot *snapshot = call->snapshot;
    const struct cc_http_reply reply = {
        .status = 200,
        .headers = {{CC_SLICE_LITERAL("content-type"), CC_SLICE_LITERAL("application/json")},
                    {CC_SLICE_LITERAL("callcell-source"), source},
                    {CC_SLICE_LITERAL("callcell-plan-version"), plan_version},
                    {CC_SLICE_LITERAL("callcell-decision-id"), decision_id}},
        .header_count = 4,
        .body = body,
    };
    cc_telemetry_observe(&call->edge->telemetry, EDGE_SECONDS,
                         cc_monotonic_us() - call->request->received_us);
    cc_http_reply(call->request, &reply);
    edge_snapshot_release(snapshot);
}

/* ---- in: who is called upon, and what is said ---- */

void edge_on_call(struct cc_http_request *request)
{
    receive(request, (struct cc_slice){0}, (struct cc_slice){0});
}

void edge_on_tenant_call(struct cc_http_request *request)
{
    receive(request, request->segments[3], (struct cc_slice){0});
}

void edge_on_tenant_event(struct cc_http_request *request)
{
    receive(request, request->segments[3], request->segments[5]);
}

static void receive(struct cc_http_request *request, struct cc_slice tenant,
                    struct cc_slice call_id)
{
    struct edge *edge = request->server_context;
    cc_telemetry_add(&edge->telemetry, EDGE_REQUESTS, 1);
    struct edge_call *call = cc_arena_alloc(&request->arena, sizeof(*call));
    if (!call) {
        cc_telemetry_add(&edge->telemetry, EDGE_REFUSED_OVERLOAD, 1);
        CC_LOG(CC_LOG_ERROR, "request_refused", cc_log_error_field(CC_NO_MEMORY));
        cc_http_problem(request, 503, "overloaded", "Out of memory", (struct cc_slice){0});
        return;
    }
    call->edge = edge;
    call->request = request;
    call->url_tenant = tenant;
    call->url_call_id = call_id;
    if (!identify(call))
        return;
    const struct cc_call_policy *policy = cc_route_map_policy(call->snapshot->map);
    call->body =
        edge_emergency_read(request->body, policy, &request->arena, &call->event, &call->reason);
    if (call->body == EDGE_BODY_EMERGENCY) {
        answer_emergency(call);
        return;
    }
    if (authenticate(call) && check_body(call))
        begin_attempts(call);
}

static bool identify(struct edge_call *call)
{
    uint8_t random[10 + EDGE_TRACE_RANDOM_BYTES] = {0};
    if (cc_random_bytes(random, sizeof(random)) != CC_OK)
        CC_LOG(CC_LOG_ERROR, "no_randomness", cc_log_error_field(CC_CRYPTO));
    cc_uuid7(call->request->received_wall_us, random, call->request_id);
    edge_trace_continue(cc_http_header(call->request, "traceparent", NULL), random + 10,
                        call->traceparent);
    struct cc_slice country = call->request->segments[1];
    struct edge_snapshot *snapshot = edge_countries_find(&call->edge->countries, country);
    if (!snapshot || !snapshot->map) {
        refuse(call, EDGE_REFUSED_COUNTRY, 404, "unknown-country", "Unknown country",
               "this edge has no routing map of the country in the path");
        return false;
    }
    call->snapshot = edge_snapshot_hold(snapshot);
    return true;
}

/* ---- auth ---- */

static void judge_signature(struct edge_call *call)
{
    struct edge_auth_request request = edge_signed_request(call->request, call->target.tenant);
    edge_auth_decide(call->snapshot->carriers, &request, &call->auth);
    if (call->auth.verdict == EDGE_AUTH_UNKNOWN_KEY &&
        edge_auth_is_elsewhere(&call->edge->countries, &request))
        call->auth.verdict = EDGE_AUTH_FORBIDDEN;
}

static bool authenticate(struct edge_call *call)
{
    edge_route_find(call->snapshot, call->url_tenant,
                    call->body == EDGE_BODY_NONE ? NULL : &call->event, &call->target);
    if (!call->snapshot->carriers) {
        refuse(call, EDGE_REFUSED_NOT_READY, 503, "not-ready", "Country is not ready",
               "this edge has no carrier keys of the country yet");
        return false;
    }
    judge_signature(call);
    if (call->auth.verdict == EDGE_AUTH_REPORTED) {
        cc_telemetry_add(&call->edge->telemetry, EDGE_REPORT_ONLY, 1);
        CC_LOG(CC_LOG_WARNING, "bad_request_let_through",
               cc_log_text("request_id", call->request_id),
               cc_log_slice("carrier_key", call->auth.key->id),
               cc_log_text("detail", call->auth.reason.text));
    }
    if (edge_auth_passes(&call->auth))
        return true;
    if (call->auth.verdict == EDGE_AUTH_FORBIDDEN)
        refuse(call, EDGE_REFUSED_FORBIDDEN, 403, "forbidden", "Key is not valid here",
               call->auth.reason.text);
    else
        refuse(call, EDGE_REFUSED_SIGNATURE, 401, "signature", "Signature is not valid",
               call->auth.reason.text);
    return false;
}

static bool check_body(struct edge_call *call)
{
    if (call->body == EDGE_BODY_NONE) {
        refuse(call, EDGE_REFUSED_BODY, 400, "not-a-call-event", "No call event",
               call->reason.text);
        return false;
    }
    if (call->url_call_id.length > 0 && !edge_segment_is(call->url_call_id, call->event.call_id)) {
        refuse(call, EDGE_REFUSED_BODY, 400, "call-id-mismatch", "No call event of this call",
               "call.id: is not the call id in the path");
        return false;
    }
    return true;
}

/* ---- emergency ---- */

/* The answer depends on the body alone; the verdict only decides whether the tenant gets a record.
 */
static void answer_emergency(struct edge_call *call)
{
    struct edge_target unrouted = {.tenant = call->url_tenant, .known_number = true};
    call->target = unrouted;
    if (call->snapshot->carriers) {
        edge_route_find(call->snapshot, call->url_tenant, &call->event, &call->target);
        judge_signature(call);
    } else {
        call->auth.verdict = EDGE_AUTH_REFUSED;
    }
    if (!edge_auth_passes(&call->auth)) {
        cc_telemetry_add(&call->edge->telemetry, EDGE_EMERGENCY_UNVERIFIED, 1);
        call->target = unrouted; /* nobody's: not journalled */
    }
    answer_by_edge(call, EDGE_ANSWER_EMERGENCY);
}

/* ---- upstream ---- */

/* The body says what the event is; an id that would need encoding is left out of the path. */
static struct cc_slice worker_path(struct edge_call *call)
{
    struct cc_slice id = call->event.call_id;
    bool starts = call->url_tenant.length > 0 ? call->url_call_id.length == 0
                                              : cc_call_event_is_first(&call->event);
    const struct cc_slice parts[] = {CC_SLICE_LITERAL("/internal/v1/"),
                                     cc_slice_of(call->snapshot->country),
                                     CC_SLICE_LITERAL("/tenants/"),
                                     call->target.tenant,
                                     CC_SLICE_LITERAL("/calls"),
                                     CC_SLICE_LITERAL("/"),
                                     id,
                                     CC_SLICE_LITERAL("/events")};
    return cc_arena_join(&call->request->arena, parts,
                         starts || !edge_segment_is_plain(id) ? 5 : 8);
}

/* Nothing of the client's head passes. */
static void fill_headers(struct edge_call *call, struct edge_attempts *attempts)
{
    struct cc_slice token = edge_route_cell_token(call->snapshot, call->target.cell->id);
    const struct cc_slice bearer[] = {CC_SLICE_LITERAL("Bearer "), token};
    const struct cc_http_header headers[] = {
        {CC_SLICE_LITERAL("authorization"), cc_arena_join(&call->request->arena, bearer, 2)},
        {CC_SLICE_LITERAL("content-type"), CC_SLICE_LITERAL("application/json")},
        {CC_SLICE_LITERAL("callcell-map-epoch"),
         cc_decimal(cc_route_map_epoch(call->snapshot->map), call->map_epoch)},
        {CC_SLICE_LITERAL("callcell-request-id"), cc_slice_of(call->request_id)},
        {CC_SLICE_LITERAL("callcell-carrier-key"), call->auth.key->id},
        {CC_SLICE_LITERAL("traceparent"), cc_slice_of(call->traceparent)},
    };
    attempts->header_count = sizeof(headers) / sizeof(headers[0]);
    memcpy(attempts->headers, headers, sizeof(headers));
}

/* A cell that does not answer may hold half of what may be in flight: the other cells go on. */
static bool is_overloaded(const struct edge *edge, const struct edge_cell *cell)
{
    size_t most = (size_t)edge->settings.in_flight_max;
    return edge->in_flight >= most || cell->in_flight >= (most + 1) / 2;
}

static void count_in_flight(struct edge_call *call, bool enters)
{
    struct edge *edge = call->edge;
    edge->in_flight += enters ? 1 : (size_t)-1;
    call->cell->in_flight += enters ? 1 : (size_t)-1;
    cc_telemetry_set(&edge->telemetry, EDGE_IN_FLIGHT, (int64_t)edge->in_flight);
}

/* What was sent while this edge stood still comes in all at once. It was answered by another edge,
 * or the call is over: to ask a cell for it would take the time of those who are still waiting. */
static bool is_abandoned(const struct edge_call *call)
{
    return cc_loop_stalled_after(call->edge->loop, call->request->received_us - BACKLOG_US) &&
           cc_http_client_is_gone(call->request);
}

static void begin_attempts(struct edge_call *call)
{
    struct edge *edge = call->edge;
    if (is_abandoned(call)) {
        answer_by_edge(call, EDGE_ANSWER_ABANDONED);
        return;
    }
    if (!call->target.cell) {
        answer_by_edge(call, EDGE_ANSWER_UNKNOWN);
        return;
    }
    call->cell = edge_upstreams_cell(&edge->upstreams, call->target.cell->id, false);
    if (!call->cell || is_overloaded(edge, call->cell)) {
        answer_by_edge(call, call->cell ? EDGE_ANSWER_OVERLOAD : EDGE_ANSWER_NO_CELL);
        return;
    }
    call->attempts = (struct edge_attempts){
        .loop = edge->loop,
        .http = edge->http,
        .prober = edge->prober,
        .telemetry = &edge->telemetry,
        .cell = call->cell,
        .budget = edge_budget_of(call->request->received_us, edge->settings.deadline_ms,
                                 call->event.deadline_ms),
        .request_id = call->request_id,
        .path = worker_path(call),
        .body = call->request->body,
        .done = on_attempts_done,
    };
    fill_headers(call, &call->attempts);
    count_in_flight(call, true);
    edge_attempts_start(&call->attempts);
}

static void on_attempts_done(struct edge_attempts *attempts, const struct edge_try *winner,
                             const struct cc_http_response *response)
{
    struct edge_call *call = CC_CONTAINER_OF(attempts, struct edge_call, attempts);
    count_in_flight(call, false);
    if (winner)
        pass_on(call, winner, response);
    else
        answer_by_edge(call, EDGE_ANSWER_NO_CELL);
}

/* ---- out: the cell's answer ---- */

static int64_t to_integer(struct cc_slice text)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.length && i < 18; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

/* What the other attempts did to the cell's records is unknown: the journal says what was
 * delivered. */
static void journal_delivered(struct edge_call *call, const struct edge_try *winner,
                              const struct cc_http_response *response)
{
    json_t *answer = NULL;
    char *actions = NULL;
    struct cc_slice flow = {0};
    int64_t flow_version = 0;
    if (cc_json_parse(response->body, ANSWER_MAX, &answer, NULL) == CC_OK) {
        actions = cc_json_canonical(json_object_get(answer, "actions"));
        if (cc_json_string_at(answer, "flow.id", 64, &flow, NULL) != CC_OK ||
            cc_json_integer_at(answer, "flow.version", 0, INT64_MAX, &flow_version, NULL) != CC_OK)
            flow = (struct cc_slice){0};
    }
    struct cc_call_record record = {
        .source = cc_http_response_header(response, "callcell-source"),
        .decision_id = cc_http_response_header(response, "callcell-decision-id"),
        .plan_version = to_integer(cc_http_response_header(response, "callcell-plan-version")),
        .flow_id = flow,
        .flow_version = flow_version,
        .giver = cc_arena_printf(&call->request->arena, "%s/%s", call->cell->id, winner->worker),
        .attempt = winner->attempt.number > 1 ? 2 : 1,
        .actions_json = actions ? cc_slice_of(actions) : CC_SLICE_LITERAL("[]"),
    };
    journal_record(call, &record);
    free(actions);
    json_decref(answer);
}

static void pass_on(struct edge_call *call, const struct edge_try *winner,
                    const struct cc_http_response *response)
{
    bool is_first = winner->attempt.number == 1;
    cc_telemetry_add(&call->edge->telemetry, is_first ? EDGE_ANSWER_FIRST : EDGE_ANSWER_SECOND, 1);
    if (call->attempts.made > 1)
        journal_delivered(call, winner, response);
    CC_LOG(CC_LOG_DEBUG, "answered", cc_log_text("request_id", call->request_id),
           cc_log_text("cell", call->cell->id), cc_log_text("worker", winner->worker),
           cc_log_slice("tenant", call->target.tenant),
           cc_log_slice("call_id", call->event.call_id),
           cc_log_number("attempt", winner->attempt.number));
    reply_answer(call, response->body, cc_http_response_header(response, "callcell-source"),
                 cc_http_response_header(response, "callcell-plan-version"),
                 cc_http_response_header(response, "callcell-decision-id"));
}

/* ---- out: the edge's own answer ---- */

static const char *why_name(enum edge_series why)
{
    return why == EDGE_ANSWER_EMERGENCY   ? "emergency"
           : why == EDGE_ANSWER_OVERLOAD  ? "overload"
           : why == EDGE_ANSWER_UNKNOWN   ? "unknown"
           : why == EDGE_ANSWER_ABANDONED ? "abandoned"
                                          : "no_cell";
}

static void log_edge_answer(const struct edge_call *call, enum edge_series why,
                            const struct edge_fallback *fallback)
{
    struct cc_slice cell = call->target.cell ? call->target.cell->id : (struct cc_slice){0};
    int64_t held_back = 0;
    if (!edge_log_gate_opens(&call->edge->answers_gate, OWN_ANSWER_LINES, cc_monotonic_us(),
                             &held_back))
        return;
    CC_LOG(CC_LOG_INFO, "answered_by_edge", cc_log_text("request_id", call->request_id),
           cc_log_text("why", why_name(why)),
           cc_log_text("answer", edge_fallback_name(fallback->row)),
           cc_log_text("country", call->snapshot->country), cc_log_slice("cell", cell),
           cc_log_slice("tenant", call->target.tenant),
           cc_log_slice("call_id", call->event.call_id), cc_log_number("held_back", held_back));
}

static void journal_own(struct edge_call *call, const struct edge_fallback *fallback)
{
    struct cc_call_record record = {
        .source = CC_SLICE_LITERAL("edge"),
        .decision_id = cc_slice_of(fallback->decision_id),
        .plan_version = fallback->plan_version,
        .giver = cc_slice_of(call->edge->settings.id),
        .actions = fallback->actions,
        .action_count = fallback->action_count,
    };
    journal_record(call, &record);
}

static void answer_by_edge(struct edge_call *call, enum edge_series why)
{
    struct edge_fallback fallback;
    struct cc_buffer body;
    cc_buffer_init(&body, ANSWER_MAX);
    enum cc_error error =
        edge_fallback_answer(call->snapshot->map, &call->event, &call->target, &body, &fallback);
    if (error != CC_OK) {
        cc_buffer_deinit(&body);
        refuse(call, EDGE_REFUSED_OVERLOAD, 503, "overloaded", "No answer could be made",
               cc_error_text(error));
        return;
    }
    cc_telemetry_add(&call->edge->telemetry, why, 1);
    log_edge_answer(call, why, &fallback);
    journal_own(call, &fallback);
    reply_answer(call, cc_buffer_slice(&body), CC_SLICE_LITERAL("edge"),
                 cc_arena_printf(&call->request->arena, "%" PRId64, fallback.plan_version),
                 cc_slice_of(fallback.decision_id));
    cc_buffer_deinit(&body);
}

/* Fills in what all journal records share. A call of no known tenant has nobody to tell; what
 * nobody was there to take was not delivered. */
static void journal_record(struct edge_call *call, const struct cc_call_record *record)
{
    if (!call->target.cell || !call->auth.key)
        return;
    if (cc_http_client_is_gone(call->request)) {
        cc_telemetry_add(&call->edge->telemetry, EDGE_UNDELIVERED, 1);
        return;
    }
    struct cc_call_record full = *record;
    struct cc_buffer line;
    cc_buffer_init(&line, CC_CALL_RECORD_MAX);
    full.tenant = call->target.tenant;
    full.event = &call->event;
    full.carrier_key = call->auth.key->id;
    full.request_id = cc_slice_of(call->request_id);
    full.delivered = true;
    full.received_at_us = call->request->received_wall_us;
    full.processing_us = cc_monotonic_us() - call->request->received_us;
    cc_call_record_render(&full, &line);
    if (line.error == CC_OK) {
        edge_journal_append(call->edge->journal, call->target.cell->id, cc_buffer_slice(&line));
    } else {
        cc_telemetry_add(&call->edge->telemetry, EDGE_JOURNAL_LOST, 1);
        CC_LOG(CC_LOG_ERROR, "journal_record_lost", cc_log_error_field(line.error));
    }
    cc_buffer_deinit(&line);
}

/* ---- beside the path ---- */

void edge_on_refused(void *context, int status, const char *why,
                     const struct cc_http_request *request)
{
    struct edge *edge = context;
    size_t series = status == 0                      ? EDGE_HANDSHAKES_FAILED
                    : status == 404 || status == 405 ? EDGE_REFUSED_NO_ROUTE
                    : status == 503                  ? EDGE_REFUSED_OVERLOAD
                                                     : EDGE_REFUSED_FRAMING;
    int64_t held_back = 0;
    cc_telemetry_add(&edge->telemetry, series, 1);
    if (edge_log_gate_opens(&edge->refusals_gate, REFUSAL_LINES, cc_monotonic_us(), &held_back))
        CC_LOG(CC_LOG_INFO, "request_refused", cc_log_number("status", status),
               cc_log_text("why", why),
               cc_log_slice("peer", request ? request->peer : (struct cc_slice){0}),
               cc_log_number("held_back", held_back));
}
