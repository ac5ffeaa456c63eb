/* Rim: asks the registry, the monitor and a node. */
#include "control-plane/failover/lost_promotion.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "control-plane/facts.h"
#include "control-plane/postgres/group.h"
#include "control-plane/pq.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"

/* A promotion copies a segment of 16 MB and begins another. */
enum { SPACE_BYTES = 64 * 1024 * 1024 };

/* A node that its monitor promotes, and whose keeper is silent. */
struct silent {
    enum cp_postgres_part node; /* CP_POSTGRES_PRIMARY: none */
    bool old_primary_may_write; /* nobody has seen it step down yet */
};

/* A keeper reports every second, but not while it waits for a promotion. The states are those that
 * a node of two is promoted for. */
static const char silent_sql[] =
    "SELECT nodename, goalstate = 'stop_replication' FROM pgautofailover.node WHERE goalstate IN "
    "('stop_replication', 'wait_primary', 'single') AND reportedstate <> goalstate AND reporttime "
    "< now() - interval '5 s'";

static enum cc_error look_for_silent(struct cp_postgres_group *group, struct silent *out)
{
    struct cp_context *context = group->context;
    PGconn *monitor = cp_postgres_try(group, CP_POSTGRES_MONITOR, "pg_auto_failover");
    PGresult *result = cp_pq_query(monitor, silent_sql, NULL, 0, CP_POSTGRES_ASK_MS);
    enum cc_error error = CC_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        error = cp_fail(context, CC_UNAVAILABLE, "the monitor of %s: %s", group->name,
                        cp_pq_trouble(monitor, result));
    bool one = PQntuples(result) == 1;
    const char *name = one ? PQgetvalue(result, 0, 0) : "";
    *out = (struct silent){CP_POSTGRES_PRIMARY, one && strcmp(PQgetvalue(result, 0, 1), "t") == 0};
    for (int part = CP_POSTGRES_NODE_1; part < CP_POSTGRES_PARTS; part++) {
        if (strcmp(name, group->places[part].name) == 0)
            out->node = (enum cp_postgres_part)part;
    }
    PQclear(result);
    PQfinish(monitor);
    return error;
}

static void warn(const struct cp_postgres_group *group, const struct silent *silent,
                 const char *event)
{
    CC_LOG(CC_LOG_WARNING, event, cc_log_text("cell", group->name),
           cc_log_text("node", group->places[silent->node].name));
}

/* One that died of being asked must serve reads meanwhile: it is asked when it has been up for ten
 * seconds. A keeper that began the promotion before the old primary had stepped down has made its
 * node read-only first; one that did not may find two nodes that take writes. */
static const char may_ask_sql[] =
    "SELECT pg_is_in_recovery() AND now() - pg_postmaster_start_time() > interval '10 s' AND "
    "(NOT $1::bool OR current_setting('default_transaction_read_only') = 'on')";

static bool has_space(const struct cp_postgres_place *place)
{
    struct statvfs disk;
    return statvfs(place->data, &disk) != 0 ||
           (unsigned long long)disk.f_bavail * disk.f_frsize >= SPACE_BYTES;
}

/* The keeper does the rest as soon as it sees it promoted. */
static void ask_again(struct cp_postgres_group *group, const struct silent *silent)
{
    const char *const parameters[] = {silent->old_primary_may_write ? "t" : "f"};
    PGconn *connection = cp_postgres_try(group, silent->node, "postgres");
    PGresult *may = cp_pq_query(connection, may_ask_sql, parameters, 1, CP_POSTGRES_ASK_MS);
    if (PQresultStatus(may) != PGRES_TUPLES_OK) {
        warn(group, silent, "promotion_cannot_be_asked");
    } else if (cp_pq_is_true(may) && !has_space(&group->places[silent->node])) {
        warn(group, silent, "promotion_needs_space");
    } else if (cp_pq_is_true(may)) {
        PGresult *asked =
            cp_pq_query(connection, "SELECT pg_promote(false)", NULL, 0, CP_POSTGRES_ASK_MS);
        warn(group, silent,
             cp_pq_is_true(asked) ? "promotion_asked_again" : "promotion_cannot_be_asked");
        PQclear(asked);
    }
    PQclear(may);
    PQfinish(connection);
}

static enum cc_error look_at_cell(struct cp_context *context, const char *cell, int number)
{
    struct cp_postgres_group group;
    struct silent silent;
    cp_cell_postgres(context, cell, number, NULL, &group);
    enum cc_error error = look_for_silent(&group, &silent);
    if (!error && silent.node != CP_POSTGRES_PRIMARY)
        ask_again(&group, &silent);
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
