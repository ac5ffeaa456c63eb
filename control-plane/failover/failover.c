#include "control-plane/failover/failover.h"

#include <string.h>

#include "base/io/loop.h"
#include "control-plane/failover/decide.h"
#include "control-plane/failover/lease.h"
#include "control-plane/failover/look.h"
#include "control-plane/failover/loss.h"
#include "control-plane/failover/move.h"
#include "control-plane/failover/observe.h"
#include "control-plane/failover/term.h"
#include "control-plane/files.h"
#include "control-plane/postgres/make.h"
#include "control-plane/postgres/promote.h"
#include "control-plane/postgres/state.h"
#include "control-plane/pq.h"
#include "control-plane/registry.h"
#include "control-plane/run.h"
#include "control-plane/sites.h"

static enum cc_error begin(void *subject);
static enum cc_error take_lease(void *subject);
static enum cc_error fence(void *subject);
static enum cc_error verify_nothing_lost(void *subject);
static enum cc_error promote(void *subject);
static enum cc_error verify_primary(void *subject);
static enum cc_error raise_term(void *subject);
static enum cc_error tell_workers(void *subject);
static enum cc_error rebuild(void *subject);
static enum cc_error verify_replica(void *subject);
static enum cc_error end(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, begin, NULL, "begun", "the standby answers; remember the primary"},
    {"begun", NULL, NULL, take_lease, NULL, "leased", "lease: the next fencing term"},
    {"leased", NULL, NULL, fence, verify_nothing_lost, "fenced",
     "the old primary is stopped where it can be"},
    {"fenced", NULL, NULL, promote, verify_primary, "promoted", "the standby is the primary"},
    {"promoted", NULL, NULL, raise_term, NULL, "raised", "it takes writes of the new term only"},
    {"raised", NULL, NULL, tell_workers, NULL, "told", "workers write under the new term"},
    {"told", NULL, NULL, rebuild, verify_replica, "rebuilt",
     "the old primary is rebuilt as the synchronous replica"},
    {"rebuilt", NULL, NULL, end, NULL, "done", "done"},
};
const struct cc_transition_table cp_cell_failover_table = {"cell_failover", "new", "done", rows,
                                                           sizeof(rows) / sizeof(rows[0])};

struct failover {
    struct cp_move move; /* first: the rows of a move take it */
    struct cp_failover_view view;
};

static const struct cp_postgres_place *place(struct cp_move *move, enum cp_postgres_part part)
{
    return &move->group.places[part];
}

/* Its keeper does not start it, once stopped, without a monitor; with one it answered just now. */
static enum cc_error wake(struct cp_move *move)
{
    return move->monitor_lost ? cp_postgres_wake(&move->group, move->to) : CC_OK;
}

static enum cc_error begin(void *subject)
{
    struct cp_move *move = subject;
    enum cc_error error = wake(move);
    return error ? error : cp_move_begin(move, move->from);
}

/* The term is taken once for each move: a row that runs again finds it taken. */
static enum cc_error take_lease(void *subject)
{
    struct cp_move *move = subject;
    struct cp_sites sites;
    cp_sites_read(move->context, move->cell, &sites);
    return cp_sql_run(
        move->context,
        "WITH taken AS (UPDATE primary_moves SET new_term = coalesce((SELECT term FROM cell_leases "
        "WHERE cell = $1), 1) + 1 WHERE cell = $1 AND new_term IS NULL RETURNING new_term) "
        "INSERT INTO cell_leases (cell, term, site) SELECT $1, new_term, $2 FROM taken "
        "ON CONFLICT (cell) DO UPDATE SET term = EXCLUDED.term, leased_at = now()",
        CP_PARAMETERS(move->cell, sites.active));
}

static enum cc_error term_of(struct cp_move *move, int64_t *out)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(move->context, &result, "SELECT new_term FROM primary_moves WHERE cell = $1",
               CP_PARAMETERS(move->cell));
    *out = !error && PQntuples(result) == 1 ? cp_sql_integer(result, 0, 0) : 0;
    if (!error && *out < 1)
        error =
            cp_fail(move->context, CC_CORRUPT, "the registry lost the new term of %s", move->cell);
    return error;
}

/* Killed, not stopped: it may be frozen, and writes are held up meanwhile. One that cannot be
 * reached acknowledges nothing: its commits wait for the standby that is about to leave it. */
