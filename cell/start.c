/* Rim: I/O. Start and stop as drawn in start.h. */
#include "cell/start.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cell/calls/calls.h"
#include "cell/directory/changes.h"
#include "cell/directory/directory.h"
#include "cell/durability.h"
#include "cell/events/adopt.h"
#include "cell/events/events.h"
#include "cell/file.h"
#include "cell/state_page.h"

enum {
    BODY_MAX = 2 * 1024 * 1024, /* a flow of 1 MiB, 1,000 numbers; held before a token is seen */
    FLUSH_US = 2 * 1000 * 1000  /* with drain_ms at its default: gone within 5 s */
};

static const struct cc_series series[] = {CELL_TELEMETRY(CC_SERIES_ROW)};

static void on_stop(void *context);
static void on_drained(void *context);
static void on_flushed(void *context);

static enum cc_error take_publication(void *context, const struct cc_publication *publication,
                                      struct cc_json_reason *reason)
{
    struct cell_worker *worker = context;
    enum cc_error error = cell_country_take(&worker->country, publication, reason);
    if (!error)
        CC_LOG(CC_LOG_INFO, "publication_taken",
               cc_log_text("kind", cc_publication_kind_name(publication->kind)),
               cc_log_number("epoch", publication->epoch));
    return error;
}

static void on_publication_refused(void *context, enum cc_publication_kind kind,
                                   enum cc_error error)
{
    (void)kind;
    (void)error;
    cell_worker_count(context, CELL_T_PUBLICATIONS_REFUSED, 1);
}

static enum cc_error open_identity(struct cell_worker *worker)
{
    const struct cell_settings *settings = worker->settings;
    const struct cc_tls_options options = {.name = "identity",
                                           .certificate_file = settings->tls_certificate_file,
                                           .key_file = settings->tls_key_file,
                                           .authority_file = settings->tls_authority_file};
    return options.certificate_file ? cc_tls_create(worker->loop, &options, &worker->tls) : CC_OK;
}

static enum cc_error start_publications(struct cell_worker *worker)
{
    static const bool kinds[CC_PUBLICATION_KINDS] = {
        [CC_PUBLICATION_MAP] = true, [CC_PUBLICATION_SEALING] = true};
    const struct cell_settings *settings = worker->settings;
    struct cc_http_client_options http = {.tls = worker->tls, .peer = "urn:callcell:control"};
    struct cc_publication_client_options options = {
        .directory = settings->publications_directory,
        .reporter = worker->giver,
        .country = settings->country,
        .kinds = kinds,
        .sources = (const char *const *)settings->sources.items,
        .source_count = settings->sources.count,
        .token = worker->source_token,
        .public_key_file = settings->public_key_file,
        .take = take_publication,
        .on_refused = on_publication_refused,
        .context = worker};
    enum cc_error error = cc_http_client_create(worker->loop, &http, &worker->http);
    if (!error)
        error = cc_publication_client_create(worker->loop, worker->http, &options,
                                             &worker->publications);
    return error;
}

static void on_change(void *context, const struct cell_change *change)
{
    struct cell_worker *worker = context;
    if (worker->calls)
        cell_calls_changed(worker->calls, change->tenant, change->number, change->flow,
                           change->version);
}

static void on_gap(void *context)
{
    struct cell_worker *worker = context;
    if (worker->calls)
        cell_calls_doubt(worker->calls);
}

static void on_heard(void *context, int64_t now_us)
{
    struct cell_worker *worker = context;
    if (worker->calls)
        cell_calls_heard(worker->calls, now_us);
}

static enum cc_error start_services(struct cell_worker *worker)
{
    const struct cell_change_listener listener = {on_change, on_gap, on_heard, worker};
    /* The first: its pool is the scout of the others. */
    enum cc_error error = cell_durability_create(worker, &worker->durability);
    if (!error)
        error = cell_events_create(worker, &worker->events);
    if (!error && cell_settings_has_role(worker->settings, "calls"))
        error = cell_calls_create(worker, &worker->calls);
    if (!error && cell_settings_has_role(worker->settings, "directory"))
        error = cell_directory_create(worker, &worker->directory);
    if (!error && worker->calls)
        error = cell_changes_create(worker, &listener, &worker->changes);
    return error;
}

static void add_routes(struct cell_worker *worker, size_t *count,
                       const struct cc_http_route *routes, size_t route_count)
{
    memcpy(worker->routes + *count, routes, route_count * sizeof(*routes));
    *count += route_count;
}

static void on_refused(void *context, int status, const char *why,
                       const struct cc_http_request *request)
{
    (void)request;
    cell_worker_count(context, CELL_T_HTTP, 1);
    CC_LOG(CC_LOG_WARNING, "request_refused", cc_log_number("status", status),
           cc_log_text("why", why));
}

static enum cc_error start_telemetry_server(struct cell_worker *worker)
{
    struct cc_http_server_options options = {.address = worker->settings->telemetry_address,
                                             .port = worker->settings->telemetry_port,
                                             .body_max = 1024,
                                             .routes = cell_telemetry_routes,
                                             .route_count = cell_telemetry_route_count,
                                             .context = worker};
    return options.port == 0
               ? CC_OK
               : cc_http_server_create(worker->loop, &options, &worker->telemetry_server);
}

