/*
 * callcell-edge: brings the parts up in order, takes them down in reverse.
 *
 *   SIGTERM: readyz 503, no new connections, requests in flight are answered, journal synced, end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "edge/admin.h"
#include "edge/edge.h"
#include "edge/pipeline.h"
#include "edge/verify.h"

enum {
    SETTINGS_MAX = 64 * 1024,
    CONNECTIONS_PER_WORKER = 256,
    DRAIN_CHECK_US = 20 * 1000,
    EXIT_USAGE = 2
};

static const struct cc_series series[] = {EDGE_TELEMETRY(CC_SERIES_ROW)};

static const struct cc_http_route call_routes[] = {
    {"POST", "/v1/:country/calls", edge_on_call},
    {"POST", "/v1/:country/tenants/:tenant/calls", edge_on_tenant_call},
    {"POST", "/v1/:country/tenants/:tenant/calls/:call/events", edge_on_tenant_event},
    {"POST", "/v1/:country/carrier/verify", edge_on_carrier_verify},
    {"GET", "/healthz", edge_on_healthz},
    {"GET", "/readyz", edge_on_readyz},
};
static const struct cc_http_route telemetry_routes[] = {
    {"GET", "/healthz", edge_on_healthz},
    {"GET", "/readyz", edge_on_readyz},
    {"GET", "/metrics", edge_on_metrics},
    {"GET", "/state", edge_on_state},
};

static void on_stop(void *context);
static void on_drained(void *context);
static void end_when_answered(struct edge *edge);
static void on_drained_check(struct cc_deadline *deadline);

static enum cc_error read_settings(const char *path, char *const *environment,
                                   struct edge_settings *settings)
{
    char *text = malloc(SETTINGS_MAX);
    int file = text ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t length = file < 0 ? -1 : read(file, text, SETTINGS_MAX);
    enum cc_error error = CC_IO;
    struct cc_buffer problems;
    cc_buffer_init(&problems, 0);
    if (length < 0)
        (void)fprintf(stderr, "callcell-edge: %s: %s\n", path, strerror(errno));
    else
        error = edge_settings_load(cc_slice(text, (size_t)length), path, environment, settings,
                                   &problems);
    if (problems.length > 0)
        (void)fwrite(problems.data, 1, problems.length, stderr);
    if (file >= 0)
        (void)close(file);
    cc_buffer_deinit(&problems);
    free(text);
    return error;
}

static enum cc_error open_identity(struct edge *edge)
{
    const struct edge_settings *settings = &edge->settings;
    struct cc_tls_options identity = {.name = "identity",
                                      .certificate_file = settings->tls_certificate_file,
                                      .key_file = settings->tls_key_file,
                                      .authority_file = settings->tls_authority_file};
    struct cc_tls_options shown = {.name = "public",
                                   .certificate_file = settings->public_certificate_file,
                                   .key_file = settings->public_certificate_key_file};
    if (!shown.certificate_file) {
        shown.certificate_file = identity.certificate_file;
        shown.key_file = identity.key_file;
    }
    enum cc_error error = CC_OK;
    if (identity.certificate_file)
        error = cc_tls_create(edge->loop, &identity, &edge->tls);
    if (error == CC_OK && settings->tls_port >= 0)
        error = cc_tls_create(edge->loop, &shown, &edge->public_tls);
    return error;
}

static enum cc_error open_call_servers(struct edge *edge, struct cc_http_server_options *options)
{
    const struct edge_settings *settings = &edge->settings;
    enum cc_error error = CC_OK;
    if (settings->listen_port >= 0)
        error = cc_http_server_create(edge->loop, options, &edge->calls_server);
    if (error != CC_OK || !edge->public_tls)
        return error;
    options->address = settings->tls_address;
    options->port = settings->tls_port;
    options->tls = edge->public_tls;
    return cc_http_server_create(edge->loop, options, &edge->calls_tls_server);
}

static enum cc_error open_servers(struct edge *edge)
{
    const struct edge_settings *settings = &edge->settings;
    struct cc_http_server_options calls = {
        .address = settings->listen_address,
        .port = settings->listen_port,
        .body_max = CC_CALL_BODY_MAX,
        /* far above in_flight_max: an overloaded edge answers calls by itself */
        .in_flight_max = (size_t)settings->in_flight_max * 8,
        .routes = call_routes,
        .route_count = sizeof(call_routes) / sizeof(call_routes[0]),
        .on_refused = edge_on_refused,
        .context = edge,
    };
    struct cc_http_server_options telemetry = {
        .address = settings->telemetry_address,
        .port = settings->telemetry_port,
        .body_max = 1024,
        .routes = telemetry_routes,
        .route_count = sizeof(telemetry_routes) / sizeof(telemetry_routes[0]),
        .context = edge,
    };
    enum cc_error error = cc_http_server_create(edge->loop, &telemetry, &edge->telemetry_server);
    return error == CC_OK ? open_call_servers(edge, &calls) : error;
}

