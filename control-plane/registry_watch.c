/* Rim: asks the registry. */
#include "control-plane/registry_watch.h"

#include <stdlib.h>

#include "control-plane/facts.h"
#include "control-plane/registry.h"

/* A lag without a replica has no meaning: the last one stays. */
enum cc_error cp_registry_watch(struct cp_context *context)
{
    PGresult *result;
    enum cc_error error = cp_sql(
        context, &result,
        "SELECT coalesce(bool_or(sync_state IN ('sync', 'quorum') AND state = 'streaming'), false) "
        "AND current_setting('synchronous_standby_names') <> '', "
        "min(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication",
        CP_NO_PARAMETERS);
    if (error)
        return error;
    bool synchronous = strcmp(cp_sql_value(result, 0, 0), "t") == 0;
    error = cp_fact_set(context, CP_FACT_DURABILITY_DEGRADED, "registry", synchronous ? 0 : 1);
    if (!error && !PQgetisnull(result, 0, 1))
        error = cp_fact_set(context, CP_FACT_REPLICATION_LAG_BYTES, "registry",
                            strtod(PQgetvalue(result, 0, 1), NULL));
    return error;
}
