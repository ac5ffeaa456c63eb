/* Rim: asks Postgres and workers, writes files. */
#include "control-plane/failover/observe.h"

#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "control-plane/cell_api.h"
#include "control-plane/facts.h"
#include "control-plane/files.h"
#include "control-plane/pq.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"

enum { ASK_MS = 800, FILE_MAX = 4096, SLACK_US = 3 * 1000 * 1000 };

/* Now: who is the primary, and do its commits wait for the other node. */
struct seen {
    const char *primary;
    bool synchronous;
    const char *primary_lsn, *standby_lsn;
    int64_t lag_bytes;
};

static bool look(struct cp_postgres_group *group, struct seen *out)
{
    struct cp_context *context = group->context;
    const char *nodes[2];
    for (int node = 1; node <= 2; node++)
        nodes[node - 1] =
            cp_format(context, "%s target_session_attrs=read-write",
                      cp_postgres_conninfo(group, (enum cp_postgres_part)node, "postgres"));
    PGconn *connection = cp_pq_connect(nodes, 2, ASK_MS);
    PGresult *result = cp_pq_query(
        connection,
        "SELECT current_setting('port')::int, current_setting('synchronous_standby_names') <> '' "
        "AND r.sync_state IS NOT NULL, pg_current_wal_lsn(), coalesce(r.flush_lsn, '0/0'), "
        "coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), r.flush_lsn), 0)::bigint FROM (SELECT) n "
        "LEFT JOIN pg_stat_replication r ON r.state = 'streaming' AND r.sync_state IN ('sync', "
        "'quorum') LIMIT 1",
        NULL, 0, ASK_MS);
    bool there = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (there) {
        long port = strtol(PQgetvalue(result, 0, 0), NULL, 10);
        *out = (struct seen){.primary =
                                 port == group->places[CP_POSTGRES_NODE_1].port ? "node1" : "node2",
                             .synchronous = strcmp(PQgetvalue(result, 0, 1), "t") == 0,
                             .primary_lsn = cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 2))),
                             .standby_lsn = cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 3))),
                             .lag_bytes = strtoll(PQgetvalue(result, 0, 4), NULL, 10)};
    }
    PQclear(result);
    PQfinish(connection);
    return there;
}

static const char *file_at(struct cp_context *context, const char *cell, const char *site)
{
    return cp_site_path(context, site, cp_format(context, "cells/%s/durability.json", cell));
}

/* Renamed into place but not synced: it is written every second, and a moment in the past is no
 * proof anyway. */
static enum cc_error write_file(struct cp_context *context, const char *path, const char *text)
{
    const char *unfinished = cp_format(context, "%s.new", path);
    FILE *file = fopen(unfinished, "we");
    if (!file)
        return CC_IO;
    bool written = fputs(text, file) >= 0;
    written = fclose(file) == 0 && written;
    return written && rename(unfinished, path) == 0 ? CC_OK : CC_IO;
}