static enum cc_error open_upstream(struct edge *edge)
{
    const struct edge_settings *settings = &edge->settings;
    struct cc_http_client_options client = {.connections_per_address = CONNECTIONS_PER_WORKER,
                                            .queue_per_address = CONNECTIONS_PER_WORKER,
                                            .tls = edge->tls};
    struct edge_map_source_options sources = {settings, &edge->countries, &edge->upstreams,
                                              &edge->telemetry, edge->tls};
    enum cc_error error = cc_http_client_create(edge->loop, &client, &edge->http);
    if (error == CC_OK)
        error = edge_map_source_create(edge->loop, &sources, &edge->map_source);
    if (error == CC_OK)
        error = edge_discovery_create(edge->loop, settings->discovery_directory,
                                      settings->publications_directory, &edge->countries,
                                      &edge->upstreams, &edge->discovery);
    if (error == CC_OK)
        error = edge_prober_create(edge->loop, edge->http, &edge->upstreams, &edge->telemetry,
                                   &edge->prober);
    return error;
}

static enum cc_error open_journal(struct edge *edge)
{
    struct edge_journal_options options = {
        .loop = edge->loop,
        .http = edge->http,
        .directory = edge->settings.journal_directory,
        .maximum_bytes = edge->settings.journal_max_bytes,
        .memory_maximum_bytes = edge->settings.journal_memory_max_bytes,
        .countries = &edge->countries,
        .upstreams = &edge->upstreams,
        .telemetry = &edge->telemetry,
    };
    return edge_journal_create(&options, &edge->journal);
}

static enum cc_error open_all(struct edge *edge)
{
    edge_upstreams_init(&edge->upstreams);
    enum cc_error error = cc_telemetry_init(&edge->telemetry, series, EDGE_SERIES_COUNT);
    if (error == CC_OK)
        error = cc_loop_create(&edge->loop);
    if (error != CC_OK)
        return error;
    cc_deadline_init(&edge->drained_check, edge->loop, on_drained_check);
    error = open_identity(edge);
    if (error == CC_OK)
        error = open_upstream(edge);
    if (error == CC_OK)
        error = open_journal(edge);
    if (error == CC_OK)
        error = open_servers(edge);
    return error;
}

/* Whoever started exchanges cancels them before the client goes. */
static void close_all(struct edge *edge)
{
    if (edge->calls_server)
        cc_http_server_free(edge->calls_server);
    if (edge->calls_tls_server)
        cc_http_server_free(edge->calls_tls_server);
    if (edge->telemetry_server)
        cc_http_server_free(edge->telemetry_server);
    edge_journal_free(edge->journal);
    edge_prober_free(edge->prober);
    edge_discovery_free(edge->discovery);
    edge_map_source_free(edge->map_source);
    if (edge->http)
        cc_http_client_free(edge->http);
    cc_tls_free(edge->tls);
    cc_tls_free(edge->public_tls);
    if (edge->loop)
        cc_loop_free(edge->loop);
    edge_countries_deinit(&edge->countries);
    edge_upstreams_deinit(&edge->upstreams);
    cc_telemetry_deinit(&edge->telemetry);
}