static enum cc_error fence(void *subject)
{
    struct cp_move *move = subject;
    enum cc_error error = cp_move_recall(move);
    if (!error)
        error = wake(move);
    /* One that comes to life now must not promote anybody too. */
    if (!error && move->monitor_lost)
        cp_postgres_fence(&move->group, CP_POSTGRES_MONITOR);
    if (error || cp_postgres_find_primary(&move->group) == move->to)
        return error;
    return move->group.target->kill(move->context, place(move, move->from)->service);
}

static const char *active_site(struct cp_move *move)
{
    struct cp_sites sites;
    cp_sites_read(move->context, move->cell, &sites);
    return sites.active;
}

/* A monitor that came to life meanwhile may have let the old primary go on alone. */
static enum cc_error verify_nothing_lost(void *subject)
{
    struct failover *failover = subject;
    struct cp_move *move = &failover->move;
    enum cc_error error = cp_move_recall(move);
    if (error || !move->monitor_lost || !cp_postgres_is_replica(&move->group, move->to))
        return error;
    return cp_loss_refuse_fenced(&move->group, move->to, active_site(move),
                                 failover->view.accept_loss);
}

/* The monitor promotes a node that it calls synchronous, sooner when it is told to; an error means
 * that it is doing so already. Any other node only becomes the primary when it is all that is left:
 * the old one is taken out of the monitor's list. */
static enum cc_error ask_monitor(struct cp_move *move, PGconn *monitor)
{
    const char *const name[] = {place(move, move->to)->name};
    PGresult *result = cp_pq_query(
        monitor,
        "SELECT reportedstate IN ('catchingup', 'wait_standby') FROM pgautofailover.node "
        "WHERE nodename = $1",
        name, 1, CP_POSTGRES_ASK_MS);
    bool behind = cp_pq_is_true(result);
    PQclear(result);
    if (!behind) {
        PQclear(cp_pq_query(monitor, "SELECT pgautofailover.perform_failover('default', 0)", NULL,
                            0, CP_POSTGRES_EXECUTE_MS));
        return CC_OK;
    }
    const char *const argv[] = {"pg_autoctl",
                                "drop",
                                "node",
                                "--pgdata",
                                place(move, CP_POSTGRES_MONITOR)->data,
                                "--name",
                                place(move, move->from)->name,
                                "--force",
                                NULL};
    return cp_postgres_run(&move->group, CP_POSTGRES_MONITOR, argv, CP_POSTGRES_RUN_S);
}

/* As in an evacuation (failover/evacuate.c): each step may be done once more. */
static enum cc_error promote_without_monitor(struct cp_move *move)
{
    enum cc_error error = cp_postgres_promote_alone(&move->group, move->to);
    if (!error)
        error = cp_postgres_remake_monitor(&move->group);
    return error ? error : cp_postgres_run_node(&move->group, move->to);
}

static enum cc_error promote(void *subject)
{
    struct cp_move *move = subject;
    PGconn *monitor = NULL;
    enum cc_error error = cp_move_recall(move);
    if (!error && move->monitor_lost)
        return promote_without_monitor(move);
    if (error || cp_postgres_find_primary(&move->group) == move->to)
        return error;
    error = cp_postgres_connect(&move->group, CP_POSTGRES_MONITOR, "pg_auto_failover", &monitor);
    if (!error)
        error = ask_monitor(move, monitor);
    PQfinish(monitor);
    return error;
}

static enum cc_error verify_primary(void *subject)
{
    struct cp_move *move = subject;
    return cp_postgres_wait_writable(&move->group, move->to);
}

static enum cc_error raise_term(void *subject)
{
    struct cp_move *move = subject;
    PGconn *connection = NULL;
    int64_t term = 0;
    enum cc_error error = cp_move_recall(move);
    if (!error)
        error = term_of(move, &term);
    if (!error)
        error = cp_postgres_connect(&move->group, move->to, move->group.database, &connection);
    if (!error)
        error = cp_term_raise_new(&move->group, connection, &term);
    PQfinish(connection);
    return error;
}

static enum cc_error write_leases(struct cp_move *move, struct cp_sites *sites,
                                  const struct cp_lease *lease)
{
    sites->term = lease->term;
    enum cc_error error = cp_sites_write(move->context, move->cell, sites);
    return error ? error : cp_lease_write_all(move->context, lease);
}

static enum cc_error tell_workers(void *subject)
{
    struct cp_move *move = subject;
    struct cp_sites sites;
    cp_sites_read(move->context, move->cell, &sites);
    struct cp_lease lease = {.cell = move->cell, .site = sites.active};
    enum cc_error error = term_of(move, &lease.term);
    return error ? error : write_leases(move, &sites, &lease);
}

