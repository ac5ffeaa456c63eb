/* Rim: asks workers over HTTP. */
#include "edge/probe.h"

#include <stdlib.h>

#include "base/log.h"
#include "edge/telemetry_list.h"

enum { INTERVAL_US = 500 * 1000, PATIENCE_US = 400 * 1000, PROBES_MAX = 32 };

struct probe {
    struct edge_prober *prober;
    struct edge_cell *cell;
    char address[EDGE_ADDRESS_MAX + 1];
    struct cc_http_handle *handle; /* NULL: free */
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
static void start_probe(struct edge_prober *prober, struct edge_cell *cell, const char *address);
static void on_probed(void *context, enum cc_error error, const struct cc_http_response *response);

void edge_probe_note(struct cc_telemetry *telemetry, struct edge_cell *cell,
                     struct cc_slice address, bool good)
{
    enum edge_health_change change = edge_cell_report(cell, address, good);
    if (change == EDGE_HEALTH_SAME)
        return;
    bool ejected = change == EDGE_HEALTH_EJECTED;
    cc_telemetry_add(telemetry, ejected ? EDGE_EJECTIONS : EDGE_REINSTATED, 1);
    CC_LOG(ejected ? CC_LOG_WARNING : CC_LOG_INFO, ejected ? "worker_ejected" : "worker_reinstated",
           cc_log_text("cell", cell->id), cc_log_slice("worker", address));
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

static void on_due(struct cc_deadline *due)
{
    struct edge_prober *prober = CC_CONTAINER_OF(due, struct edge_prober, due);
    for (size_t c = 0; c < prober->upstreams->count; c++) {
        struct edge_cell *cell = prober->upstreams->cells[c];
        for (size_t w = 0; w < cell->worker_count; w++)
            if (cell->workers[w].ejected)
                start_probe(prober, cell, cell->workers[w].address);
    }
    schedule(prober);
}

static struct probe *free_probe(struct edge_prober *prober, const struct edge_cell *cell,
                                const char *address)
{
    struct probe *found = NULL;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct probe *probe = &prober->probes[i];
        if (!probe->handle)
            found = found ? found : probe;
        else if (probe->cell == cell && strcmp(probe->address, address) == 0)
            return NULL; /* is being asked */
    }
    return found;
}

static void start_probe(struct edge_prober *prober, struct edge_cell *cell, const char *address)
{
    struct probe *probe = free_probe(prober, cell, address);
    if (!probe)
        return;
    *probe = (struct probe){.prober = prober, .cell = cell};
    memcpy(probe->address, address, sizeof(probe->address));
    struct cc_http_exchange exchange = {
        .address = cc_slice_of(probe->address),
        .method = CC_SLICE_LITERAL("GET"),
        .path = CC_SLICE_LITERAL("/readyz"),
        .deadline_us = cc_loop_now_us(prober->loop) + PATIENCE_US,
        .retry_stale_connection = true,
        .done = on_probed,
        .context = probe,
    };
    if (cc_http_exchange_start(prober->http, &exchange, &probe->handle) != CC_OK)
        probe->handle = NULL; /* next round */
}

static void on_probed(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct probe *probe = context;
    probe->handle = NULL;
    if (error == CC_OK && response->status == 200)
        edge_probe_note(probe->prober->telemetry, probe->cell, cc_slice_of(probe->address), true);
}
