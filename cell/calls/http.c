/* Rim: routes of the role "calls" (docs/api/internal.md, "a call event"). */
#include "base/log.h"
#include "cell/calls/answer.h"
#include "cell/calls/calls.h"
#include "cell/calls/decide.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { REMAINING_DEFAULT_MS = 350, REMAINING_MAX_MS = 60000, EPOCH_TEXT = 24 };

enum cc_error cell_calls_create(struct cell_worker *worker, struct cell_calls **out)
{
    struct cell_calls *calls = calloc(1, sizeof(*calls));
    *out = NULL;
    if (!calls)
        return CC_NO_MEMORY;
    calls->worker = worker;
    enum cc_error error = cell_outbox_create(worker, &calls->outbox);
    if (!error)
        error = cell_store_create(worker, &calls->store);
    if (error) {
        cell_outbox_free(calls->outbox);
        free(calls);
        return error;
    }
    *out = calls;
    return CC_OK;
}

void cell_calls_free(struct cell_calls *calls)
{
    if (!calls)
        return;
    cell_store_free(calls->store);
    cell_outbox_free(calls->outbox);
    free(calls);
}

void cell_calls_changed(struct cell_calls *calls, struct cc_slice tenant, struct cc_slice number,
                        struct cc_slice flow_id, int64_t version)
{
    cell_store_changed(calls->store, tenant, number, flow_id, version);
}

void cell_calls_doubt(struct cell_calls *calls)
{
    cell_store_doubt(calls->store);
}

void cell_calls_heard(struct cell_calls *calls, int64_t now_us)
{
    cell_store_heard(calls->store, now_us);
}

void cell_calls_expose(struct cell_calls *calls)
{
    cell_store_expose(calls->store);
}

void cell_calls_finish(struct cell_calls *calls)
{
    cell_store_finish(calls->store);
}

struct cell_calls_state cell_calls_state(const struct cell_calls *calls)
{
    return cell_store_state(calls->store);
}

/* A header of digits within the bounds, else the default. */
static int64_t header_number(const struct cc_http_request *request, const char *name,
                             int64_t minimum, int64_t maximum, int64_t otherwise)
{
    struct cc_slice text = cc_http_header(request, name, NULL);
    int64_t value = 0;
    if (text.length == 0 || text.length > 15)
        return otherwise;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return otherwise;
        value = value * 10 + (text.data[i] - '0');
    }
    return value < minimum || value > maximum ? otherwise : value;
}

static void refuse_not_mine(struct cc_http_request *request)
{
    char epoch[EPOCH_TEXT];
    struct cell_worker *worker = cell_worker_of(request);
    snprintf(epoch, sizeof(epoch), "%" PRId64, cell_country_epoch(&worker->country));
    struct cc_http_reply reply = {
        .status = 421,
        .headers = {{CC_SLICE_LITERAL("content-type"),
                     CC_SLICE_LITERAL("application/problem+json")},
                    {CC_SLICE_LITERAL("callcell-map-epoch"), cc_slice_of(epoch)}},
        .header_count = 2,
        .body = CC_SLICE_LITERAL("{\"type\":\"urn:callcell:problem:not-mine\",\"title\":"
                                 "\"The tenant lives in another cell\",\"status\":421}")};
    cell_worker_count(worker, CELL_T_NOT_MINE, 1);
    cc_http_reply(request, &reply);
}

/* Whether this worker can and may answer for the tenant; else the request is answered. */
static bool may_answer(struct cc_http_request *request, struct cc_slice tenant)
{
    struct cell_worker *worker = cell_worker_of(request);
    if (!cell_worker_admits(request, CELL_TOKEN_EDGE) ||
        !cell_worker_serves_country(request, request->segments[2]))
        return false;
    if (!cell_country_is_known(&worker->country)) {
        cell_worker_count(worker, CELL_T_NOT_READY, 1);
        cc_http_problem(request, 503, "not-ready", "Not ready",
                        CC_SLICE_LITERAL("no routing map or no sealing keys yet"));
        return false;
    }
    if (!cc_name_is_tenant(tenant)) {
        cc_http_problem(request, 404, "not-found", "No such tenant", cc_slice(NULL, 0));
        return false;
    }
    if (!cell_country_is_home(&worker->country, tenant, cc_slice_of(worker->settings->cell))) {
        refuse_not_mine(request);
        return false;
    }
    return true;
}

static void refuse_no_event(struct cc_http_request *request, const char *detail)
{
    cell_worker_count(cell_worker_of(request), CELL_T_NO_EVENT, 1);
    cc_http_problem(request, 400, "no-call-event", "No call event", cc_slice_of(detail));
}

/* call_id: of the path; empty when a call starts. */
static void on_event(struct cc_http_request *request, struct cc_slice call_id)
{
    struct cell_worker *worker = cell_worker_of(request);
    struct cc_slice tenant = request->segments[4];
    struct cc_json_reason reason = {{0}};
    if (!may_answer(request, tenant))
        return;
    cell_worker_count(worker, CELL_T_CALLS, 1);
    struct cc_call_event *event = cc_arena_alloc(&request->arena, sizeof(*event));
    if (!event || request->body.length > CC_CALL_BODY_MAX) {
        refuse_no_event(request, "the body is too large");
        return;
    }
    const struct cell_dialect *dialect = &cell_dialect_native;
    if (dialect->read(request->body, &request->arena, event, &reason)) {
        refuse_no_event(request, reason.text);
        return;
    }
    if (call_id.length > 0 && !cc_slice_equal(call_id, event->call_id)) {
        refuse_no_event(request, "call.id: is not the one in the path");
        return;
    }
    struct cell_answer_request asked = {
        .request = request,
        .dialect = dialect,
        .tenant = tenant,
        .event = event,
        .carrier_key = cc_http_header(request, "callcell-carrier-key", NULL),
        .request_id = cc_http_header(request, "callcell-request-id", NULL),
        .attempt = header_number(request, "callcell-attempt", 1, 2, 1),
        .remaining_ms = header_number(request, "callcell-remaining-ms", 0, REMAINING_MAX_MS,
                                      REMAINING_DEFAULT_MS)};
    cell_answer_start(worker->calls, &asked);
}

static void on_start(struct cc_http_request *request)
{
    on_event(request, cc_slice(NULL, 0));
}

static void on_continue(struct cc_http_request *request)
{
    on_event(request, request->segments[6]);
}

const struct cc_http_route cell_calls_routes[] = {
    {"POST", "/internal/v1/:country/tenants/:tenant/calls", on_start},
    {"POST", "/internal/v1/:country/tenants/:tenant/calls/:call_id/events", on_continue},
};
const size_t cell_calls_route_count = sizeof(cell_calls_routes) / sizeof(cell_calls_routes[0]);
