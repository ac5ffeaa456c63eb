#include "control-plane/fleet/workers.h"

#include "base/io/loop.h"
#include "control-plane/cell_api.h"
#include "control-plane/files.h"
#include "control-plane/fleet/drained.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"
#include "control-plane/targets/target.h"
#include "control-plane/templates/store.h"
#include "control-plane/unknown.h"

enum { ASK_MS = 1000, PAUSE_MS = 50, EDGES_S = 20 };

static enum cc_error read_drained(struct cp_context *context, const char *cell,
                                  struct cp_worker *items, size_t count)
{
    struct cp_drained drained;
    enum cc_error error = cp_drained_read(context, cell, &drained);
    for (size_t i = 0; i < count; i++)
        items[i].drained = drained.worker[items[i].number];
    return error;
}

static struct cp_worker worker_at(struct cp_context *context, const char *cell, int cell_number,
                                  const struct cp_sites *sites, const char *site, int index)
{
    int number = index + 1 + (cp_site_is(site, CP_SITE_FIRST) ? 0 : CP_WORKERS_PER_CELL);
    return (struct cp_worker){
        .name = cp_format(context, "worker-%d", number),
        .service = cp_site_service(context, site, cp_format(context, "%s-worker-%d", cell, number)),
        .number = number,
        .port = cp_port(context, cp_ports_worker(cell_number, number)),
        .telemetry_port = cp_port(context, cp_ports_worker_telemetry(cell_number, number)),
        .site = site,
        .standby = !cp_site_is(site, sites->active)};
}

enum cc_error cp_workers_find(struct cp_context *context, const char *cell, struct cp_workers *out)
{
    PGresult *result;
    struct cp_template template;
    enum cc_error error =
        cp_sql_read(context, &result, "SELECT country, number, template FROM cells WHERE cell = $1",
                    CP_PARAMETERS(cell));
    if (!error && PQntuples(result) == 0)
        error = cp_unknown_cell(context, cell);
    if (!error)
        error = cp_template_find(context, cp_sql_value(result, 0, 2), cp_sql_value(result, 0, 0),
                                 &template);
    if (error)
        return error;
    int number = (int)cp_sql_integer(result, 0, 1), per_site = (int)template.workers;
    struct cp_sites sites;
    cp_sites_read(context, cell, &sites);
    size_t count = (size_t)(per_site * sites.count);
    struct cp_worker *items = cp_alloc(context, count * sizeof(*items));
    for (size_t i = 0; i < count; i++)
        items[i] = worker_at(context, cell, number, &sites,
                             (int)i < per_site ? CP_SITE_FIRST : CP_SITE_SECOND, (int)i % per_site);
    *out = (struct cp_workers){cell, cp_sql_value(result, 0, 0), number, items, count};
    return read_drained(context, cell, items, out->count);
}

static bool has_settings(struct cp_context *context, const char *cell,
                         const struct cp_worker *worker)
{
    const char *below = cp_format(context, "cells/%s/etc/cell-%s.yaml", cell, worker->name);
    return cp_file_exists(cp_site_path(context, worker->site, below));
}

enum cc_error cp_workers_by_files(struct cp_context *context, const char *cell,
                                  struct cp_workers *out)
{
    struct cp_sites sites;
    cp_sites_read(context, cell, &sites);
    struct cp_worker *items = cp_alloc(context, CP_WORKER_NUMBER_MAX * sizeof(*items));
    size_t count = 0;
    for (int i = 0; i < CP_WORKER_NUMBER_MAX; i++) {
        const char *site = i < CP_WORKERS_PER_CELL ? CP_SITE_FIRST : CP_SITE_SECOND;
        items[count] =
            worker_at(context, cell, sites.number, &sites, site, i % CP_WORKERS_PER_CELL);
        count += has_settings(context, cell, &items[count]);
    }
    *out = (struct cp_workers){cell, sites.country, sites.number, items, count};
    return read_drained(context, cell, items, count);
}

const struct cp_worker *cp_worker_named(const struct cp_workers *workers, const char *name)
{
    for (size_t i = 0; i < workers->count; i++) {
        if (strcmp(workers->items[i].name, name) == 0)
            return &workers->items[i];
    }
    return NULL;
}

