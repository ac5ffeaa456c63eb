/* Rim: asks Postgres. */
#include "control-plane/failover/look.h"

#include <string.h>

#include "control-plane/files.h"
#include "control-plane/pq.h"

enum { ASK_MS = 1000 };

static PGconn *connect_to(struct cp_postgres_group *group, enum cp_postgres_part part,
                          const char *database)
{
    const char *conninfo = cp_postgres_conninfo(group, part, database);
    return cp_pq_connect(&conninfo, 1, ASK_MS);
}

static bool is_made(struct cp_postgres_group *group, const struct cp_postgres_place *place)
{
    return cp_file_exists(cp_format(group->context, "%s.created", place->data)) &&
           cp_file_exists(cp_format(group->context, "%s/PG_VERSION", place->data));
}

void cp_look_at_monitor(struct cp_postgres_group *group, enum cp_postgres_part primary,
                        struct cp_monitor_view *out)
{
    const char *const name[] = {group->places[primary].name};
    PGconn *monitor = connect_to(group, CP_POSTGRES_MONITOR, "pg_auto_failover");
    PGresult *result = cp_pq_query(
        monitor, "SELECT count(*) FROM pgautofailover.node WHERE nodename = $1", name, 1, ASK_MS);
    *out = (struct cp_monitor_view){.has_data = is_made(group, &group->places[CP_POSTGRES_MONITOR]),
                                    .answers = PQntuples(result) == 1};
    out->knows_primary = out->answers && strcmp(PQgetvalue(result, 0, 0), "0") != 0;
    /* Asked within connect_timeout. */
    out->is_starting = !out->answers && PQping(cp_postgres_conninfo(group, CP_POSTGRES_MONITOR,
                                                                    "postgres")) == PQPING_REJECT;
    PQclear(result);
    PQfinish(monitor);
}
