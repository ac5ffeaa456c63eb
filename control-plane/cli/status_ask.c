/* Rim: asks programs and databases. */
#include "control-plane/cli/status_ask.h"

#include <math.h>
#include <stdlib.h>

#include "control-plane/cell_api.h"
#include "control-plane/files.h"
#include "control-plane/pq.h"
#include "control-plane/sites.h"

enum { ASK_MS = 600, CONNECT_MS = 700, QUERY_MS = 700 };

static enum cc_error get(struct cp_context *context, int port, const char *path, const char *token,
                         struct cp_reply *reply)
{
    struct cp_question question = {.address = cp_format(context, "127.0.0.1:%d", port),
                                   .method = "GET",
                                   .path = path,
                                   .token = token,
                                   .timeout_ms = ASK_MS};
    return cp_http(context, &question, reply);
}

static json_t *get_json(struct cp_context *context, int port, const char *path, const char *token)
{
    struct cp_reply reply;
    json_t *value = NULL;
    if (get(context, port, path, token, &reply) || reply.status != 200 ||
        cc_json_parse(reply.body, 1 << 20, &value, NULL))
        return NULL;
    return value;
}

/* "down" or "frozen" costs no second question. */
static const char *health(struct cp_context *context, int port)
{
    struct cp_reply reply;
    enum cc_error error = get(context, port, "/readyz", NULL, &reply);
    if (error)
        return error == CC_TIMEOUT ? "no answer" : "down";
    return reply.status == 200 ? "ready" : "not ready";
}

static bool answers(const char *state)
{
    return strcmp(state, "down") != 0 && strcmp(state, "no answer") != 0;
}

double cp_series_sum(const char *text, const char *name, const char *part)
{
    double sum = NAN;
    size_t length = strlen(name);
    for (const char *line = text, *next; line && *line; line = next) {
        const char *end = strchr(line, '\n');
        next = end ? end + 1 : NULL;
        const char *space = end ? memrchr(line, ' ', (size_t)(end - line)) : NULL;
        if (!space || strncmp(line, name, length) != 0 ||
            (line[length] != ' ' && line[length] != '{'))
            continue;
        if (part && !memmem(line, (size_t)(space - line), part, strlen(part)))
            continue;
        sum = (isnan(sum) ? 0 : sum) + strtod(space + 1, NULL);
    }
    return sum;
}

/* The page of one that answers on its telemetry port, or else on the other. */
static const char *metrics(struct cp_context *context, int telemetry_port, int port)
{
    struct cp_reply reply;
    if (get(context, telemetry_port, "/metrics", NULL, &reply) == CC_OK && reply.status == 200)
        return reply.body.data;
    if (port && get(context, port, "/metrics", NULL, &reply) == CC_OK && reply.status == 200)
        return reply.body.data;
    return "";
}

json_t *cp_ask_serve(struct cp_context *context, const void *pointer)
{
    const struct cp_about *about = pointer;
    int port = about->port;
    const char *state = health(context, about->telemetry_port);
    if (strcmp(state, "down") == 0)
        state = health(context, port);
    const char *page = answers(state) ? metrics(context, about->telemetry_port, port) : "";
    return json_pack("{s:s, s:i, s:s, s:b}", "instance", about->name, "port", port, "health", state,
                     "leads", cp_series_sum(page, "callcell_control_leader", NULL) > 0);
}

struct shown {
    const char *key, *series, *part;
};

/* What the screen and the doctor show of telemetry; a series that is not there is left out. */
static void add_series(const char *page, const struct shown *shown, size_t count, json_t *out)
{
    for (size_t i = 0; i < count; i++) {
        double value = cp_series_sum(page, shown[i].series, shown[i].part);
        if (!isnan(value))
            json_object_set_new(out, shown[i].key, json_real(value));
    }
}

static void add_edge_series(const char *page, json_t *edge)
{
    static const struct shown shown[] = {
        {"answers", "callcell_edge_answers_total", NULL},
        {"edge_answers", "callcell_edge_answers_total", "by=\"edge\""},
        {"clock_skew_s", "callcell_edge_clock_skew_seconds", NULL},
        {"journal_oldest_s", "callcell_edge_journal_oldest_seconds", NULL},
        {"journal_in_memory", "callcell_edge_journal_in_memory", NULL},
        {"journal_lost", "callcell_edge_journal_lost_total", NULL},
        {"certificate_expires_at", "callcell_edge_certificate_expires_at", NULL},
    };
    add_series(page, shown, sizeof(shown) / sizeof(shown[0]), edge);
}

static void add_worker_series(const char *page, json_t *worker)
{
    static const struct shown shown[] = {
        {"sync_failures", "callcell_cell_spool_sync_failures_total", NULL},
        {"damage_cut", "callcell_cell_spool_damage_cut_total", NULL},
        {"event_id_clashes", "callcell_cell_event_id_clashes_total", NULL},
        {"event_id_clashes_lost", "callcell_cell_event_id_clashes_lost_total", NULL},
        {"records_lost", "callcell_cell_records_lost_total", NULL},
    };
    add_series(page, shown, sizeof(shown) / sizeof(shown[0]), worker);
}

json_t *cp_ask_edge(struct cp_context *context, const void *pointer)
{
    const struct cp_about *about = pointer;
    const char *state = health(context, about->telemetry_port);
    json_t *edge = json_pack("{s:s, s:i, s:i, s:s}", "edge", about->name, "port", about->port,
                             "telemetry_port", about->telemetry_port, "health", state);
    if (!answers(state))
        return edge;
    json_t *own = get_json(context, about->telemetry_port, "/state", NULL);
    json_object_set_new(edge, "state", own ? own : json_null());
    add_edge_series(metrics(context, about->telemetry_port, 0), edge);
    return edge;
}