/* What the old primary holds beyond the promotion was never acknowledged, or was given up by
 * --accept-loss. The engine rewinds a node that it knows; one that was taken out of its list is
 * made anew from a base backup. */
static enum cc_error rebuild(void *subject)
{
    struct cp_move *move = subject;
    bool known = false;
    enum cc_error error = cp_move_recall(move);
    if (!error)
        error = cp_postgres_is_known(&move->group, move->from, &known);
    if (error)
        return error;
    return known ? move->group.target->start(move->context, place(move, move->from)->service)
                 : cp_postgres_remake_replica(&move->group, move->from);
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

/* ---- before it begins ---- */

static bool answers(struct cp_move *move, enum cp_postgres_part node)
{
    PGconn *connection = cp_postgres_try(&move->group, node, "postgres");
    PQfinish(connection);
    return connection != NULL;
}

/* NULL when it does not answer, for longer than a start of it takes. */
static PGconn *reach_monitor(struct cp_move *move)
{
    enum { PATIENCE_S = 10, PAUSE_MS = 200 };
    PGconn *monitor = NULL;
    int64_t until_us = cc_monotonic_us() + (int64_t)PATIENCE_S * 1000000;
    while (!(monitor = cp_postgres_try(&move->group, CP_POSTGRES_MONITOR, "pg_auto_failover")) &&
           cc_monotonic_us() < until_us)
        cp_pause_ms(PAUSE_MS);
    return monitor;
}

static bool set_standby(struct cp_move *move, int standby)
{
    move->to = standby == 1 ? CP_POSTGRES_NODE_1 : CP_POSTGRES_NODE_2;
    move->from = standby == 1 ? CP_POSTGRES_NODE_2 : CP_POSTGRES_NODE_1;
    return standby > 0;
}

/* The monitor is dead with the primary, or its data is lost: what serve and the workers last saw of
 * the primary is as good a proof, as in an evacuation. */
static enum cc_error look_without_monitor(struct failover *failover)
{
    struct cp_move *move = &failover->move;
    struct cp_postgres_group *group = &move->group;
    struct cp_node_view nodes[CP_POSTGRES_PARTS];
    for (int node = CP_POSTGRES_NODE_1; node < CP_POSTGRES_PARTS; node++) {
        cp_look_at_node(group, node, &nodes[node]);
        if (nodes[node].answers && !nodes[node].recovers)
            return cp_fail(move->context, CC_CONFLICT,
                           "the monitor of %s does not answer, and %s is no replica: there is "
                           "nothing to promote; run: callcell cell heal %s",
                           move->cell, group->places[node].name, move->cell);
    }
    if (!set_standby(move, cp_standby_choose(&nodes[CP_POSTGRES_NODE_1], &nodes[CP_POSTGRES_NODE_2],
                                             cp_observation_primary(group, active_site(move)))))
        return cp_fail(move->context, CC_UNAVAILABLE,
                       "neither the monitor of %s nor anything else tells which of its nodes was "
                       "the primary: nothing is promoted; run: callcell cell heal %s",
                       move->cell, move->cell);
    move->monitor_lost = true;
    failover->view.standby_answers =
        nodes[move->to].answers || cp_postgres_is_replica(group, move->to); /* it is woken */
    return CC_OK;
}

/* Empty: it is promoting none. */
static const char promoting_sql[] =
    "SELECT nodename FROM pgautofailover.node WHERE goalstate IN ('prepare_promotion', "
    "'stop_replication') OR (goalstate IN ('wait_primary', 'single') AND reportedstate IN "
    "('prepare_promotion', 'stop_replication'))";

static enum cc_error refuse_second_promotion(struct cp_move *move, PGconn *monitor)
{
    PGresult *result = cp_pq_query(monitor, promoting_sql, NULL, 0, CP_POSTGRES_ASK_MS);
    enum cc_error error = CC_OK;
    if (PQntuples(result) > 0)
        error = cp_fail(move->context, CC_CONFLICT,
                        "the monitor of %s is promoting %s already: wait; when that does not end, "
                        "see docs/runbooks/failover.md, a promotion that does not end",
                        move->cell, PQgetvalue(result, 0, 0));
    PQclear(result);
    return error;
}

/* What the monitor last heard: it calls a node "secondary" only while commits wait for it. */
static enum cc_error look(struct failover *failover)
{
    struct cp_move *move = &failover->move;
    PGconn *monitor = reach_monitor(move);
    if (!monitor)
        return look_without_monitor(failover);
    PGresult *result =
        cp_pq_query(monitor,
                    "SELECT n.nodename, n.reportedstate IN ('primary', 'wait_primary', 'single', "
                    "'draining', 'join_primary', 'apply_settings') AS was_primary, "
                    "n.reportedstate = 'secondary', "
                    "greatest(0, max(n.reportedlsn) OVER () - n.reportedlsn)::bigint, "
                    "extract(epoch FROM now() - n.reporttime)::bigint "
                    "FROM pgautofailover.node n ORDER BY was_primary DESC, nodename",
                    NULL, 0, CP_POSTGRES_ASK_MS);
    enum cc_error error = refuse_second_promotion(move, monitor);
    if (error) {
        PQclear(result);
        PQfinish(monitor);
        return error;
    }
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        error = cp_fail(move->context, CC_UNAVAILABLE, "the monitor of %s: %s", move->cell,
                        cp_pq_trouble(monitor, result));
    } else if (PQntuples(result) != 2) {
        error = cp_fail(move->context, CC_UNAVAILABLE,
                        "the monitor of %s knows %d nodes, not two; run: callcell cell heal %s",
                        move->cell, PQntuples(result), move->cell);
    } else {
        bool first = strcmp(PQgetvalue(result, 0, 0), "node1") == 0;
        move->from = first ? CP_POSTGRES_NODE_1 : CP_POSTGRES_NODE_2;
        move->to = first ? CP_POSTGRES_NODE_2 : CP_POSTGRES_NODE_1;
        failover->view.was_synchronous = strcmp(PQgetvalue(result, 1, 2), "t") == 0;
        failover->view.gap_bytes = strtoll(PQgetvalue(result, 1, 3), NULL, 10);
        failover->view.gap_s = strtoll(PQgetvalue(result, 0, 4), NULL, 10);
    }
    PQclear(result);
    PQfinish(monitor);
    failover->view.standby_answers = !error && answers(move, move->to);
    return error;
}

