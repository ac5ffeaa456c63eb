/* status and cell show: what is there and how it is. All is asked at once (together.h). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "base/slot.h"
#include "control-plane/cli/commands.h"
#include "control-plane/cli/status.h"
#include "control-plane/cli/status_ask.h"
#include "control-plane/cli/status_screen.h"
#include "control-plane/cli/unfinished.h"
#include "control-plane/files.h"
#include "control-plane/fleet/drained.h"
#include "control-plane/places.h"
#include "control-plane/provision/serves.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"
#include "control-plane/targets/local.h"
#include "control-plane/together.h"
#include "control-plane/unknown.h"

enum { REGISTRY_MS = 600, WORKERS_MAX = CP_WORKER_NUMBER_MAX, PER_CELL = WORKERS_MAX + 2 };

struct asking {
    struct cp_places places;
    struct cp_task *tasks;
    size_t count;
};

static struct cp_task *add(struct cp_context *context, struct asking *asking,
                           json_t *(*ask)(struct cp_context *, const void *), struct cp_about about)
{
    struct cp_about *kept = cp_alloc(context, sizeof(*kept));
    *kept = about;
    asking->tasks[asking->count] = (struct cp_task){.ask = ask, .about = kept};
    return &asking->tasks[asking->count++];
}

/* A site may be gone, and its workers with it. */
static bool has_worker(struct cp_context *context, const char *cell, int worker)
{
    const char *below = cp_format(context, "cells/%s/workers/worker-%d", cell, worker);
    return cp_file_exists(cp_site_path(context, CP_SITE_FIRST, below)) ||
           cp_file_exists(cp_site_path(context, CP_SITE_SECOND, below));
}

static void ask_cell(struct cp_context *context, struct asking *asking,
                     const struct cp_place_cell *cell)
{
    struct cp_about about = {.cell = cell->cell, .number = cell->number};
    (void)add(context, asking, cp_ask_nodes, about);
    (void)add(context, asking, cp_ask_primary, about);
    for (int worker = 1; worker <= WORKERS_MAX; worker++) {
        if (!has_worker(context, cell->cell, worker))
            continue;
        about.name = cp_format(context, "worker-%d", worker);
        about.port = cp_port(context, cp_ports_worker(cell->number, worker));
        about.telemetry_port = cp_port(context, cp_ports_worker_telemetry(cell->number, worker));
        (void)add(context, asking, cp_ask_worker, about);
    }
}

/* Takes the answers in the order in which they were asked. */
static json_t *next(struct asking *asking)
{
    json_t *answer = asking->tasks[asking->count++].answer;
    return answer ? answer : json_null();
}

/* One that is drained and down is as it should be. */
static json_t *mark_drained(json_t *worker, bool drained)
{
    const char *health = json_string_value(json_object_get(worker, "health"));
    json_object_set_new(worker, "drained", json_boolean(drained));
    if (drained && health && strcmp(health, "down") == 0)
        json_object_set_new(worker, "health", json_string("drained"));
    return worker;
}

static json_t *workers_json(struct cp_context *context, struct asking *asking, const char *cell)
{
    struct cp_drained drained;
    json_t *workers = json_array();
    if (cp_drained_read(context, cell, &drained))
        context->message[0] = '\0'; /* what the file notes is shown */
    for (int worker = 1; worker <= WORKERS_MAX; worker++) {
        if (has_worker(context, cell, worker))
            json_array_append_new(workers, mark_drained(next(asking), drained.worker[worker]));
    }
    return workers;
}

/* What it serves, as the registry says; left out when that does not answer. */
static void add_share(struct cp_context *context, json_t *cell)
{
    PGresult *result;
    const char *name = json_string_value(json_object_get(cell, "cell"));
    if (!context->registry ||
        cp_sql_read(context, &result,
                    "SELECT coalesce((SELECT sum(last_slot - first_slot + 1) FROM slot_ranges "
                    "WHERE cell = $1), 0), (SELECT count(*) FROM tenants WHERE pinned_cell = $1)",
                    CP_PARAMETERS(name)))
        return;
    json_object_set_new(cell, "slots", json_integer(cp_sql_integer(result, 0, 0)));
    json_object_set_new(cell, "slots_of_country", json_integer(CC_SLOT_COUNT));
    json_object_set_new(cell, "pinned_tenants", json_integer(cp_sql_integer(result, 0, 1)));
}