static PGconn *connect_to(struct cp_context *context, const struct cp_about *about, int port,
                          const char *database, const char *rest)
{
    const char *const conninfo[] = {cp_format(context, "host='%s' port=%d dbname=%s %s",
                                              cp_cell_sockets(context, about->cell), port, database,
                                              rest)};
    return cp_pq_connect(conninfo, 1, CONNECT_MS);
}

static int monitor_port(struct cp_context *context, const struct cp_about *about)
{
    struct cp_sites sites;
    cp_sites_read(context, about->cell, &sites);
    return cp_site_port(sites.active, cp_port(context, cp_ports_monitor(about->number)));
}

json_t *cp_ask_nodes(struct cp_context *context, const void *pointer)
{
    const struct cp_about *about = pointer;
    PGconn *monitor =
        connect_to(context, about, monitor_port(context, about), "pg_auto_failover", "");
    PGresult *result =
        cp_pq_query(monitor,
                    "SELECT nodename, reportedstate, CASE health WHEN 1 THEN 'good' ELSE 'bad' "
                    "END, nodeport, reportedlsn FROM pgautofailover.node ORDER BY nodename",
                    NULL, 0, QUERY_MS);
    json_t *nodes = json_array();
    for (int row = 0; row < PQntuples(result); row++)
        json_array_append_new(nodes, json_pack("{s:s, s:s, s:s, s:i, s:s}", "node",
                                               PQgetvalue(result, row, 0), "state",
                                               PQgetvalue(result, row, 1), "health",
                                               PQgetvalue(result, row, 2), "port",
                                               (int)strtol(PQgetvalue(result, row, 3), NULL, 10),
                                               "lsn", PQgetvalue(result, row, 4)));
    PQclear(result);
    PQfinish(monitor);
    return nodes;
}

static PGconn *connect_primary(struct cp_context *context, const struct cp_about *about)
{
    const char *sock = cp_cell_sockets(context, about->cell);
    const char *nodes[2];
    for (int node = 1; node <= 2; node++)
        nodes[node - 1] =
            cp_format(context, "host='%s' port=%d dbname=cell target_session_attrs=read-write",
                      sock, cp_port(context, cp_ports_node(about->number, node)));
    return cp_pq_connect(nodes, 2, CONNECT_MS);
}

static long long integer_at(const PGresult *result, int column)
{
    return PQgetisnull(result, 0, column) ? 0 : strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

/* The lag is 0 without a replica: `synchronous` says that there is none. */
json_t *cp_ask_primary(struct cp_context *context, const void *pointer)
{
    const struct cp_about *about = pointer;
    PGconn *connection = connect_primary(context, about);
    PGresult *result = cp_pq_query(
        connection,
        "SELECT current_setting('port'), ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, "
        "8))::bit(32)::int, current_setting('synchronous_standby_names') <> '' AND EXISTS (SELECT "
        "FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')), "
        "(SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::bigint FROM "
        "pg_stat_replication), (SELECT state || ' ' || sync_state FROM pg_stat_replication LIMIT "
        "1), (SELECT failed_count FROM pg_stat_archiver WHERE last_failed_time > "
        "coalesce(last_archived_time, '-infinity'))",
        NULL, 0, QUERY_MS);
    json_t *primary = json_object();
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
        long long port = integer_at(result, 0);
        int node = port == cp_port(context, cp_ports_node(about->number, 2)) ? 2 : 1;
        json_decref(primary);
        primary = json_pack(
            "{s:s, s:I, s:I, s:b, s:I, s:s, s:I}", "node", cp_format(context, "node%d", node),
            "port", (json_int_t)port, "timeline", (json_int_t)integer_at(result, 1), "synchronous",
            strcmp(PQgetvalue(result, 0, 2), "t") == 0, "lag_bytes",
            (json_int_t)integer_at(result, 3), "replication",
            PQgetisnull(result, 0, 4) ? "none: degraded durability" : PQgetvalue(result, 0, 4),
            "archive_failures", (json_int_t)integer_at(result, 5));
        PGresult *term =
            cp_pq_query(connection, "SELECT term FROM fencing.term", NULL, 0, QUERY_MS);
        if (PQresultStatus(term) == PGRES_TUPLES_OK && PQntuples(term) == 1)
            json_object_set_new(primary, "term", json_integer(integer_at(term, 0)));
        PQclear(term);
    }
    PQclear(result);
    PQfinish(connection);
    return primary;
}

/* A worker says its state on its telemetry port; one without such a port on the other, to who
 * shows the cell's control token. */
json_t *cp_ask_worker(struct cp_context *context, const void *pointer)
{
    const struct cp_about *about = pointer;
    const char *token = NULL;
    int port = about->telemetry_port;
    const char *state = health(context, port);
    if (strcmp(state, "down") == 0) {
        port = about->port;
        state = health(context, port);
        (void)!cp_file_secret(context, cp_path(context, "cells/%s/etc/tokens/control", about->cell),
                              &token);
    }
    json_t *own = answers(state) ? get_json(context, port, "/internal/v1/state", token) : NULL;
    json_t *worker = json_pack("{s:s, s:i, s:s, s:o}", "worker", about->name, "port", about->port,
                               "health", state, "state", own ? own : json_null());
    if (answers(state))
        add_worker_series(metrics(context, about->telemetry_port, 0), worker);
    return worker;
}
