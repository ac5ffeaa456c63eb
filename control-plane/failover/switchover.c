#include "control-plane/failover/switchover.h"

#include "control-plane/failover/move.h"
#include "control-plane/postgres/state.h"
#include "control-plane/pq.h"
#include "control-plane/run.h"

static enum cc_error begin(void *subject);
static enum cc_error settle(void *subject);
static enum cc_error perform(void *subject);
static enum cc_error verify_primary(void *subject);
static enum cc_error verify_replica(void *subject);
static enum cc_error end(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, begin, NULL, "begun", "both nodes are well; remember which is the primary"},
    {"begun", NULL, NULL, settle, NULL, "settled", "both nodes write what they have in memory"},
    {"settled", NULL, NULL, perform, verify_primary, "switched",
     "the other node becomes the primary"},
    {"switched", NULL, NULL, NULL, verify_replica, "replicated",
     "the old primary is a synchronous replica"},
    {"replicated", NULL, NULL, end, NULL, "done", "done"},
};
const struct cc_transition_table cp_cell_switchover_table = {"cell_switchover", "new", "done", rows,
                                                             sizeof(rows) / sizeof(rows[0])};

static enum cc_error begin(void *subject)
{
    struct cp_move *move = subject;
    return cp_move_begin(move, move->from ? move->from : cp_postgres_find_primary(&move->group));
}

/* The old primary's stop and the new one's start each write a checkpoint while writes are held: the
 * less is left to write, the shorter. */
static enum cc_error settle(void *subject)
{
    struct cp_move *move = subject;
    enum cc_error error = CC_OK;
    for (int node = CP_POSTGRES_NODE_1; !error && node < CP_POSTGRES_PARTS; node++) {
        PGconn *connection = NULL;
        error =
            cp_postgres_connect(&move->group, (enum cp_postgres_part)node, "postgres", &connection);
        if (!error)
            error = cp_postgres_execute(&move->group, connection, "CHECKPOINT");
        PQfinish(connection);
    }
    return error;
}

/* The monitor's own words for how it sees a node and what it wants of it. */
static enum cc_error refuse(struct cp_move *move, PGconn *monitor, const char *const to[1])
{
    PGresult *result =
        cp_pq_query(monitor,
                    "SELECT goalstate IN ('prepare_promotion', 'stop_replication', 'wait_primary', "
                    "'primary'), format('%s, %s s ago', reportedstate, "
                    "extract(epoch FROM now() - reporttime)::bigint) "
                    "FROM pgautofailover.node WHERE nodename = $1",
                    to, 1, CP_POSTGRES_ASK_MS);
    bool found = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    enum cc_error error = CC_OK;
    if (!found || strcmp(PQgetvalue(result, 0, 0), "t") != 0)
        error =
            cp_fail(move->context, CC_CONFLICT,
                    "%s may not take over just now (its keeper last reported: %s); nothing was "
                    "begun; when callcell cell show %s says that it is synchronous, give the "
                    "same command again; else: callcell cell heal %s",
                    to[0], found ? PQgetvalue(result, 0, 1) : "nothing", move->cell, move->cell);
    PQclear(result);
    return error;
}

/* begun: by this. A command given again may find it under way: that is no error. Only a replica for
 * which commits wait may take over, and only one whose keeper is alive. */
static enum cc_error tell_monitor(struct cp_move *move, PGconn *monitor, bool *begun)
{
    const char *const to[] = {move->group.places[move->to].name};
    PGresult *result = cp_pq_query(
        monitor,
        "SELECT pgautofailover.perform_failover('default', 0) WHERE EXISTS (SELECT FROM "
        "pgautofailover.node WHERE nodename = $1 AND goalstate = 'secondary' "
        "AND reporttime > now() - interval '5 s')",
        to, 1, CP_POSTGRES_ASK_MS);
    bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;
    enum cc_error error = CC_OK;
    *begun = answered && PQntuples(result) == 1;
    if (!answered)
        error = cp_fail(move->context, CC_UNAVAILABLE,
                        "the monitor of %s does not begin it: %s; give the same command again",
                        move->cell, cp_pq_trouble(monitor, result));
    else if (!*begun)
        error = refuse(move, monitor, to);
    PQclear(result);
    return error;
}

/* The monitor begins it, and the replica is promoted here and now: pg_autoctl, which comes to it a
 * moment later, would promote it and then sleep a second before it looks (ADR 0015). Should it come
 * first, or this fail, it goes as it would without us. */
static enum cc_error perform(void *subject)
{
    struct cp_move *move = subject;
    struct cp_postgres_group *group = &move->group;
    PGconn *replica = NULL;
    PGconn *monitor = NULL;
    bool begun = false;
    enum cc_error error = cp_move_recall(move);
    if (error || cp_postgres_find_primary(group) == move->to)
        return error;
    error = cp_postgres_connect(group, move->to, "postgres", &replica);
    if (!error)
        error = cp_postgres_connect(group, CP_POSTGRES_MONITOR, "pg_auto_failover", &monitor);
    if (!error)
        error = tell_monitor(move, monitor, &begun);
    if (!error && begun)
        PQclear(cp_pq_query(replica, "SELECT pg_promote(false)", NULL, 0, CP_POSTGRES_ASK_MS));
    PQfinish(monitor);
    PQfinish(replica);
    return error;
}

static enum cc_error verify_primary(void *subject)
{
    struct cp_move *move = subject;
    return cp_postgres_wait_writable(&move->group, move->to);
}

static enum cc_error verify_replica(void *subject)
{
    struct cp_move *move = subject;
    enum cc_error error = cp_postgres_wait_streaming(&move->group);
    return error ? error : cp_postgres_wait_synchronous(&move->group);
}

static enum cc_error end(void *subject)
{
    return cp_move_end(subject);
}

static enum cc_error check(struct cp_move *move, bool unfinished)
{
    if (unfinished)
        return cp_move_recall(move);
    if (!cp_move_is_replicated(move))
        return cp_fail(move->context, CC_CONFLICT,
                       "%s has no primary with a synchronous replica just now: a switchover needs "
                       "both; see: callcell cell show %s; if the primary is lost: callcell cell "
                       "failover %s",
                       move->cell, move->cell, move->cell);
    move->from = cp_postgres_find_primary(&move->group);
    return CC_OK;
}

enum cc_error cp_cell_switchover(struct cp_context *context, const char *cell, const char **to)
{
    struct cp_move move;
    bool unfinished = false;
    *to = "";
    enum cc_error error = cp_move_find(context, cell, &move);
    if (!error)
        error = cp_run_unfinished(context, cp_cell_switchover_table.name, cell, &unfinished);
    if (!error)
        error = check(&move, unfinished);
    if (!error && !context->dry_run)
        error = cp_cost_start(&move.group, move.number, &move.cost);
    if (!error)
        error = cp_run(context, &(struct cp_run_request){.table = &cp_cell_switchover_table,
                                                         .subject = cell,
                                                         .data = &move});
    cp_cost_print(move.cost);
    if (!error && move.to)
        *to = move.group.places[move.to].name;
    return error;
}