static enum cc_error start_server(struct cell_worker *worker)
{
    size_t count = 0;
    worker->routes = calloc(cell_state_route_count + cell_calls_route_count +
                                cell_events_route_count + cell_directory_route_count,
                            sizeof(*worker->routes));
    if (!worker->routes)
        return CC_NO_MEMORY;
    add_routes(worker, &count, cell_state_routes, cell_state_route_count);
    if (worker->calls)
        add_routes(worker, &count, cell_calls_routes, cell_calls_route_count);
    if (cell_settings_has_role(worker->settings, "events"))
        add_routes(worker, &count, cell_events_routes, cell_events_route_count);
    if (worker->directory)
        add_routes(worker, &count, cell_directory_routes, cell_directory_route_count);
    struct cc_http_server_options options = {.address = worker->settings->listen_address,
                                             .port = worker->settings->listen_port,
                                             .body_max = BODY_MAX,
                                             .routes = worker->routes,
                                             .route_count = count,
                                             .tls = worker->tls,
                                             .on_refused = on_refused,
                                             .context = worker};
    enum cc_error error = cc_http_server_create(worker->loop, &options, &worker->server);
    return error ? error : start_telemetry_server(worker);
}

static enum cc_error read_tokens(struct cell_worker *worker)
{
    const struct cell_settings *settings = worker->settings;
    enum cc_error error = cell_secret_read(settings->edge_token_file, &worker->edge_token);
    if (!error)
        error = cell_secret_read(settings->control_token_file, &worker->control_token);
    if (!error && settings->source_token_file)
        error = cell_secret_read(settings->source_token_file, &worker->source_token);
    return error;
}

static enum cc_error watch_lease(struct cell_worker *worker)
{
    const struct cell_settings *settings = worker->settings;
    struct cell_lease_watch_options options = {.file = settings->lease_file,
                                               .public_key_file = settings->public_key_file,
                                               .cell = settings->cell,
                                               .telemetry = &worker->telemetry};
    return settings->lease_file ? cell_lease_watch_create(worker->loop, &options, &worker->lease)
                                : CC_OK;
}

static enum cc_error start(struct cell_worker *worker)
{
    static enum cc_error (*const steps[])(struct cell_worker * worker) = {
        read_tokens,        cell_spool_open, watch_lease, open_identity,
        start_publications, start_services,  start_server};
    static const char *const names[] = {"tokens",       "spool",    "lease", "identity",
                                        "publications", "services", "server"};
    enum cc_error error = cc_loop_create(&worker->loop);
    if (!error)
        error = cc_telemetry_init(&worker->telemetry, series, CELL_SERIES_COUNT);
    if (!error)
        error = cell_zone_files_create(worker->settings->zoneinfo_directory, &worker->zones);
    if (!error)
        error = cell_worker_redis(worker, "cell", &worker->redis);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !error; i++) {
        error = steps[i](worker);
        if (error)
            CC_LOG(CC_LOG_ERROR, "start_failed", cc_log_text("step", names[i]),
                   cc_log_error_field(error));
    }
    if (!error)
        cc_loop_on_stop(worker->loop, on_stop, worker);
    return error;
}

enum cc_error cell_worker_start(struct cell_settings *settings, struct cell_worker **out)
{
    struct cell_worker *worker = calloc(1, sizeof(*worker));
    *out = worker;
    if (!worker)
        return CC_NO_MEMORY;
    worker->settings = settings;
    snprintf(worker->giver, sizeof(worker->giver), "%s/%s", settings->cell, settings->worker);
    return start(worker);
}

void cell_worker_run(struct cell_worker *worker)
{
    CC_LOG(CC_LOG_INFO, "worker_started", cc_log_text("worker", worker->giver),
           cc_log_number("port", cc_http_server_port(worker->server)));
    worker->readiness.started_us = cc_monotonic_us();
    cc_loop_run(worker->loop);
}

static void on_stop(void *context)
{
    struct cell_worker *worker = context;
    int64_t drain_us = worker->settings->drain_ms * 1000;
    worker->stopping = true;
    if (worker->calls)
        cell_calls_finish(worker->calls);
    CC_LOG(CC_LOG_INFO, "worker_stopping", cc_log_text("worker", worker->giver));
    cc_http_server_drain(worker->server, cc_loop_now_us(worker->loop) + drain_us, on_drained,
                         worker);
}

static void on_drained(void *context)
{
    struct cell_worker *worker = context;
    if (worker->changes)
        cell_changes_leave(worker->changes);
    cell_events_flush(worker->events, cc_loop_now_us(worker->loop) + FLUSH_US, on_flushed, worker);
}

static void on_flushed(void *context)
{
    struct cell_worker *worker = context;
    CC_LOG(CC_LOG_INFO, "worker_stopped", cc_log_text("worker", worker->giver),
           cc_log_number("not_shipped", (int64_t)cell_events_backlog(worker->events).records));
    cc_loop_end(worker->loop);
}

/* Connections go before the services that they call back, the server last: a request cut off by the
 * drain's deadline is still answered. */
static void free_services(struct cell_worker *worker)
{
    cell_changes_free(worker->changes);
    if (worker->redis)
        cc_redis_free(worker->redis);
    cell_calls_free(worker->calls);
    cell_directory_free(worker->directory);
    cell_events_free(worker->events);
    cell_durability_free(worker->durability);
    if (worker->publications)
        cc_publication_client_free(worker->publications);
    if (worker->http)
        cc_http_client_free(worker->http);
    if (worker->server)
        cc_http_server_free(worker->server);
    if (worker->telemetry_server)
        cc_http_server_free(worker->telemetry_server);
    cc_tls_free(worker->tls);
}

void cell_worker_free(struct cell_worker *worker)
{
    if (!worker)
        return;
    free_services(worker);
    cell_lease_watch_free(worker->lease);
    if (worker->spool)
        cc_spool_close(worker->spool);
    cell_zone_files_free(worker->zones);
    cell_country_deinit(&worker->country);
    cc_telemetry_deinit(&worker->telemetry);
    if (worker->loop)
        cc_loop_free(worker->loop);
    free(worker->routes);
    cell_secret_free(worker->edge_token);
    cell_secret_free(worker->control_token);
    cell_secret_free(worker->source_token);
    free(worker);
}