static json_t *cell_json(struct cp_context *context, struct asking *asking,
                         const struct cp_place_cell *cell)
{
    json_t *nodes = next(asking), *primary = next(asking);
    const char *replication = json_string_value(json_object_get(primary, "replication"));
    json_t *replication_text = json_string(replication ? replication : "no primary");
    json_t *workers = workers_json(context, asking, cell->cell);
    struct cp_sites sites;
    cp_sites_read(context, cell->cell, &sites);
    json_t *shown =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "cell", cell->cell, "country",
                  cell->country, "state", cell->state, "site", sites.active, "nodes", nodes,
                  "primary", primary, "replication", replication_text, "workers", workers);
    add_share(context, shown);
    return shown;
}

static json_t *reports_of(struct cp_context *context, const char *reporter)
{
    json_t *reports = json_array();
    PGresult *result;
    if (!context->registry ||
        cp_sql_read(
            context, &result,
            "SELECT r.country, r.kind, coalesce(r.epoch, 0), (SELECT max(p.epoch) FROM "
            "publications p "
            "WHERE p.country = r.country AND p.kind = r.kind), "
            "extract(epoch FROM now() - r.reported_at)::int, r.refused_epoch, r.refused_error, "
            "r.refused_reason FROM reports r WHERE reporter = $1 ORDER BY 1, 2",
            CP_PARAMETERS(reporter)))
        return reports;
    for (int row = 0; row < PQntuples(result); row++) {
        json_t *report = json_pack(
            "{s:s, s:s, s:I, s:I, s:I}", "country", cp_sql_value(result, row, 0), "kind",
            cp_sql_value(result, row, 1), "epoch", (json_int_t)cp_sql_integer(result, row, 2),
            "newest", (json_int_t)cp_sql_integer(result, row, 3), "age_s",
            (json_int_t)cp_sql_integer(result, row, 4));
        if (!PQgetisnull(result, row, 5))
            json_object_set_new(report, "refused",
                                json_pack("{s:I, s:s, s:s}", "epoch",
                                          (json_int_t)cp_sql_integer(result, row, 5), "error",
                                          cp_sql_value(result, row, 6), "reason",
                                          cp_sql_value(result, row, 7)));
        json_array_append_new(reports, report);
    }
    return reports;
}

static json_t *facts_json(struct cp_context *context)
{
    json_t *facts = json_array();
    PGresult *result;
    if (!context->registry ||
        cp_sql_read(
            context, &result,
            "SELECT name, subject, value, extract(epoch FROM now() - at)::bigint FROM facts "
            "ORDER BY name, subject",
            CP_NO_PARAMETERS))
        return facts;
    for (int row = 0; row < PQntuples(result); row++)
        json_array_append_new(facts, json_pack("{s:s, s:s, s:f, s:I}", "name",
                                               cp_sql_value(result, row, 0), "subject",
                                               cp_sql_value(result, row, 1), "value",
                                               strtod(PQgetvalue(result, row, 2), NULL), "age_s",
                                               (json_int_t)cp_sql_integer(result, row, 3)));
    return facts;
}

/* Asked now: what the leader saw may be seconds old. A replica that joins is connected already. */
static json_t *replica_json(struct cp_context *context)
{
    PGresult *result;
    if (!context->registry ||
        cp_sql_read(context, &result,
                    "SELECT CASE WHEN bool_or(sync_state IN ('sync', 'quorum') AND state = "
                    "'streaming') AND current_setting('synchronous_standby_names') <> '' THEN "
                    "'synchronous' WHEN count(*) > 0 THEN 'joining' ELSE 'none' END, "
                    "coalesce(extract(epoch FROM now() - max(backend_start)), 0)::bigint "
                    "FROM pg_stat_replication",
                    CP_NO_PARAMETERS))
        return json_null();
    return json_pack("{s:s, s:I}", "state", cp_sql_value(result, 0, 0), "connected_s",
                     (json_int_t)cp_sql_integer(result, 0, 1));
}

static void ask_all(struct cp_context *context, struct asking *asking)
{
    cp_places_read(context, &asking->places);
    const struct cp_places *places = &asking->places;
    asking->tasks = calloc(CP_SERVES + places->edge_count + PER_CELL * places->cell_count,
                           sizeof(*asking->tasks));
    if (!asking->tasks)
        return;
    for (int instance = 1; instance <= CP_SERVES; instance++) {
        int port = cp_port(context, cp_ports_serve(instance));
        (void)add(context, asking, cp_ask_serve,
                  (struct cp_about){.name = cp_serve_name(context, instance),
                                    .port = port,
                                    .telemetry_port = port + 1});
    }
    for (size_t i = 0; i < places->edge_count; i++)
        (void)add(context, asking, cp_ask_edge,
                  (struct cp_about){.name = places->edges[i].edge,
                                    .port = places->edges[i].port,
                                    .telemetry_port = places->edges[i].telemetry_port});
    for (size_t i = 0; i < places->cell_count; i++)
        ask_cell(context, asking, &places->cells[i]);
    cp_together(context, asking->tasks, asking->count);
    asking->count = 0;
}

