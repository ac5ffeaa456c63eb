#include "control-plane/failover/move.h"

#include "control-plane/postgres/state.h"
#include "control-plane/pq.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"
#include "control-plane/unknown.h"

enum cc_error cp_move_find(struct cp_context *context, const char *cell, struct cp_move *out)
{
    PGresult *result;
    *out = (struct cp_move){.context = context, .cell = cell};
    enum cc_error error = cp_sql(
        context, &result, "SELECT number, target FROM cells WHERE cell = $1", CP_PARAMETERS(cell));
    if (error)
        return error;
    if (PQntuples(result) == 0)
        return cp_unknown_cell(context, cell);
    out->number = (int)cp_sql_integer(result, 0, 0);
    cp_cell_postgres(context, cell, out->number, cp_target_find(cp_sql_value(result, 0, 1)),
                     &out->group);
    return CC_OK;
}

static void set_direction(struct cp_move *move, enum cp_postgres_part from)
{
    move->from = from;
    move->to = from == CP_POSTGRES_NODE_1 ? CP_POSTGRES_NODE_2 : CP_POSTGRES_NODE_1;
}

enum cc_error cp_move_recall(struct cp_move *move)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(move->context, &result,
               "SELECT old_primary, monitor_lost::int FROM primary_moves WHERE cell = $1",
               CP_PARAMETERS(move->cell));
    if (!error && PQntuples(result) == 1) {
        set_direction(move, (enum cp_postgres_part)cp_sql_integer(result, 0, 0));
        move->monitor_lost = cp_sql_integer(result, 0, 1) != 0;
    }
    return error;
}

enum cc_error cp_move_begin(struct cp_move *move, enum cp_postgres_part from)
{
    set_direction(move, from);
    return cp_sql_run(move->context,
                      "INSERT INTO primary_moves (cell, old_primary, monitor_lost) "
                      "VALUES ($1, $2, $3) ON CONFLICT (cell) DO NOTHING",
                      CP_PARAMETERS(move->cell, cp_format(move->context, "%d", (int)from),
                                    move->monitor_lost ? "t" : "f"));
}

enum cc_error cp_move_end(struct cp_move *move)
{
    return cp_sql_run(move->context, "DELETE FROM primary_moves WHERE cell = $1",
                      CP_PARAMETERS(move->cell));
}

bool cp_move_is_replicated(struct cp_move *move)
{
    PGconn *primary = cp_postgres_try(&move->group, CP_POSTGRES_PRIMARY, "postgres");
    PGresult *result = cp_pq_query(primary,
                                   "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = "
                                   "'streaming' AND sync_state IN ('sync', 'quorum')",
                                   NULL, 0, CP_POSTGRES_ASK_MS);
    bool replicated = cp_pq_is_true(result);
    PQclear(result);
    PQfinish(primary);
    return replicated;
}
