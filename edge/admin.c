/* Rim: HTTP handlers of the telemetry port. */
#include "edge/admin.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/timestamp.h"
#include "edge/edge.h"

void edge_on_healthz(struct cc_http_request *request)
{
    cc_http_json(request, 200, CC_SLICE_LITERAL("{\"status\":\"alive\"}"));
}

void edge_on_readyz(struct cc_http_request *request)
{
    const struct edge *edge = request->server_context;
    const char *missing = NULL;
    if (edge->draining)
        missing = "draining";
    else if (edge_countries_ready(&edge->countries) == 0)
        missing = "no country has both a routing map and carrier keys";
    if (missing)
        cc_http_problem(request, 503, "not-ready", "Not ready", cc_slice_of(missing));
    else
        cc_http_json(request, 200, CC_SLICE_LITERAL("{\"status\":\"ready\"}"));
}

static void measure_certificates(struct edge *edge)
{
    struct cc_tls_state own = {0}, shown = {0};
    if (edge->tls)
        own = cc_tls_state(edge->tls);
    if (edge->public_tls)
        shown = cc_tls_state(edge->public_tls);
    cc_telemetry_set(&edge->telemetry, EDGE_CERTIFICATE_EXPIRES, own.expires_at_us / 1000000);
    cc_telemetry_set(&edge->telemetry, EDGE_PUBLIC_CERTIFICATE_EXPIRES,
                     shown.expires_at_us / 1000000);
    cc_telemetry_set(&edge->telemetry, EDGE_CERTIFICATES_REFUSED,
                     (int64_t)(own.refused + shown.refused));
}

static void expose_epochs(const struct edge *edge, struct cc_buffer *out)
{
    bool is_first = true;
    for (size_t i = 0; i < edge->countries.count; i++) {
        const struct edge_snapshot *snapshot = edge->countries.current[i];
        char labels[32];
        if (!snapshot->map)
            continue;
        snprintf(labels, sizeof(labels), "country=\"%s\"", snapshot->country);
        cc_telemetry_expose_family(&edge->telemetry, EDGE_MAP_EPOCH, is_first, labels,
                                   cc_route_map_epoch(snapshot->map), out);
        is_first = false;
    }
}

void edge_on_metrics(struct cc_http_request *request)
{
    struct edge *edge = request->server_context;
    int64_t oldest_us = edge_journal_oldest_us(edge->journal);
    int64_t age_us = oldest_us > 0 ? cc_wall_clock_us() - oldest_us : 0;
    int64_t ahead_us = 0;
    struct cc_buffer text;
    measure_certificates(edge);
    cc_telemetry_set(&edge->telemetry, EDGE_JOURNAL_OLDEST, age_us > 0 ? age_us / CC_SECOND_US : 0);
    cc_buffer_init(&text, 0);
    cc_telemetry_expose(&edge->telemetry, &text);
    expose_epochs(edge, &text);
    if (edge_map_source_clock_skew(edge->map_source, &ahead_us))
        cc_telemetry_expose_seconds(&edge->telemetry, EDGE_CLOCK_SKEW, ahead_us, &text);
    const struct cc_http_reply reply = {
        .status = text.error == CC_OK ? 200 : 500,
        .headers = {{CC_SLICE_LITERAL("content-type"),
                     CC_SLICE_LITERAL("text/plain; version=0.0.4; charset=utf-8")}},
        .header_count = 1,
        .body = cc_buffer_slice(&text),
    };
    cc_http_reply(request, &reply);
    cc_buffer_deinit(&text);
}

static void render_country(const struct edge_snapshot *snapshot, struct cc_buffer *out)
{
    cc_buffer_printf(out, "{\"country\":\"%s\"", snapshot->country);
    for (int kind = 0; kind < CC_PUBLICATION_KINDS; kind++) {
        const struct cc_publication *held = &snapshot->held[kind];
        if (held->epoch > 0)
            cc_buffer_printf(out, ",\"%s\":{\"epoch\":%" PRId64 ",\"sha256\":\"%s\"}",
                             cc_publication_kind_name((enum cc_publication_kind)kind), held->epoch,
                             held->sha256);
    }
    cc_buffer_text(out, "}");
}

