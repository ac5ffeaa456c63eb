/* status and cell show: what is there and how it is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/io/loop.h"
#include "control-plane/cell_api.h"
#include "control-plane/cli/commands.h"
#include "control-plane/cli/worker_line.h"
#include "control-plane/files.h"
#include "control-plane/registry.h"
#include "control-plane/targets/local.h"

enum { ASK_MS = 1000 };

static json_t *ask_json(struct cp_context *context, int port, const char *path, const char *token)
{
    struct cp_reply reply;
    struct cp_question question = {.address = cp_format(context, "127.0.0.1:%d", port),
                                   .method = "GET",
                                   .path = path,
                                   .token = token,
                                   .timeout_ms = ASK_MS};
    json_t *value = NULL;
    if (cp_http(context, &question, &reply) || reply.status != 200 ||
        cc_json_parse(reply.body, 1 << 20, &value, NULL))
        return NULL;
    return value;
}

static const char *health(struct cp_context *context, int port)
{
    struct cp_reply reply;
    struct cp_question question = {.address = cp_format(context, "127.0.0.1:%d", port),
                                   .method = "GET",
                                   .path = "/readyz",
                                   .timeout_ms = ASK_MS};
    if (cp_http(context, &question, &reply))
        return "down";
    return reply.status == 200 ? "ready" : "not ready";
}

static json_t *nodes_of(struct cp_context *context, const char *cell, int number)
{
    PGconn *monitor = PQconnectdb(cp_format(
        context, "host='%s' port=%d dbname=pg_auto_failover connect_timeout=2",
        cp_path(context, "cells/%s/pg/sock", cell), cp_port(context, cp_ports_monitor(number))));
    PGresult *result =
        PQexec(monitor, "SELECT nodename, reportedstate, CASE health WHEN 1 THEN 'good' "
                        "ELSE 'bad' END, nodeport, reportedlsn "
                        "FROM pgautofailover.node ORDER BY nodename");
    json_t *nodes = json_array();
    for (int row = 0; row < PQntuples(result); row++)
        json_array_append_new(
            nodes,
            json_pack("{s:s, s:s, s:s, s:i, s:s}", "node", cp_sql_value(result, row, 0), "state",
                      cp_sql_value(result, row, 1), "health", cp_sql_value(result, row, 2), "port",
                      (int)cp_sql_integer(result, row, 3), "lsn", cp_sql_value(result, row, 4)));
    PQclear(result);
    PQfinish(monitor);
    return nodes;
}

/* "sync" or "quorum" when commits wait for the replica; "none" when there is none. */
static const char *replication_of(struct cp_context *context, const char *cell, int number)
{
    const char *sock = cp_path(context, "cells/%s/pg/sock", cell);
    PGconn *primary =
        PQconnectdb(cp_format(context,
                              "host='%s,%s' port=%d,%d dbname=postgres connect_timeout=2 "
                              "target_session_attrs=read-write",
                              sock, sock, cp_port(context, cp_ports_node(number, 1)),
                              cp_port(context, cp_ports_node(number, 2))));
    PGresult *result =
        PQexec(primary, "SELECT state || ' ' || sync_state FROM pg_stat_replication LIMIT 1");
    const char *state = PQresultStatus(result) != PGRES_TUPLES_OK ? "no primary"
                        : PQntuples(result) == 0
                            ? "none: degraded durability"
                            : cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 0)));
    PQclear(result);
    PQfinish(primary);
    return state;
}

static json_t *workers_of(struct cp_context *context, const char *cell, int number)
{
    json_t *workers = json_array();
    const char *token = NULL;
    /* Without the token the worker's own state is left out. */
    (void)!cp_file_secret(context, cp_path(context, "cells/%s/etc/tokens/control", cell), &token);
    for (int worker = 1; worker <= CP_WORKERS_PER_CELL; worker++) {
        int port = cp_port(context, cp_ports_worker(number, worker));
        json_t *state = ask_json(context, port, "/internal/v1/state", token);
        json_array_append_new(workers, json_pack("{s:s, s:i, s:s, s:o}", "worker",
                                                 cp_format(context, "worker-%d", worker), "port",
                                                 port, "health", health(context, port), "state",
                                                 state ? state : json_null()));
    }
    return workers;
}

static json_t *cell_json(struct cp_context *context, const PGresult *cells, int row)
{
    const char *cell = cp_sql_value(cells, row, 0);
    int number = (int)cp_sql_integer(cells, row, 2);
    return json_pack("{s:s, s:s, s:s, s:o, s:s, s:o}", "cell", cell, "country",
                     cp_sql_value(cells, row, 1), "state", cp_sql_value(cells, row, 3), "nodes",
                     nodes_of(context, cell, number), "replication",
                     replication_of(context, cell, number), "workers",
                     workers_of(context, cell, number));
}

