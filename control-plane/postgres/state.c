#include "control-plane/postgres/state.h"

#include <string.h>

enum { SETTLE_MS = 60 * 1000, PAUSE_MS = 50 };

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