static void render_cell(const struct edge *edge, const struct edge_cell *cell,
                        struct cc_buffer *out)
{
    cc_buffer_printf(out,
                     "{\"cell\":\"%s\",\"discovered\":%s,\"journal_records\":%" PRIu64
                     ",\"hedge_delay_ms\":%" PRId64,
                     cell->id, cell->discovered ? "true" : "false",
                     edge_journal_records(edge->journal, cc_slice_of(cell->id)),
                     edge_hedge_delay_us(&cell->hedge) / 1000);
    cc_buffer_text(out, ",\"workers\":[");
    for (size_t i = 0; i < cell->worker_count; i++) {
        const struct edge_worker *worker = &cell->workers[i];
        cc_buffer_printf(
            out, "%s{\"address\":\"%s\",\"site\":%d,\"ejected\":%s,\"ejections\":%" PRIu64 "}",
            i > 0 ? "," : "", worker->address, worker->site,
            worker->health == EDGE_HEALTHY ? "false" : "true", worker->ejections);
    }
    cc_buffer_text(out, "]}");
}

static void render_counters(const struct edge *edge, struct cc_buffer *out)
{
    const struct cc_telemetry *telemetry = &edge->telemetry;
    int64_t ahead_us = 0;
    int64_t age_ms = edge_map_source_contact_age_ms(edge->map_source);
    cc_buffer_text(out, ",\"control_plane_contact_age_ms\":");
    if (age_ms < 0)
        cc_buffer_text(out, "null");
    else
        cc_buffer_integer(out, age_ms);
    cc_buffer_text(out, ",\"clock_skew_us\":");
    if (edge_map_source_clock_skew(edge->map_source, &ahead_us))
        cc_buffer_integer(out, ahead_us);
    else
        cc_buffer_text(out, "null");
    cc_buffer_printf(out,
                     ",\"refused_publications\":{\"map\":%" PRId64 ",\"numbers\":%" PRId64
                     ",\"carriers\":%" PRId64 "},\"in_flight\":%zu,\"journal_records\":%" PRIu64,
                     cc_telemetry_value(telemetry, EDGE_MAP_REFUSED),
                     cc_telemetry_value(telemetry, EDGE_NUMBERS_REFUSED),
                     cc_telemetry_value(telemetry, EDGE_CARRIERS_REFUSED), edge->in_flight,
                     edge_journal_records(edge->journal, (struct cc_slice){0}));
}

void edge_on_state(struct cc_http_request *request)
{
    const struct edge *edge = request->server_context;
    struct cc_buffer body;
    cc_buffer_init(&body, 0);
    cc_buffer_text(&body, "{\"id\":");
    cc_buffer_json_string(&body, cc_slice_of(edge->settings.id));
    cc_buffer_printf(&body, ",\"draining\":%s", edge->draining ? "true" : "false");
    render_counters(edge, &body);
    cc_buffer_text(&body, ",\"countries\":[");
    for (size_t i = 0; i < edge->countries.count; i++) {
        cc_buffer_text(&body, i > 0 ? "," : "");
        render_country(edge->countries.current[i], &body);
    }
    cc_buffer_text(&body, "],\"cells\":[");
    for (size_t i = 0; i < edge->upstreams.count; i++) {
        cc_buffer_text(&body, i > 0 ? "," : "");
        render_cell(edge, edge->upstreams.cells[i], &body);
    }
    cc_buffer_text(&body, "]}");
    cc_http_json(request, body.error == CC_OK ? 200 : 500, cc_buffer_slice(&body));
    cc_buffer_deinit(&body);
}