static json_t *reports_of(struct cp_context *context, const char *reporter)
{
    json_t *reports = json_array();
    PGresult *result;
    if (cp_sql(context, &result,
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

static json_t *edges_json(struct cp_context *context)
{
    json_t *edges = json_array();
    PGresult *result;
    if (cp_sql(context, &result, "SELECT edge, port, telemetry_port FROM edges ORDER BY edge",
               CP_NO_PARAMETERS))
        return edges;
    for (int row = 0; row < PQntuples(result); row++) {
        const char *edge = cp_sql_value(result, row, 0);
        int telemetry = cp_port(context, (int)cp_sql_integer(result, row, 2));
        json_array_append_new(
            edges, json_pack("{s:s, s:i, s:s, s:o}", "edge", edge, "port",
                             cp_port(context, (int)cp_sql_integer(result, row, 1)), "health",
                             health(context, telemetry), "holds", reports_of(context, edge)));
    }
    return edges;
}

static void print_holds(const json_t *holds)
{
    size_t i;
    json_t *hold;
    json_array_foreach(holds, i, hold)
    {
        printf("    %s %-8s epoch %lld of %lld, %lld s ago",
               json_string_value(cc_json_at(hold, "country")),
               json_string_value(cc_json_at(hold, "kind")),
               (long long)json_integer_value(cc_json_at(hold, "epoch")),
               (long long)json_integer_value(cc_json_at(hold, "newest")),
               (long long)json_integer_value(cc_json_at(hold, "age_s")));
        const json_t *refused = cc_json_at(hold, "refused");
        if (refused)
            printf("; REFUSED epoch %lld: %s %s",
                   (long long)json_integer_value(cc_json_at(refused, "epoch")),
                   json_string_value(cc_json_at(refused, "error")),
                   json_string_value(cc_json_at(refused, "reason")));
        printf("\n");
    }
}

static void print_cell(const json_t *cell)
{
    size_t i;
    json_t *item;
    printf("cell %s: %s, replication %s\n", json_string_value(cc_json_at(cell, "cell")),
           json_string_value(cc_json_at(cell, "state")),
           json_string_value(cc_json_at(cell, "replication")));
    json_array_foreach(cc_json_at(cell, "nodes"), i, item)
    {
        printf("    %s: %s, %s, port %lld\n", json_string_value(cc_json_at(item, "node")),
               json_string_value(cc_json_at(item, "state")),
               json_string_value(cc_json_at(item, "health")),
               (long long)json_integer_value(cc_json_at(item, "port")));
    }
    json_array_foreach(cc_json_at(cell, "workers"), i, item)
    {
        struct cc_buffer line;
        cc_buffer_init(&line, 0);
        cp_worker_line(item, cc_wall_clock_us(), &line);
        printf("    %.*s\n", (int)line.length, line.data);
        cc_buffer_deinit(&line);
    }
}

static void print_status(const json_t *status)
{
    size_t i;
    json_t *item;
    printf("home %s\nsupervisor %s, registry %s, serve %s\n",
           json_string_value(cc_json_at(status, "home")),
           json_string_value(cc_json_at(status, "supervisor")),
           json_string_value(cc_json_at(status, "registry")),
           json_string_value(cc_json_at(status, "serve")));
    json_array_foreach(cc_json_at(status, "edges"), i, item)
    {
        printf("edge %s: %s, port %lld\n", json_string_value(cc_json_at(item, "edge")),
               json_string_value(cc_json_at(item, "health")),
               (long long)json_integer_value(cc_json_at(item, "port")));
        print_holds(cc_json_at(item, "holds"));
    }
    json_array_foreach(cc_json_at(status, "cells"), i, item)
    {
        print_cell(item);
    }
}

static json_t *cells_json(struct cp_context *context, const char *only)
{
    json_t *cells = json_array();
    PGresult *result;
    if (cp_sql(context, &result,
               "SELECT cell, country, number, state FROM cells WHERE $1 = '' OR cell = $1 "
               "ORDER BY number",
               CP_PARAMETERS(only)))
        return cells;
    for (int row = 0; row < PQntuples(result); row++)
        json_array_append_new(cells, cell_json(context, result, row));
    return cells;
}

enum cc_error cp_cli_status(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    bool supervised = cp_local_is_up(context);
    bool registry = supervised && cp_registry_open(context) == CC_OK;
    json_t *status =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "home", context->home, "supervisor",
                  supervised ? "up" : "down", "registry", registry ? "up" : "down", "serve",
                  health(context, cp_port(context, cp_ports_serve(1))), "edges",
                  registry ? edges_json(context) : json_array(), "cells",
                  registry ? cells_json(context, "") : json_array());
    char *text = context->json ? json_dumps(status, JSON_INDENT(1)) : NULL;
    if (text)
        printf("%s\n", text);
    else
        print_status(status);
    free(text);
    json_decref(status);
    return registry ? CC_OK
                    : cp_fail(context, CC_UNAVAILABLE, "the platform is down; run: callcell up");
}

enum cc_error cp_cli_cell_show(struct cp_context *context, const struct cp_arguments *arguments)
{
    json_t *cells = cells_json(context, arguments->positionals[0]);
    const json_t *cell = json_array_get(cells, 0);
    char *text = cell && context->json ? json_dumps(cell, JSON_INDENT(1)) : NULL;
    enum cc_error error = CC_OK;
    if (!cell)
        error = cp_fail(context, CC_NOT_FOUND, "no cell %s; see: callcell cell list",
                        arguments->positionals[0]);
    else if (text)
        printf("%s\n", text);
    else
        print_cell(cell);
    free(text);
    json_decref(cells);
    return error;
}