static enum cc_error judge(struct failover *failover)
{
    const struct cp_failover_view *view = &failover->view;
    struct cp_move *move = &failover->move;
    switch (cp_failover_decide(view)) {
    case CP_FAILOVER_NO_STANDBY:
        return cp_fail(move->context, CC_UNAVAILABLE,
                       "%s does not answer: there is nothing to promote; see log/%s/current",
                       place(move, move->to)->name, place(move, move->to)->service);
    case CP_FAILOVER_LOSES:
        return cp_fail(move->context, CC_CONFLICT,
                       "commits did not wait for %s when %s was last seen %lld s ago; at least "
                       "%lld bytes of what was acknowledged would be lost; --accept-loss does it "
                       "all the same",
                       place(move, move->to)->name, place(move, move->from)->name,
                       (long long)view->gap_s, (long long)view->gap_bytes);
    case CP_FAILOVER_GO:
    case CP_FAILOVER_GO_WITH_LOSS:
        break;
    }
    return CC_OK;
}

static enum cc_error check(struct failover *failover, bool unfinished)
{
    if (unfinished) {
        enum cc_error error = cp_move_recall(&failover->move);
        if (error || failover->move.from)
            return error;
    }
    enum cc_error error = look(failover);
    if (error)
        return error;
    return failover->move.monitor_lost && failover->view.standby_answers
               ? cp_loss_refuse(&failover->move.group, failover->move.to,
                                active_site(&failover->move), failover->view.accept_loss)
               : judge(failover);
}

enum cc_error cp_cell_failover(struct cp_context *context, const char *cell, bool accept_loss,
                               const char **to)
{
    struct failover failover = {.view = {.accept_loss = accept_loss}};
    bool unfinished = false;
    *to = "";
    enum cc_error error = cp_move_find(context, cell, &failover.move);
    if (!error)
        error = cp_run_unfinished(context, cp_cell_failover_table.name, cell, &unfinished);
    if (!error)
        error = check(&failover, unfinished);
    if (!error && !context->dry_run)
        error = cp_cost_start(&failover.move.group, failover.move.number, &failover.move.cost);
    if (!error)
        error = cp_run(context, &(struct cp_run_request){.table = &cp_cell_failover_table,
                                                         .subject = cell,
                                                         .data = &failover});
    cp_cost_print(failover.move.cost);
    if (!error && failover.move.to)
        *to = place(&failover.move, failover.move.to)->name;
    return error;
}
