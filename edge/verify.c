/* Rim: an HTTP handler. */
#include "edge/verify.h"

#include "edge/edge.h"

struct edge_auth_request edge_signed_request(const struct cc_http_request *request,
                                             struct cc_slice tenant)
{
    return (struct edge_auth_request){
        .webhook = {.id = cc_http_header(request, "webhook-id", NULL),
                    .timestamp = cc_http_header(request, "webhook-timestamp", NULL),
                    .signature = cc_http_header(request, "webhook-signature", NULL),
                    .body = request->body},
        .key_id = cc_http_header(request, "callcell-key", NULL),
        .tenant = tenant,
        .now_us = request->received_wall_us,
    };
}

static void reply_verdict(struct cc_http_request *request, const struct edge_auth_result *result)
{
    struct cc_buffer body;
    bool valid = result->verdict == EDGE_AUTH_VALID;
    cc_buffer_init(&body, 0);
    cc_buffer_text(&body, valid ? "{\"valid\":true,\"problem\":null,\"key\":"
                                : "{\"valid\":false,\"problem\":");
    cc_buffer_json_string(&body, valid ? result->key->id : cc_slice_of(result->reason.text));
    cc_buffer_text(&body, "}");
    cc_http_json(request, 200, cc_buffer_slice(&body));
    cc_buffer_deinit(&body);
}

void edge_on_carrier_verify(struct cc_http_request *request)
{
    struct edge *edge = request->server_context;
    struct edge_auth_result result;
    struct edge_snapshot *snapshot = edge_countries_find(&edge->countries, request->segments[1]);
    if (!snapshot || !snapshot->carriers) {
        cc_telemetry_add(&edge->telemetry, EDGE_REFUSED_COUNTRY, 1);
        CC_LOG(CC_LOG_INFO, "request_refused", cc_log_number("status", 404),
               cc_log_text("why", "unknown-country"),
               cc_log_slice("country", request->segments[1]));
        cc_http_problem(request, 404, "unknown-country", "Unknown country",
                        CC_SLICE_LITERAL("this edge has no carrier keys of the country"));
        return;
    }
    struct edge_auth_request signature = edge_signed_request(request, (struct cc_slice){0});
    edge_auth_decide(snapshot->carriers, &signature, &result);
    reply_verdict(request, &result);
}
