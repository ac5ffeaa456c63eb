#include "control-plane/postgres/state.h"

#include "base/io/loop.h"
#include "control-plane/pq.h"

enum { SETTLE_MS = 60 * 1000, PAUSE_MS = 50, LOOK_CLOSER_MS = 1000 };

/* One that is frozen keeps a question for seconds: a deadline counts time and not pauses. */
static int64_t settled_by_us(void)
{
    return cc_monotonic_us() + (int64_t)SETTLE_MS * 1000;
}

/* Asks until sql gives true. */
static enum cc_error wait_true(struct cp_postgres_group *group, enum cp_postgres_part part,
                               const char *database, const char *sql, const char *what)
{
    PGconn *connection = NULL;
    int64_t until_us = settled_by_us();
    for (;;) {
        if (!connection)
            connection = cp_postgres_try(group, part, database);
        PGresult *result = cp_pq_query(connection, sql, NULL, 0, CP_POSTGRES_ASK_MS);
        bool true_now = cp_pq_is_true(result), late = cc_monotonic_us() >= until_us;
        if (!result || true_now || late) {
            PQfinish(connection);
            connection = NULL;
        }
        PQclear(result);
        if (true_now)
            return CC_OK;
        if (late)
            return cp_fail(group->context, CC_TIMEOUT,
                           "%s: not within %d s: %s; see log/%s/current", group->name,
                           SETTLE_MS / 1000, what, group->places[CP_POSTGRES_NODE_2].service);
        cp_pause_ms(PAUSE_MS);
    }
}

enum cc_error cp_postgres_wait_streaming(struct cp_postgres_group *group)
{
    return wait_true(group, CP_POSTGRES_MONITOR, "pg_auto_failover",
                     "SELECT count(*) = 2 FROM pgautofailover.node "
                     "WHERE reportedstate = goalstate AND health = 1 "
                     "AND least(reporttime, healthchecktime) > pg_postmaster_start_time() "
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
        cp_pq_query(monitor, "SELECT count(*) = 1 FROM pgautofailover.node WHERE nodename = $1",
                    name, 1, CP_POSTGRES_ASK_MS);
    *out = cp_pq_is_true(result);
    if (PQntuples(result) != 1)
        error = cp_fail(group->context, CC_UNAVAILABLE, "the monitor of %s: %s", group->name,
                        cp_pq_trouble(monitor, result));
    PQclear(result);
    PQfinish(monitor);
    return error;
}

static bool is_writable(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    PGconn *connection = cp_postgres_try(group, node, "postgres");
    PGresult *result = cp_pq_query(connection,
                                   "SELECT NOT pg_is_in_recovery() AND "
                                   "current_setting('default_transaction_read_only') = 'off'",
                                   NULL, 0, CP_POSTGRES_ASK_MS);
    bool writable = cp_pq_is_true(result);
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
    static const char *const statements[] = {"ALTER SYSTEM RESET default_transaction_read_only",
                                             "SELECT pg_reload_conf()"};
    PGconn *monitor = cp_postgres_try(group, CP_POSTGRES_MONITOR, "pg_auto_failover");
    const char *const name[] = {group->places[node].name};
    PGresult *result = cp_pq_query(monitor,
                                   "SELECT count(*) = 1 FROM pgautofailover.node WHERE nodename = "
                                   "$1 AND reportedstate = 'single' AND goalstate = 'single'",
                                   name, 1, CP_POSTGRES_ASK_MS);
    PGconn *connection = cp_pq_is_true(result) ? cp_postgres_try(group, node, "postgres") : NULL;
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        PQclear(cp_pq_query(connection, statements[i], NULL, 0, CP_POSTGRES_ASK_MS));
    PQfinish(connection);
    PQclear(result);
    PQfinish(monitor);
}

enum cc_error cp_postgres_wait_writable(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    int64_t until_us = settled_by_us(), look_us = 0;
    while (!is_writable(group, node)) {
        int64_t now_us = cc_monotonic_us();
        if (now_us >= until_us)
            return cp_fail(group->context, CC_TIMEOUT,
                           "%s: %s takes no writes after %d s; see log/%s/current", group->name,
                           group->places[node].name, SETTLE_MS / 1000, group->places[node].service);
        if (now_us >= look_us) {
            look_us = now_us + LOOK_CLOSER_MS * 1000;
            allow_writes(group, node);
        }
        cp_pause_ms(PAUSE_MS);
    }
    return CC_OK;
}
