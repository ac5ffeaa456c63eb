/* Rim: asks Postgres. */
#include "control-plane/failover/look.h"

#include <stdlib.h>
#include <string.h>

#include "control-plane/files.h"
#include "control-plane/pq.h"

static bool is_made(struct cp_postgres_group *group, const struct cp_postgres_place *place)
{
    return cp_file_exists(cp_format(group->context, "%s.created", place->data)) &&
           cp_file_exists(cp_format(group->context, "%s/PG_VERSION", place->data));
}

void cp_look_at_monitor(struct cp_postgres_group *group, enum cp_postgres_part primary,
                        struct cp_monitor_view *out)
{
    const char *const name[] = {group->places[primary].name};
    PGconn *monitor = cp_postgres_try(group, CP_POSTGRES_MONITOR, "pg_auto_failover");
    PGresult *result =
        cp_pq_query(monitor, "SELECT count(*) FROM pgautofailover.node WHERE nodename = $1", name,
                    1, CP_POSTGRES_ASK_MS);
    *out = (struct cp_monitor_view){.has_data = is_made(group, &group->places[CP_POSTGRES_MONITOR]),
                                    .answers = PQntuples(result) == 1};
    out->knows_primary = out->answers && strcmp(PQgetvalue(result, 0, 0), "0") != 0;
    /* Asked within connect_timeout. */
    out->is_starting = !out->answers && PQping(cp_postgres_conninfo(group, CP_POSTGRES_MONITOR,
                                                                    "postgres")) == PQPING_REJECT;
    PQclear(result);
    PQfinish(monitor);
}

static bool is_true(const PGresult *result, int column)
{
    return strcmp(PQgetvalue(result, 0, column), "t") == 0;
}

void cp_look_at_node(struct cp_postgres_group *group, enum cp_postgres_part node,
                     struct cp_node_view *out)
{
    PGconn *connection = cp_postgres_try(group, node, "postgres");
    PGresult *result = cp_pq_query(
        connection,
        "SELECT pg_is_in_recovery(), NOT pg_is_in_recovery() AND "
        "current_setting('default_transaction_read_only') = 'off', CASE WHEN pg_is_in_recovery() "
        "THEN (SELECT timeline_id FROM pg_control_checkpoint()) ELSE "
        "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END",
        NULL, 0, CP_POSTGRES_ASK_MS);
    *out = (struct cp_node_view){.answers = PQntuples(result) == 1};
    if (out->answers) {
        out->recovers = is_true(result, 0);
        out->takes_writes = is_true(result, 1);
        out->timeline = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    }
    PQclear(result);
    PQfinish(connection);
}

#define PRIMARIES "('primary', 'wait_primary', 'single', 'join_primary', 'apply_settings')"
#define PROMOTED "('prepare_promotion', 'stop_replication', 'fast_forward')"

bool cp_look_monitor_agrees(struct cp_postgres_group *group, enum cp_postgres_part primary)
{
    const char *const name[] = {group->places[primary].name};
    PGconn *monitor = cp_postgres_try(group, CP_POSTGRES_MONITOR, "pg_auto_failover");
    PGresult *result = cp_pq_query(monitor,
                                   "SELECT bool_or(nodename = $1 AND reportedstate IN " PRIMARIES
                                   " AND goalstate IN " PRIMARIES
                                   ") AND NOT bool_or(nodename <> $1 AND (goalstate IN " PRIMARIES
                                   " OR goalstate IN " PROMOTED ")) FROM pgautofailover.node",
                                   name, 1, CP_POSTGRES_ASK_MS);
    bool agrees = PQntuples(result) == 1 && is_true(result, 0);
    PQclear(result);
    PQfinish(monitor);
    return agrees;
}