static enum cc_error note(struct cp_context *context, const char *cell, const struct seen *seen)
{
    static const char *const sites[] = {CP_SITE_FIRST, CP_SITE_SECOND};
    char now[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(cp_now_us(), now);
    const char *text =
        cp_format(context,
                  "{\"at\":\"%s\",\"primary\":\"%s\",\"synchronous\":%s,\"primary_lsn\":\"%s\","
                  "\"standby_lsn\":\"%s\"}\n",
                  now, seen->primary, seen->synchronous ? "true" : "false", seen->primary_lsn,
                  seen->standby_lsn);
    enum cc_error error =
        cp_fact_set(context, CP_FACT_DURABILITY_DEGRADED, cell, seen->synchronous ? 0 : 1);
    if (!error)
        error = cp_fact_set(context, CP_FACT_REPLICATION_LAG_BYTES, cell, (double)seen->lag_bytes);
    for (size_t i = 0; !error && i < 2; i++) {
        const char *folder = cp_site_path(context, sites[i], cp_format(context, "cells/%s", cell));
        if (cp_file_exists(folder))
            error = write_file(context, file_at(context, cell, sites[i]), text);
    }
    return error;
}

enum cc_error cp_observe_cells(struct cp_context *context)
{
    PGresult *cells;
    enum cc_error error = cp_sql(
        context, &cells, "SELECT cell, number FROM cells WHERE state = 'ready'", CP_NO_PARAMETERS);
    for (int row = 0; !error && row < PQntuples(cells); row++) {
        struct cp_postgres_group group;
        struct seen seen;
        const char *cell = cp_sql_value(cells, row, 0);
        cp_cell_postgres(context, cell, (int)cp_sql_integer(cells, row, 1), NULL, &group);
        if (look(&group, &seen))
            error = note(context, cell, &seen);
    }
    return error;
}

/* ---- what the observation is worth ---- */

struct observation {
    int64_t at_us;
    bool synchronous;
    const char *primary;
};

static bool read_observation(struct cp_context *context, const char *cell, const char *site,
                             struct observation *out)
{
    struct cc_slice bytes;
    json_t *object = NULL;
    if (cp_file_read(context, file_at(context, cell, site), &bytes) ||
        cc_json_parse(bytes, FILE_MAX, &object, NULL))
        return false;
    const char *at = json_string_value(json_object_get(object, "at"));
    const char *primary = json_string_value(json_object_get(object, "primary"));
    bool whole = at && primary && !cc_timestamp_parse(cc_slice_of(at), &out->at_us);
    out->synchronous = json_is_true(json_object_get(object, "synchronous"));
    out->primary = primary ? cp_copy(context, cc_slice_of(primary)) : "";
    json_decref(object);
    return whole;
}

/* When a worker of the site was last served by the primary; 0: none says. */
static int64_t last_served_us(struct cp_context *context, int number, const char *site)
{
    static const char name[] = "\ncallcell_cell_primary_seconds_since_ok ";
    int first = cp_site_is(site, CP_SITE_FIRST) ? 1 : CP_WORKERS_PER_CELL + 1;
    int64_t newest_us = 0;
    for (int worker = first; worker < first + CP_WORKERS_PER_CELL; worker++) {
        struct cp_reply reply;
        struct cp_question question = {
            .address = cp_format(context, "127.0.0.1:%d",
                                 cp_port(context, cp_ports_worker_telemetry(number, worker))),
            .method = "GET",
            .path = "/metrics",
            .timeout_ms = ASK_MS};
        if (cp_http(context, &question, &reply) || reply.status != 200)
            continue;
        const char *at = memmem(reply.body.data, reply.body.length, name, sizeof(name) - 1);
        double seconds = at ? strtod(at + sizeof(name) - 1, NULL) : -1;
        int64_t served_us = seconds < 0 ? 0 : cp_now_us() - (int64_t)(seconds * 1e6);
        newest_us = served_us > newest_us ? served_us : newest_us;
    }
    return newest_us;
}

static void judge_file(struct cp_postgres_group *group, const char *standby, const char *site,
                       struct cp_failover_view *view, const char **reason)
{
    struct cp_context *context = group->context;
    struct observation seen;
    struct cp_sites sites;
    if (!read_observation(context, group->name, site, &seen)) {
        *reason = "nobody has noted how the primary was replicated";
        return;
    }
    cp_sites_read(context, group->name, &sites);
    int64_t served_us = last_served_us(context, sites.number, site);
    view->gap_s = (cp_now_us() - seen.at_us) / 1000000;
    if (strcmp(seen.primary, standby) == 0)
        view->was_synchronous = true; /* it is the primary itself */
    else if (!seen.synchronous)
        *reason = cp_format(context,
                            "commits did not wait for it when the primary was last seen, "
                            "%lld s ago",
                            (long long)view->gap_s);
    else if (served_us == 0)
        *reason =
            cp_format(context,
                      "no worker of its site says when the primary last served it, and it was "
                      "last seen replicated %lld s ago",
                      (long long)view->gap_s);
    else if (served_us > seen.at_us + SLACK_US)
        *reason =
            cp_format(context,
                      "the primary served workers %lld s after it was last seen replicated, "
                      "%lld s ago",
                      (long long)((served_us - seen.at_us) / 1000000), (long long)view->gap_s);
    else
        view->was_synchronous = true;
}

void cp_observation_judge(struct cp_postgres_group *group, enum cp_postgres_part standby,
                          const char *site, struct cp_failover_view *view, const char **reason)
{
    struct seen seen;
    const char *name = group->places[standby].name;
    if (!look(group, &seen)) {
        judge_file(group, name, site, view, reason);
        return;
    }
    view->gap_bytes = seen.lag_bytes;
    view->was_synchronous = seen.synchronous || strcmp(seen.primary, name) == 0;
    if (!view->was_synchronous)
        *reason = cp_format(group->context, "commits of %s do not wait for it now", seen.primary);
}