static void on_stop(void *context)
{
    struct edge *edge = context;
    edge->draining = true;
    CC_LOG(CC_LOG_INFO, "draining", cc_log_number("in_flight", (int64_t)edge->in_flight));
    int64_t deadline_us = cc_loop_now_us(edge->loop) + edge->settings.drain_ms * 1000;
    struct cc_http_server *const servers[] = {edge->calls_server, edge->calls_tls_server};
    edge->draining_servers = (edge->calls_server != NULL) + (edge->calls_tls_server != NULL);
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
        if (servers[i])
            cc_http_server_drain(servers[i], deadline_us, on_drained, edge);
}

static void on_drained(void *context)
{
    struct edge *edge = context;
    if (--edge->draining_servers == 0)
        end_when_answered(edge);
}

/* At the hard deadline calls may still wait for a worker; their own deadlines end that soon. */
static void end_when_answered(struct edge *edge)
{
    if (edge->in_flight == 0) {
        cc_loop_end(edge->loop);
        return;
    }
    int64_t due_us = cc_loop_now_us(edge->loop) + DRAIN_CHECK_US;
    if (cc_deadline_set(&edge->drained_check, due_us) != CC_OK)
        cc_loop_end(edge->loop);
}

static void on_drained_check(struct cc_deadline *deadline)
{
    end_when_answered(CC_CONTAINER_OF(deadline, struct edge, drained_check));
}

static int run(const char *path, char *const *environment)
{
    struct edge edge = {0};
    int status = EXIT_FAILURE;
    if (read_settings(path, environment, &edge.settings) != CC_OK)
        goto free_settings;
    cc_log_init("edge", edge_settings_log_level(&edge.settings));
    enum cc_error error = open_all(&edge);
    if (error != CC_OK) {
        CC_LOG(CC_LOG_ERROR, "start_failed", cc_log_error_field(error));
        goto close_edge;
    }
    cc_loop_on_stop(edge.loop, on_stop, &edge);
    CC_LOG(CC_LOG_INFO, "started", cc_log_text("edge", edge.settings.id),
           cc_log_number("port", edge.calls_server ? cc_http_server_port(edge.calls_server) : 0),
           cc_log_number("tls_port",
                         edge.calls_tls_server ? cc_http_server_port(edge.calls_tls_server) : 0),
           cc_log_number("telemetry_port", cc_http_server_port(edge.telemetry_server)),
           cc_log_number("countries", (int64_t)edge_countries_ready(&edge.countries)));
    cc_loop_run(edge.loop);
    CC_LOG(CC_LOG_INFO, "stopped",
           cc_log_number("journal_records",
                         (int64_t)edge_journal_records(edge.journal, (struct cc_slice){0})));
    status = EXIT_SUCCESS;
close_edge:
    close_all(&edge);
free_settings:
    edge_settings_free(&edge.settings);
    return status;
}

/* Configuration and telemetry as Markdown, for docs/reference.md. */
static int describe(void)
{
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    edge_settings_describe(&text);
    cc_buffer_text(&text, "\n");
    cc_telemetry_describe(series, EDGE_SERIES_COUNT, &text);
    size_t written = fwrite(text.data, 1, text.length, stdout);
    int status = written == text.length ? EXIT_SUCCESS : EXIT_FAILURE;
    cc_buffer_deinit(&text);
    return status;
}

int main(int argc, char **argv, char **environment)
{
    static const char usage[] = "usage: callcell-edge --config FILE, or --describe\n";
    if (argc == 2 && strcmp(argv[1], "--describe") == 0)
        return describe();
    if (argc == 3 && strcmp(argv[1], "--config") == 0)
        return run(argv[2], environment);
    bool asked = argc == 2 && strcmp(argv[1], "--help") == 0;
    (void)fputs(usage, asked ? stdout : stderr);
    return asked ? EXIT_SUCCESS : EXIT_USAGE;
}
