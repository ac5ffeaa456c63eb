/* Rim: asks Postgres and workers, writes files. */
#include "control-plane/failover/observe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/timestamp.h"
#include "control-plane/facts.h"
#include "control-plane/files.h"
#include "control-plane/pq.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"

enum { ASK_MS = 800, FILE_MAX = 4096 };

/* Now: who is the primary, and do its commits wait for the other node. */
struct seen {
    int64_t at_us; /* before it was asked: what it says was true at some time after */
    const char *primary;
    bool synchronous;
    const char *primary_lsn, *standby_lsn;
    int64_t lag_bytes, replay_lag_bytes; /* the second is -1 without a replica */
};

static bool look(struct cp_postgres_group *group, struct seen *out)
{
    struct cp_context *context = group->context;
    const char *nodes[2];
    int64_t asked_us = cp_now_us();
    int count = cp_postgres_conninfos(group, CP_POSTGRES_PRIMARY, "postgres", nodes);
    PGconn *connection = cp_pq_connect(nodes, count, ASK_MS);
    PGresult *result = cp_pq_query(
        connection,
        "SELECT current_setting('port')::int, current_setting('synchronous_standby_names') <> '' "
        "AND r.sync_state IS NOT NULL, pg_current_wal_lsn(), coalesce(r.flush_lsn, '0/0'), "
        "coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), r.flush_lsn), 0)::bigint, "
        "coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn), -1)::bigint FROM (SELECT) n "
        "LEFT JOIN pg_stat_replication r ON r.state = 'streaming' AND r.sync_state IN ('sync', "
        "'quorum') LIMIT 1",
        NULL, 0, ASK_MS);
    bool there = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (there) {
        long port = strtol(PQgetvalue(result, 0, 0), NULL, 10);
        *out = (struct seen){.at_us = asked_us,
                             .primary =
                                 port == group->places[CP_POSTGRES_NODE_1].port ? "node1" : "node2",
                             .synchronous = strcmp(PQgetvalue(result, 0, 1), "t") == 0,
                             .primary_lsn = cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 2))),
                             .standby_lsn = cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 3))),
                             .lag_bytes = strtoll(PQgetvalue(result, 0, 4), NULL, 10),
                             .replay_lag_bytes = strtoll(PQgetvalue(result, 0, 5), NULL, 10)};
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
    bool written = file && fputs(text, file) >= 0;
    if (file)
        written = fclose(file) == 0 && written;
    if (written && rename(unfinished, path) == 0)
        return CC_OK;
    return cp_fail(context, CC_IO, "%s cannot be written: %s", path, strerror(errno));
}

static enum cc_error write_files(struct cp_context *context, const char *cell,
                                 const struct seen *seen)
{
    static const char *const sites[] = {CP_SITE_FIRST, CP_SITE_SECOND};
    char at[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(seen->at_us, at);
    const char *text =
        cp_format(context,
                  "{\"at\":\"%s\",\"primary\":\"%s\",\"synchronous\":%s,\"primary_lsn\":\"%s\","
                  "\"standby_lsn\":\"%s\"}\n",
                  at, seen->primary, seen->synchronous ? "true" : "false", seen->primary_lsn,
                  seen->standby_lsn);
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < 2; i++) {
        const char *folder = cp_site_path(context, sites[i], cp_format(context, "cells/%s", cell));
        if (cp_file_exists(folder))
            error = write_file(context, file_at(context, cell, sites[i]), text);
    }
    return error;
}

static enum cc_error note(struct cp_context *context, const char *cell, const struct seen *seen)
{
    enum cc_error error =
        cp_fact_set(context, CP_FACT_DURABILITY_DEGRADED, cell, seen->synchronous ? 0 : 1);
    if (!error && seen->replay_lag_bytes >= 0)
        error = cp_fact_set(context, CP_FACT_REPLICATION_LAG_BYTES, cell,
                            (double)seen->replay_lag_bytes);
    return error ? error : write_files(context, cell, seen);
}

static enum cc_error observe_cell(struct cp_context *context, const char *cell, int number)
{
    struct cp_postgres_group group;
    struct seen seen;
    cp_cell_postgres(context, cell, number, NULL, &group);
    if (look(&group, &seen))
        return note(context, cell, &seen);
    /* The file is left as it is: it is about the primary that was seen last. */
    return cp_fact_set(context, CP_FACT_DURABILITY_DEGRADED, cell, 1);
}

