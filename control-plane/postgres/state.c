#include "control-plane/postgres/state.h"

#include <string.h>

enum { SETTLE_MS = 60 * 1000, PAUSE_MS = 50, LOOK_CLOSER_MS = 1000 };

/* Asks until sql gives true. */
static enum cc_error wait_true(struct cp_postgres_group *group, enum cp_postgres_part part,
                               const char *database, const char *sql, const char *what)
{
    PGconn *connection = NULL;
    enum cc_error error = cp_postgres_connect(group, part, database, &connection);
    for (int waited = 0; !error; waited += PAUSE_MS) {
        PGresult *result = PQexec(connection, sql);
        bool true_now = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
        bool lost = PQstatus(connection) != CONNECTION_OK;
        PQclear(result);
        if (true_now)
            break;
        if (waited >= SETTLE_MS) {
            error = cp_fail(group->context, CC_TIMEOUT,
                            "%s: not within %d s: %s; see log/%s/current", group->name,
                            SETTLE_MS / 1000, what, group->places[CP_POSTGRES_NODE_2].service);
        } else if (lost) {
            PQfinish(connection);
            error = cp_postgres_connect(group, part, database, &connection);
        } else {
            cp_pause_ms(PAUSE_MS);
        }
    }
    PQfinish(connection);
    return error;
}

enum cc_error cp_postgres_wait_streaming(struct cp_postgres_group *group)
{
    return wait_true(group, CP_POSTGRES_MONITOR, "pg_auto_failover",
                     "SELECT count(*) = 2 FROM pgautofailover.node "
                     "WHERE reportedstate = goalstate AND health = 1 "
                     "AND reportedstate IN ('primary', 'secondary')",
                     "one primary and one secondary");
}

enum cc_error cp_postgres_wait_synchronous(struct cp_postgres_group *group)
{
    return wait_true(group, CP_POSTGRES_PRIMARY, "postgres",
                     "SELECT count(*) = 1 FROM pg_stat_replication "
                     "WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')",
                     "a synchronous replica");
}

enum cc_error cp_postgres_is_known(struct cp_postgres_group *group, enum cp_postgres_part node,
                                   bool *out)
{
    PGconn *monitor = NULL;
    const char *const name[] = {group->places[node].name};
    enum cc_error error =
        cp_postgres_connect(group, CP_POSTGRES_MONITOR, "pg_auto_failover", &monitor);
    if (error)
        return error;
    PGresult *result =
        PQexecParams(monitor, "SELECT 1 FROM pgautofailover.node WHERE nodename = $1", 1, NULL,
                     name, NULL, NULL, 0);
    *out = PQntuples(result) == 1;
    PQclear(result);
    PQfinish(monitor);
    return CC_OK;
}

static bool is_writable(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    PGconn *connection = cp_postgres_try(group, node, "postgres");
    PGresult *result =
        connection ? PQexec(connection, "SELECT NOT pg_is_in_recovery() AND "
                                        "current_setting('default_transaction_read_only') = 'off'")
                   : NULL;
    bool writable = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    PQfinish(connection);
    return writable;
}

enum cp_postgres_part cp_postgres_find_primary(struct cp_postgres_group *group)
{
    for (int node = CP_POSTGRES_NODE_1; node < CP_POSTGRES_PARTS; node++) {
        if (is_writable(group, node))
            return node;
    }
    return CP_POSTGRES_PRIMARY;
}

/* The engine forbids writes while it promotes, and forgets to allow them again when the old primary
 * is taken out of its list at that moment. */
static void allow_writes(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    PGconn *monitor = cp_postgres_try(group, CP_POSTGRES_MONITOR, "pg_auto_failover");
    const char *const name[] = {group->places[node].name};
    PGresult *result = monitor
                           ? PQexecParams(monitor,
                                          "SELECT 1 FROM pgautofailover.node WHERE nodename = $1 "
                                          "AND reportedstate = 'single' AND goalstate = 'single'",
                                          1, NULL, name, NULL, NULL, 0)
                           : NULL;
    PGconn *connection = PQntuples(result) == 1 ? cp_postgres_try(group, node, "postgres") : NULL;
    if (connection) {
        PQclear(PQexec(connection, "ALTER SYSTEM RESET default_transaction_read_only"));
        PQclear(PQexec(connection, "SELECT pg_reload_conf()"));
    }
    PQfinish(connection);
    PQclear(result);
    PQfinish(monitor);
}

enum cc_error cp_postgres_wait_writable(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    for (int waited = 0; !is_writable(group, node); waited += PAUSE_MS) {
        if (waited >= SETTLE_MS)
            return cp_fail(group->context, CC_TIMEOUT,
                           "%s: %s takes no writes after %d s; see log/%s/current", group->name,
                           group->places[node].name, SETTLE_MS / 1000, group->places[node].service);
        if (waited % LOOK_CLOSER_MS == 0)
            allow_writes(group, node);
        cp_pause_ms(PAUSE_MS);
    }
    return CC_OK;
}
