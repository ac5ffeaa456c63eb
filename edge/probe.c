/* Rim: asks workers over HTTP. */
#include "edge/probe.h"

#include <stdlib.h>

#include "base/log.h"
#include "edge/telemetry_list.h"

enum {
    INTERVAL_US = 250 * 1000,
    PATIENCE_US = 400 * 1000,
    FROZEN_US = 120 * 1000, /* a live process answers a probe within this */
    PROBES_MAX = 128
};

struct probe {
    struct edge_prober *prober;
    struct edge_cell *cell;
    char address[EDGE_ADDRESS_MAX + 1];
    struct cc_http_handle *handle; /* NULL: free */
    int64_t started_us;
    bool suspected; /* it is not ejected yet */
};

struct edge_prober {
    struct cc_loop *loop;
    struct cc_http_client *http;
    struct edge_upstreams *upstreams;
    struct cc_telemetry *telemetry;
    struct cc_deadline due;
    struct probe probes[PROBES_MAX];
};

static void on_due(struct cc_deadline *due);
static void start_probe(struct edge_prober *prober, struct edge_cell *cell,
                        struct edge_worker *worker, bool suspected);
static void on_probed(void *context, enum cc_error error, const struct cc_http_response *response);

static const char *report_name(enum edge_report report)
{
    static const char *const names[] = {"answered", "failed", "frozen", "beaten", "ready"};
    return names[report];
}

void edge_prober_note(struct edge_prober *prober, struct edge_cell *cell, struct cc_slice address,
                      enum edge_report report)
{
    enum edge_health_change change =
        edge_cell_report(cell, address, report, cc_loop_now_us(prober->loop));
    if (change == EDGE_HEALTH_SAME)
        return;
    bool ejected = change == EDGE_HEALTH_EJECTED;
    enum edge_series series = !ejected                       ? EDGE_REINSTATED
                              : report == EDGE_REPORT_FROZEN ? EDGE_EJECTED_FROZEN
                              : report == EDGE_REPORT_BEATEN ? EDGE_EJECTED_SLOW
                                                             : EDGE_EJECTED_FAILED;
    cc_telemetry_add(prober->telemetry, series, 1);
    CC_LOG(ejected ? CC_LOG_WARNING : CC_LOG_INFO, ejected ? "worker_ejected" : "worker_reinstated",
           cc_log_text("cell", cell->id), cc_log_slice("worker", address),
           cc_log_text("why", report_name(report)));
    struct edge_worker *worker = edge_cell_worker(cell, address);
    if (worker && worker->health == EDGE_OUT)
        start_probe(prober, cell, worker, false);
}

void edge_prober_suspect(struct edge_prober *prober, struct edge_cell *cell,
                         struct cc_slice address)
{
    int64_t now_us = cc_loop_now_us(prober->loop);
    struct edge_worker *worker = edge_cell_worker(cell, address);
    if (worker && worker->health != EDGE_OUT &&
        edge_worker_silent_us(worker, now_us) >= EDGE_HEDGE_LEAST_US)
        start_probe(prober, cell, worker, worker->health == EDGE_HEALTHY);
}

static void schedule(struct edge_prober *prober)
{
    enum cc_error error = cc_deadline_set(&prober->due, cc_loop_now_us(prober->loop) + INTERVAL_US);
    if (error != CC_OK)
        CC_LOG(CC_LOG_ERROR, "probing_stopped", cc_log_error_field(error));
}

enum cc_error edge_prober_create(struct cc_loop *loop, struct cc_http_client *http,
                                 struct edge_upstreams *upstreams, struct cc_telemetry *telemetry,
                                 struct edge_prober **out)
{
    struct edge_prober *prober = calloc(1, sizeof(*prober));
    if (!prober)
        return CC_NO_MEMORY;
    *prober = (struct edge_prober){
        .loop = loop, .http = http, .upstreams = upstreams, .telemetry = telemetry};
    cc_deadline_init(&prober->due, loop, on_due);
    schedule(prober);
    *out = prober;
    return CC_OK;
}

void edge_prober_free(struct edge_prober *prober)
{
    if (!prober)
        return;
    cc_deadline_clear(&prober->due);
    for (size_t i = 0; i < PROBES_MAX; i++)
        if (prober->probes[i].handle)
            cc_http_exchange_cancel(prober->probes[i].handle);
    free(prober);
}

static bool is_due(const struct edge_worker *worker, int64_t now_us)
{
    return worker->health == EDGE_HEALTHY ? !worker->is_met : worker->probe_at_us <= now_us;
}

static void on_due(struct cc_deadline *due)
{
    struct edge_prober *prober = CC_CONTAINER_OF(due, struct edge_prober, due);
    int64_t now_us = cc_loop_now_us(prober->loop);
    for (size_t c = 0; c < prober->upstreams->count; c++) {
        struct edge_cell *cell = prober->upstreams->cells[c];
        for (size_t w = 0; w < cell->worker_count; w++)
            if (is_due(&cell->workers[w], now_us))
                start_probe(prober, cell, &cell->workers[w], false);
    }
    schedule(prober);
}

/* NULL: it is being asked, or too many are. */
static struct probe *free_probe(struct edge_prober *prober, const struct edge_cell *cell,
                                const char *address)
{
    struct probe *found = NULL;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *probe = &prober->probes[i];
        if (!probe->handle)
            found = found ? found : probe;
        else if (probe->cell == cell && strcmp(probe->address, address) == 0)
            return NULL;
    }
    if (!found)
        cc_telemetry_add(prober->telemetry, EDGE_PROBES_SKIPPED, 1);
    return found;
}

static void start_probe(struct edge_prober *prober, struct edge_cell *cell,
                        struct edge_worker *worker, bool suspected)
{
    struct probe *probe = free_probe(prober, cell, worker->address);
    if (!probe)
        return;
    worker->is_met = true;
    *probe = (struct probe){.prober = prober,
                            .cell = cell,
                            .started_us = cc_loop_now_us(prober->loop),
                            .suspected = suspected};
    memcpy(probe->address, worker->address, sizeof(probe->address));
    struct cc_http_exchange exchange = {
        .address = cc_slice_of(probe->address),
        .peer = cell->identity,
        .method = CC_SLICE_LITERAL("GET"),
        .path = CC_SLICE_LITERAL("/readyz"),
        .deadline_us = probe->started_us + (probe->suspected ? FROZEN_US : PATIENCE_US),
        .retry_stale_connection = true,
        .done = on_probed,
        .context = probe,
    };
    if (cc_http_exchange_start(prober->http, &exchange, &probe->handle) != CC_OK)
        probe->handle = NULL; /* next round */
}

/* Whether the suspicion holds: the worker has been as silent as the probe, and we were awake. */
static bool is_frozen(const struct probe *probe, enum cc_error error)
{
    const struct edge_worker *worker = edge_cell_worker(probe->cell, cc_slice_of(probe->address));
    return error != CC_OK && error != CC_CANCELLED && probe->suspected && worker &&
           worker->heard_us <= probe->started_us &&
           !cc_loop_stalled_after(probe->prober->loop, probe->started_us);
}

static void on_probed(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct probe *probe = context;
    struct cc_slice address = cc_slice_of(probe->address);
    probe->handle = NULL;
    if (error == CC_OK && response->status == 200 && !probe->suspected)
        edge_prober_note(probe->prober, probe->cell, address, EDGE_REPORT_READY);
    else if (is_frozen(probe, error))
        edge_prober_note(probe->prober, probe->cell, address, EDGE_REPORT_FROZEN);
}