/* serve as a whole: one that is ready is enough. */
static const char *best_health(const json_t *serves)
{
    size_t i;
    json_t *serve;
    const char *best = "down";
    json_array_foreach(serves, i, serve)
    {
        const char *health = json_string_value(json_object_get(serve, "health"));
        if (strcmp(best, "ready") != 0 && strcmp(health, "down") != 0)
            best = health;
    }
    return best;
}

static json_t *status_json(struct cp_context *context, struct asking *asking, bool supervised)
{
    const struct cp_places *places = &asking->places;
    json_t *serves = json_array(), *edges = json_array(), *cells = json_array();
    for (int instance = 1; instance <= CP_SERVES; instance++)
        json_array_append_new(serves, next(asking));
    for (size_t i = 0; i < places->edge_count; i++) {
        json_t *edge = next(asking);
        json_object_set_new(edge, "holds", reports_of(context, places->edges[i].edge));
        json_array_append_new(edges, edge);
    }
    for (size_t i = 0; i < places->cell_count; i++)
        json_array_append_new(cells, cell_json(context, asking, &places->cells[i]));
    json_t *serve = json_string(best_health(serves));
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "home", context->home,
                     "supervisor", supervised ? "up" : "down", "registry",
                     context->registry ? "up" : "down", "registry_replica", replica_json(context),
                     "serve", serve, "serves", serves, "facts", facts_json(context), "edges", edges,
                     "cells", cells, "unfinished", cp_unfinished_json(context, places));
}

static void show(struct cp_context *context, const json_t *status,
                 void (*screen)(const json_t *status, const struct cp_screen *how,
                                struct cc_buffer *out))
{
    char *text = context->json ? json_dumps(status, JSON_INDENT(1)) : NULL;
    struct cc_buffer page;
    cc_buffer_init(&page, 0);
    struct cp_screen how = {.now_us = cc_wall_clock_us(),
                            .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
    if (text)
        printf("%s\n", text);
    else if (screen(status, &how, &page), !page.error)
        printf("%.*s", (int)page.length, page.data);
    cc_buffer_deinit(&page);
    free(text);
}

json_t *cp_status_json(struct cp_context *context)
{
    struct asking *asking = cp_alloc(context, sizeof(*asking));
    bool supervised = cp_local_is_up(context);
    if (supervised && cp_registry_try(context, REGISTRY_MS))
        context->message[0] = '\0'; /* said in the JSON */
    ask_all(context, asking);
    json_t *status = asking->tasks ? status_json(context, asking, supervised) : NULL;
    free(asking->tasks);
    return status;
}

enum cc_error cp_cli_status(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    bool supervised = cp_local_is_up(context);
    json_t *status = cp_status_json(context);
    if (!status)
        return cp_fail(context, CC_NO_MEMORY, "out of memory");
    enum cc_error error = context->registry ? CC_OK : CC_UNAVAILABLE;
    show(context, status, cp_screen_status);
    json_decref(status);
    if (!supervised)
        return cp_fail(context, CC_UNAVAILABLE, "the platform is down; run: callcell up");
    return error ? cp_fail(context, error, "the registry does not answer; see: callcell doctor")
                 : CC_OK;
}

enum cc_error cp_cli_cell_show(struct cp_context *context, const struct cp_arguments *arguments)
{
    struct asking *asking = cp_alloc(context, sizeof(*asking));
    const char *name = arguments->positionals[0];
    const struct cp_place_cell *cell = NULL;
    cp_places_read(context, &asking->places);
    for (size_t i = 0; i < asking->places.cell_count; i++) {
        if (strcmp(asking->places.cells[i].cell, name) == 0)
            cell = &asking->places.cells[i];
    }
    if (!cell)
        return cp_unknown_cell(context, name);
    asking->tasks = calloc(PER_CELL, sizeof(*asking->tasks));
    if (!asking->tasks)
        return cp_fail(context, CC_NO_MEMORY, "out of memory");
    ask_cell(context, asking, cell);
    cp_together(context, asking->tasks, asking->count);
    asking->count = 0;
    json_t *shown = cell_json(context, asking, cell);
    show(context, shown, cp_screen_cell);
    json_decref(shown);
    free(asking->tasks);
    return CC_OK;
}
