/* Rim: asks the registry, the monitor and a node. */
#include "control-plane/failover/lost_promotion.h"

#include <string.h>

#include "base/log.h"
#include "control-plane/facts.h"
#include "control-plane/postgres/group.h"
#include "control-plane/pq.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"

/* A keeper reports every second, but not while it waits for a promotion. The states are those that
 * a node of two is promoted for. */
static const char silent_sql[] =
    "SELECT nodename FROM pgautofailover.node WHERE goalstate IN ('stop_replication', "
    "'wait_primary', 'single') AND reportedstate <> goalstate AND reporttime < now() - interval "
    "'5 s'";

static enum cc_error look_for_silent(struct cp_postgres_group *group, enum cp_postgres_part *out)
{
    struct cp_context *context = group->context;
    PGconn *monitor = cp_postgres_try(group, CP_POSTGRES_MONITOR, "pg_auto_failover");
    PGresult *result = cp_pq_query(monitor, silent_sql, NULL, 0, CP_POSTGRES_ASK_MS);
    enum cc_error error = CC_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        error = cp_fail(context, CC_UNAVAILABLE, "the monitor of %s: %s", group->name,
                        cp_pq_trouble(monitor, result));
    const char *name = PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "";
    *out = CP_POSTGRES_PRIMARY;
    for (int part = CP_POSTGRES_NODE_1; part < CP_POSTGRES_PARTS; part++) {
        if (strcmp(name, group->places[part].name) == 0)
            *out = (enum cp_postgres_part)part;
    }
    PQclear(result);
    PQfinish(monitor);
    return error;
}

/* The keeper does the rest as soon as it sees it promoted. */
static void ask_again(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    PGconn *connection = cp_postgres_try(group, node, "postgres");
    PGresult *recovers =
        cp_pq_query(connection, "SELECT pg_is_in_recovery()", NULL, 0, CP_POSTGRES_ASK_MS);
    if (cp_pq_is_true(recovers)) {
        CC_LOG(CC_LOG_WARNING, "promotion_asked_again", cc_log_text("cell", group->name),
               cc_log_text("node", group->places[node].name));
        PQclear(cp_pq_query(connection, "SELECT pg_promote(false)", NULL, 0, CP_POSTGRES_ASK_MS));
    }
    PQclear(recovers);
    PQfinish(connection);
}

static enum cc_error look_at_cell(struct cp_context *context, const char *cell, int number)
{
    struct cp_postgres_group group;
    enum cp_postgres_part node = CP_POSTGRES_PRIMARY;
    cp_cell_postgres(context, cell, number, NULL, &group);
    enum cc_error error = look_for_silent(&group, &node);
    if (!error && node != CP_POSTGRES_PRIMARY)
        ask_again(&group, node);
    return error;
}

enum cc_error cp_lost_promotion_duty(struct cp_context *context)
{
    PGresult *cells;
    enum cc_error failed = CC_OK;
    enum cc_error error =
        cp_sql(context, &cells,
               "SELECT cell, number FROM cells JOIN facts ON subject = cell AND name = $1 AND "
               "value = 1 WHERE state = 'ready'",
               CP_PARAMETERS(cp_fact_name(CP_FACT_DURABILITY_DEGRADED)));
    for (int row = 0; !error && row < PQntuples(cells); row++) {
        enum cc_error outcome =
            look_at_cell(context, cp_sql_value(cells, row, 0), (int)cp_sql_integer(cells, row, 1));
        failed = failed ? failed : outcome;
    }
    return error ? error : failed;
}
