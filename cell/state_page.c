/* Rim: answers requests. */
#include "cell/state_page.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "cell/calls/calls.h"
#include "cell/durability.h"
#include "cell/events/events.h"
#include "cell/worker.h"

#ifndef CALLCELL_VERSION
#define CALLCELL_VERSION "0.1.0"
#endif

static void on_healthz(struct cc_http_request *request)
{
    cc_http_json(request, 200, CC_SLICE_LITERAL("{\"status\":\"ok\"}"));
}

static bool zones_are_there(const struct cell_worker *worker)
{
    struct cell_zones zones = cell_zone_files_zones(worker->zones);
    return zones.find(zones.context, CC_SLICE_LITERAL("UTC")) != NULL;
}

static struct cell_readiness_facts facts_of(const struct cell_worker *worker)
{
    struct cell_calls_state calls = {0};
    if (worker->calls)
        calls = cell_calls_state(worker->calls);
    return (struct cell_readiness_facts){.now_us = cc_monotonic_us(),
                                         .stopping = worker->stopping,
                                         .has_map = worker->country.map != NULL,
                                         .has_keys = worker->country.keyring != NULL,
                                         .has_zones = zones_are_there(worker),
                                         .answers_calls = worker->calls != NULL,
                                         .redis_up = cc_redis_is_up(worker->redis),
                                         .replica_up = calls.replica_up,
                                         .primary_up = calls.primary_up,
                                         .stores_failed = calls.sources_failed,
                                         .has_disk = calls.plans_loaded > 0};
}

static void on_readyz(struct cc_http_request *request)
{
    struct cell_worker *worker = cell_worker_of(request);
    struct cell_readiness_facts facts = facts_of(worker);
    struct cc_buffer body;
    const char *missing = cell_readiness_missing(&worker->readiness, &facts);
    if (missing) {
        cc_http_problem(request, 503, "not-ready", "Not ready", cc_slice_of(missing));
        return;
    }
    const char *without = worker->calls ? cell_readiness_without(&facts) : "[]";
    cc_buffer_init(&body, 0);
    cc_buffer_printf(&body, "{\"status\":\"%s\",\"without\":%s}",
                     strcmp(without, "[]") == 0 ? "ready" : "degraded", without);
    cc_http_json(request, body.error ? 503 : 200, cc_buffer_slice(&body));
    cc_buffer_deinit(&body);
}

static int64_t age_seconds(int64_t since_us)
{
    int64_t age_us = since_us ? cc_wall_clock_us() - since_us : 0;
    return age_us > 0 ? age_us / CC_SECOND_US : 0; /* a clock may have been set back */
}

static void on_metrics(struct cc_http_request *request)
{
    struct cell_worker *worker = cell_worker_of(request);
    struct cc_spool_state spool = cc_spool_state(worker->spool);
    struct cell_backlog backlog = cell_events_backlog(worker->events);
    struct cc_telemetry *telemetry = &worker->telemetry;
    struct cc_buffer text;
    if (worker->calls) {
        struct cell_calls_state calls = cell_calls_state(worker->calls);
        cc_telemetry_set(telemetry, CELL_T_PLANS_HELD, (int64_t)calls.plans);
        cc_telemetry_set(telemetry, CELL_T_PLANS_EVICTED, (int64_t)calls.evicted);
        cell_calls_expose(worker->calls);
    }
    cc_telemetry_set(telemetry, CELL_T_SPOOL_RECORDS, (int64_t)backlog.records);
    cc_telemetry_set(telemetry, CELL_T_IN_MEMORY, (int64_t)backlog.in_memory);
    cc_telemetry_set(telemetry, CELL_T_SPOOL_BYTES, spool.bytes);
    cc_telemetry_set(telemetry, CELL_T_SPOOL_SYNC_FAILURES, (int64_t)spool.sync_failures);
    cc_telemetry_set(telemetry, CELL_T_SPOOL_CUT, (int64_t)spool.cut);
    cc_telemetry_set(telemetry, CELL_T_SPOOL_OLDEST, age_seconds(backlog.oldest_us));
    struct cell_durability_state durability = cell_durability_state(worker->durability);
    cc_telemetry_set(telemetry, CELL_T_DEGRADED, durability.degraded);
    cc_telemetry_set(telemetry, CELL_T_PRIMARY_OK, durability.seconds_since_ok);
    if (worker->tls) {
        struct cc_tls_state tls = cc_tls_state(worker->tls);
        cc_telemetry_set(telemetry, CELL_T_CERTIFICATE_EXPIRES, tls.expires_at_us / 1000000);
        cc_telemetry_set(telemetry, CELL_T_CERTIFICATES_REFUSED, (int64_t)tls.refused);
    }
    cc_telemetry_set(telemetry, CELL_T_MAP_EPOCH, cell_country_epoch(&worker->country));
    cc_buffer_init(&text, 0);
    cc_telemetry_expose(telemetry, &text);
    int64_t ahead_us = 0;
    if (cc_publication_client_clock_skew(worker->publications, &ahead_us))
        cc_telemetry_expose_seconds(telemetry, CELL_T_CLOCK_SKEW, ahead_us, &text);
    struct cc_http_reply reply = {
        .status = text.error ? 503 : 200,
        .headers = {{CC_SLICE_LITERAL("content-type"),
                     CC_SLICE_LITERAL("text/plain; version=0.0.4; charset=utf-8")}},
        .header_count = 1,
        .body = cc_buffer_slice(&text)};
    cc_http_reply(request, &reply);
    cc_buffer_deinit(&text);
}