static const char *address(struct cp_context *context, int port)
{
    return cp_format(context, "127.0.0.1:%d", port);
}

static const char *endpoint(struct cp_context *context, const struct cp_worker *worker)
{
    if (worker->drained)
        return cp_drained_note(context, worker->number);
    return cp_format(context, "%s%s", address(context, worker->port),
                     worker->standby ? " standby" : "");
}

enum cc_error cp_workers_tell(struct cp_context *context, const struct cp_workers *workers)
{
    const char **endpoints = cp_alloc(context, (workers->count + 1) * sizeof(*endpoints));
    for (size_t i = 0; i < workers->count; i++)
        endpoints[i] = endpoint(context, &workers->items[i]);
    return cp_target_find("local")->announce(context, workers->cell, endpoints, workers->count);
}

enum cc_error cp_workers_announce(struct cp_context *context, const char *cell)
{
    struct cp_workers workers;
    enum cc_error error = cp_workers_find(context, cell, &workers);
    return error ? error : cp_workers_tell(context, &workers);
}

static bool ask(struct cp_context *context, int port, const char *path, struct cp_reply *reply)
{
    struct cp_question question = {
        .address = address(context, port), .method = "GET", .path = path, .timeout_ms = ASK_MS};
    return !cp_http(context, &question, reply) && reply->status == 200;
}

bool cp_worker_is_ready(struct cp_context *context, const struct cp_worker *worker)
{
    struct cp_reply reply;
    return ask(context, worker->telemetry_port, "/readyz", &reply);
}

json_t *cp_worker_state(struct cp_context *context, const struct cp_worker *worker)
{
    struct cp_reply reply;
    json_t *state = NULL;
    if (!ask(context, worker->telemetry_port, "/internal/v1/state", &reply) ||
        cc_json_parse(reply.body, 1 << 20, &state, NULL))
        return NULL;
    return state;
}

static bool edge_uses(const json_t *state, const char *cell, const char *endpoint)
{
    size_t c, w;
    json_t *one, *worker;
    json_array_foreach(json_object_get(state, "cells"), c, one)
    {
        const char *id = json_string_value(json_object_get(one, "cell"));
        if (!id || strcmp(id, cell) != 0)
            continue;
        json_array_foreach(json_object_get(one, "workers"), w, worker)
        {
            const char *at = json_string_value(json_object_get(worker, "address"));
            if (at && strcmp(at, endpoint) == 0)
                return true;
        }
    }
    return false;
}

/* Name of an edge that does not yet do as it should, or NULL. An edge that is down asks nobody. */
static const char *find_laggard(struct cp_context *context, const PGresult *edges,
                                const struct cp_workers *workers, const struct cp_worker *worker,
                                bool used)
{
    for (int row = 0; row < PQntuples(edges); row++) {
        struct cp_reply reply;
        json_t *state = NULL;
        int port = cp_port(context, (int)cp_sql_integer(edges, row, 1));
        if (!ask(context, port, "/state", &reply) ||
            cc_json_parse(reply.body, 1 << 20, &state, NULL))
            continue;
        bool uses = edge_uses(state, workers->cell, address(context, worker->port));
        json_decref(state);
        if (uses != used)
            return cp_sql_value(edges, row, 0);
    }
    return NULL;
}

enum cc_error cp_worker_wait_edges(struct cp_context *context, const struct cp_workers *workers,
                                   const struct cp_worker *worker, bool used)
{
    PGresult *edges;
    enum cc_error error = cp_sql_read(
        context, &edges, "SELECT edge, telemetry_port FROM edges ORDER BY edge", CP_NO_PARAMETERS);
    int64_t until_us = cc_monotonic_us() + EDGES_S * INT64_C(1000000);
    while (!error) {
        const char *laggard = find_laggard(context, edges, workers, worker, used);
        if (!laggard)
            return CC_OK;
        if (cc_monotonic_us() >= until_us)
            error = cp_fail(context, CC_TIMEOUT, "%s %s %s of %s after %d s; see: callcell status",
                            laggard, used ? "does not use" : "still uses", worker->name,
                            workers->cell, EDGES_S);
        else
            cp_pause_ms(PAUSE_MS);
    }
    return error;
}