enum cc_error cp_observe_cells(struct cp_context *context)
{
    PGresult *cells;
    enum cc_error failed = CC_OK;
    enum cc_error error = cp_sql(
        context, &cells, "SELECT cell, number FROM cells WHERE state = 'ready'", CP_NO_PARAMETERS);
    for (int row = 0; !error && row < PQntuples(cells); row++) {
        enum cc_error outcome =
            observe_cell(context, cp_sql_value(cells, row, 0), (int)cp_sql_integer(cells, row, 1));
        failed = failed ? failed : outcome;
    }
    return error ? error : failed;
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

/* What a node that is down says on its disk of itself: when its own settings were last changed (0:
 * it cannot be read), and whether they make commits wait. Postgres syncs this file before a change
 * takes effect. */
static int64_t settings_on_disk(struct cp_postgres_group *group, enum cp_postgres_part node,
                                bool *waits)
{
    static const char name[] = "\nsynchronous_standby_names = '";
    struct cc_slice text;
    struct stat file;
    const char *path =
        cp_format(group->context, "%s/postgresql.auto.conf", group->places[node].data);
    if (stat(path, &file) || cp_file_read(group->context, path, &text))
        return 0;
    const char *at = memmem(text.data, text.length, name, sizeof(name) - 1);
    size_t after = at ? (size_t)(at - text.data) + sizeof(name) - 1 : text.length;
    *waits = after < text.length && text.data[after] != '\'';
    return (file.st_mtim.tv_sec * 1000000LL) + (file.st_mtim.tv_nsec / 1000);
}

/* NULL: whom the primary's commits wait for is as it was when it was seen. */
static const char *why_unproven(struct cp_postgres_group *group, enum cp_postgres_part primary,
                                const struct observation *seen)
{
    struct cp_context *context = group->context;
    const struct cp_postgres_place *place = &group->places[primary];
    bool waits = false;
    int64_t changed_us = settings_on_disk(group, primary, &waits);
    long long ago_s = (cp_now_us() - seen->at_us) / 1000000;
    if (changed_us == 0)
        return cp_format(context,
                         "%s was last seen replicated %lld s ago and may have gone on alone since: "
                         "its disk (%s) cannot be read",
                         place->name, ago_s, place->data);
    if (!waits || changed_us > seen->at_us)
        return cp_format(context,
                         "%s was last seen replicated %lld s ago and may have gone on alone "
                         "since: its settings changed afterwards",
                         place->name, ago_s);
    return NULL;
}

static void judge_file(struct cp_postgres_group *group, enum cp_postgres_part standby,
                       const char *site, struct cp_failover_view *view, const char **reason)
{
    struct cp_context *context = group->context;
    enum cp_postgres_part primary =
        standby == CP_POSTGRES_NODE_1 ? CP_POSTGRES_NODE_2 : CP_POSTGRES_NODE_1;
    struct observation seen;
    if (!read_observation(context, group->name, site, &seen)) {
        *reason = "nobody has noted how the primary was replicated";
        return;
    }
    view->gap_s = (cp_now_us() - seen.at_us) / 1000000;
    if (strcmp(seen.primary, group->places[primary].name) != 0)
        *reason = cp_format(context,
                            "it was the primary itself when one was last seen, %lld s ago, and "
                            "takes no writes now",
                            (long long)view->gap_s);
    else if (!seen.synchronous)
        *reason = cp_format(context,
                            "commits did not wait for it when the primary was last seen, "
                            "%lld s ago",
                            (long long)view->gap_s);
    else if (why_unproven(group, primary, &seen))
        *reason = why_unproven(group, primary, &seen);
    else
        view->was_synchronous = true;
}

enum cp_postgres_part cp_observation_primary(struct cp_postgres_group *group, const char *site)
{
    struct observation seen;
    if (!read_observation(group->context, group->name, site, &seen))
        return CP_POSTGRES_PRIMARY;
    return strcmp(seen.primary, "node1") == 0 ? CP_POSTGRES_NODE_1 : CP_POSTGRES_NODE_2;
}

/* What is seen now is noted, for the question after fencing. */
void cp_observation_judge(struct cp_postgres_group *group, enum cp_postgres_part standby,
                          const char *site, struct cp_failover_view *view, const char **reason)
{
    struct seen seen;
    if (!look(group, &seen)) {
        judge_file(group, standby, site, view, reason);
        return;
    }
    view->gap_bytes = seen.lag_bytes;
    view->was_synchronous =
        seen.synchronous || strcmp(seen.primary, group->places[standby].name) == 0;
    if (!view->was_synchronous)
        *reason = cp_format(group->context, "commits of %s do not wait for it now", seen.primary);
    else if (write_files(group->context, group->name, &seen))
        (void)fprintf(stderr, "cannot note at each site how %s is replicated\n", group->name);
}