static void add_calls(struct cell_worker *worker, struct cc_buffer *out)
{
    const struct cc_telemetry *telemetry = &worker->telemetry;
    struct cell_calls_state calls = cell_calls_state(worker->calls);
    cc_buffer_printf(out,
                     ",\"plans\":{\"held\":%zu,\"maximum\":%" PRId64
                     ",\"bytes\":%zu,\"evicted\":%" PRIu64 ",\"loaded\":%zu}",
                     calls.plans, worker->settings->call_plans_max, calls.plan_bytes, calls.evicted,
                     calls.plans_loaded);
    cc_buffer_printf(out,
                     ",\"answers\":{\"memory\":%" PRId64 ",\"redis\":%" PRId64
                     ",\"replica\":%" PRId64 ",\"primary\":%" PRId64 ",\"disk\":%" PRId64 "}",
                     cc_telemetry_value(telemetry, CELL_T_SOURCE_MEMORY),
                     cc_telemetry_value(telemetry, CELL_T_SOURCE_REDIS),
                     cc_telemetry_value(telemetry, CELL_T_SOURCE_REPLICA),
                     cc_telemetry_value(telemetry, CELL_T_SOURCE_PRIMARY),
                     cc_telemetry_value(telemetry, CELL_T_SOURCE_DISK));
    cc_buffer_printf(out, ",\"replica_up\":%s", calls.replica_up ? "true" : "false");
}

static void add_durability(struct cell_durability_state durability, struct cc_buffer *out)
{
    cc_buffer_printf(out,
                     ",\"durability\":{\"degraded\":%s,\"primary_seconds_since_ok\":%" PRId64 "}",
                     !durability.known     ? "null"
                     : durability.degraded ? "true"
                                           : "false",
                     durability.seconds_since_ok);
}

static void add_lease(const struct cell_lease *lease, struct cc_buffer *out)
{
    cc_buffer_printf(out, ",\"lease\":{\"term\":%" PRId64 ",\"site\":\"%s\",\"issued_by\":\"%s\"}",
                     lease->term, lease->site,
                     lease->break_glass ? "break-glass" : "control-plane");
}

static void show_state(struct cc_http_request *request)
{
    struct cell_worker *worker = cell_worker_of(request);
    struct cell_backlog backlog = cell_events_backlog(worker->events);
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cc_buffer_printf(&out,
                     "{\"cell\":\"%s\",\"worker\":\"%s\",\"version\":\"" CALLCELL_VERSION
                     "\",\"map_epoch\":%" PRId64 ",\"sealing_epoch\":%" PRId64,
                     worker->settings->cell, worker->settings->worker,
                     cell_country_epoch(&worker->country),
                     worker->country.keyring ? worker->country.keyring_publication.epoch : 0);
    cc_buffer_printf(&out,
                     ",\"spool\":{\"records\":%" PRIu64 ",\"in_memory\":%" PRIu64
                     ",\"bytes\":%" PRId64 ",\"oldest_us\":%" PRId64 ",\"quarantined\":%" PRId64
                     ",\"unrecorded\":%" PRId64 "}",
                     backlog.records, backlog.in_memory, cc_spool_state(worker->spool).bytes,
                     backlog.oldest_us, cc_telemetry_value(&worker->telemetry, CELL_T_QUARANTINED),
                     cc_telemetry_value(&worker->telemetry, CELL_T_UNRECORDED));
    cc_buffer_printf(&out, ",\"in_flight\":%zu", cc_http_server_in_flight(worker->server));
    cc_buffer_printf(&out, ",\"postgres_up\":%s,\"redis_up\":%s,\"stopping\":%s",
                     cell_events_postgres_is_up(worker->events) ? "true" : "false",
                     cc_redis_is_up(worker->redis) ? "true" : "false",
                     worker->stopping ? "true" : "false");
    add_durability(cell_durability_state(worker->durability), &out);
    if (worker->lease)
        add_lease(cell_lease_watch_held(worker->lease), &out);
    if (worker->calls)
        add_calls(worker, &out);
    cc_buffer_text(&out, "}");
    cc_http_json(request, out.error ? 503 : 200, cc_buffer_slice(&out));
    cc_buffer_deinit(&out);
}

static void on_state(struct cc_http_request *request)
{
    if (cell_worker_admits(request, CELL_TOKEN_CONTROL))
        show_state(request);
}

const struct cc_http_route cell_telemetry_routes[] = {
    {"GET", "/healthz", on_healthz},
    {"GET", "/readyz", on_readyz},
    {"GET", "/metrics", on_metrics},
    {"GET", "/internal/v1/state", show_state},
};
const size_t cell_telemetry_route_count =
    sizeof(cell_telemetry_routes) / sizeof(cell_telemetry_routes[0]);

const struct cc_http_route cell_state_routes[] = {
    {"GET", "/healthz", on_healthz},
    {"GET", "/readyz", on_readyz},
    {"GET", "/metrics", on_metrics},
    {"GET", "/internal/v1/state", on_state},
};
const size_t cell_state_route_count = sizeof(cell_state_routes) / sizeof(cell_state_routes[0]);
