#include "control-plane/failover/evacuate.h"

#include <unistd.h>

#include "base/io/loop.h"
#include "base/names.h"
#include "control-plane/failover/break_glass.h"
#include "control-plane/failover/cost.h"
#include "control-plane/failover/lease.h"
#include "control-plane/failover/loss.h"
#include "control-plane/failover/term.h"
#include "control-plane/files.h"
#include "control-plane/fleet/drained.h"
#include "control-plane/fleet/workers.h"
#include "control-plane/postgres/make.h"
#include "control-plane/postgres/promote.h"
#include "control-plane/postgres/state.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/run.h"
#include "control-plane/sites.h"
#include "control-plane/targets/local.h"
#include "control-plane/unknown.h"

struct evacuate {
    struct cp_context *context;
    const struct cp_evacuate_request *request;
    const char *cell, *country, *to;
    int number;
    int64_t term; /* the new one, once taken */
    enum cp_postgres_part node;
    struct cp_sites sites; /* as they were before */
    struct cp_cost *cost;
    struct cp_postgres_group measured; /* of the cost's thread */
};

static enum cc_error begin(void *subject);
static enum cc_error begin_by_hand(void *subject);
static enum cc_error take_lease(void *subject);
static enum cc_error fence(void *subject);
static enum cc_error verify_nothing_lost(void *subject);
static enum cc_error promote(void *subject);
static enum cc_error raise_term(void *subject);
static enum cc_error turn(void *subject);
static enum cc_error tell(void *subject);
static enum cc_error verify_workers(void *subject);
static enum cc_error publish(void *subject);
static enum cc_error make_monitor(void *subject);
static enum cc_error adopt(void *subject);
static enum cc_error verify_writable(void *subject);
static enum cc_error end(void *subject);
static enum cc_error write_log(void *subject);

/* Writes are held up from fencing until workers are told, and for a moment when the primary, which
 * stands alone until then, is taken under its new monitor. */
static const struct cc_transition rows[] = {
    {"new", NULL, NULL, begin, NULL, "begun", "the replica answers; remember where to"},
    {"begun", NULL, NULL, take_lease, NULL, "leased", "lease: the next fencing term"},
    {"leased", NULL, NULL, fence, verify_nothing_lost, "fenced",
     "the old primary is stopped where it can be"},
    {"fenced", NULL, NULL, promote, NULL, "promoted", "the replica is promoted and stands alone"},
    {"promoted", NULL, NULL, raise_term, NULL, "raised", "it takes writes of the new term only"},
    {"raised", NULL, NULL, turn, NULL, "turned", "the other site is the active one"},
    {"turned", NULL, NULL, tell, verify_workers, "told", "workers and edges know"},
    {"told", NULL, NULL, publish, NULL, "published", "map with the workers of that site"},
    {"published", NULL, NULL, make_monitor, NULL, "monitored", "a new monitor at that site"},
    {"monitored", NULL, NULL, adopt, verify_writable, "adopted",
     "the primary is under the monitor and takes writes"},
    {"adopted", NULL, NULL, end, NULL, "done", "done"},
};
const struct cc_transition_table cp_cell_evacuate_table = {"cell_evacuate", "new", "done", rows,
                                                           sizeof(rows) / sizeof(rows[0])};

/* The same without the registry. */
static const struct cc_transition rows_by_hand[] = {
    {"new", NULL, NULL, begin_by_hand, NULL, "begun",
     "the replica answers; the next fencing term, and where to"},
    {"begun", NULL, NULL, fence, verify_nothing_lost, "fenced",
     "the old primary is stopped where it can be"},
    {"fenced", NULL, NULL, promote, NULL, "promoted", "the replica is promoted and stands alone"},
    {"promoted", NULL, NULL, raise_term, NULL, "raised", "it takes writes of the new term only"},
    {"raised", NULL, NULL, turn, NULL, "turned", "the other site is the active one"},
    {"turned", NULL, NULL, tell, verify_workers, "told", "workers and edges know"},
    {"told", NULL, NULL, make_monitor, NULL, "monitored", "a new monitor at that site"},
    {"monitored", NULL, NULL, adopt, verify_writable, "adopted",
     "the primary is under the monitor and takes writes"},
    {"adopted", NULL, NULL, write_log, NULL, "done", "break-glass.log says what was done"},
};
const struct cc_transition_table cp_break_glass_evacuate_table = {
    "break_glass_evacuate", "new", "done", rows_by_hand,
    sizeof(rows_by_hand) / sizeof(rows_by_hand[0])};

static struct cp_postgres_group *group_of(struct evacuate *evacuate)
{
    struct cp_postgres_group *group = cp_alloc(evacuate->context, sizeof(*group));
    cp_cell_postgres(evacuate->context, evacuate->cell, evacuate->number, cp_target_find("local"),
                     group);
    return group;
}

static void aim(struct evacuate *evacuate, const char *to)
{
    bool first = cp_site_is(to, CP_SITE_FIRST);
    evacuate->to = first ? CP_SITE_FIRST : CP_SITE_SECOND;
    evacuate->node = first ? CP_POSTGRES_NODE_1 : CP_POSTGRES_NODE_2;
}

static enum cc_error recall_by_hand(struct evacuate *evacuate)
{
    const char *to;
    if (!cp_break_glass_recall(evacuate->context, evacuate->cell, &to, &evacuate->term))
        return cp_fail(evacuate->context, CC_CORRUPT,
                       "where %s goes to is not kept any more: "
                       "begin anew with --to",
                       evacuate->cell);
    aim(evacuate, to);
    return CC_OK;
}

/* Leaves it as asked for when nothing was begun. */
static enum cc_error recall(struct evacuate *evacuate)
{
    PGresult *result;
    if (evacuate->request->key_file)
        return recall_by_hand(evacuate);
    enum cc_error error = cp_sql(evacuate->context, &result,
                                 "SELECT to_site, coalesce(new_term, 0) FROM primary_moves "
                                 "WHERE cell = $1 AND to_site IS NOT NULL",
                                 CP_PARAMETERS(evacuate->cell));
    if (!error && PQntuples(result) == 1) {
        aim(evacuate, cp_sql_value(result, 0, 0));
        evacuate->term = cp_sql_integer(result, 0, 1);
    }
    return error;
}

/* Before anything is taken: while it is waited for, the old primary, when it lives, goes on. */
static enum cc_error begin(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = cp_postgres_wake(group_of(evacuate), evacuate->node);
    if (error)
        return error;
    return cp_sql_run(evacuate->context,
                      "INSERT INTO primary_moves (cell, old_primary, to_site) VALUES ($1, $2, $3) "
                      "ON CONFLICT (cell) DO UPDATE SET to_site = EXCLUDED.to_site, new_term = "
                      "NULL, old_primary = EXCLUDED.old_primary WHERE primary_moves.to_site IS NOT "
                      "NULL",
                      CP_PARAMETERS(evacuate->cell,
                                    evacuate->node == CP_POSTGRES_NODE_1 ? "2" : "1",
                                    evacuate->to));
}

static enum cc_error begin_by_hand(void *subject)
{
    struct evacuate *evacuate = subject;
    struct cp_postgres_group *group = group_of(evacuate);
    enum cc_error error = cp_postgres_wake(group, evacuate->node);
    return error ? error
                 : cp_break_glass_keep(evacuate->context, evacuate->cell, evacuate->to,
                                       cp_term_seen(group, evacuate->node) + 1);
}

static enum cc_error take_lease(void *subject)
{
    struct evacuate *evacuate = subject;
    struct cp_context *context = evacuate->context;
    int64_t seen = cp_term_seen(group_of(evacuate), evacuate->node);
    enum cc_error error = cp_sql_run(
        context,
        "WITH taken AS (UPDATE primary_moves SET new_term = greatest(coalesce((SELECT term FROM "
        "cell_leases WHERE cell = $1), 1), $3::bigint) + 1 WHERE cell = $1 AND new_term IS NULL "
        "RETURNING new_term) INSERT INTO cell_leases (cell, term, site) SELECT $1, new_term, $2 "
        "FROM taken ON CONFLICT (cell) DO UPDATE SET term = EXCLUDED.term, site = EXCLUDED.site, "
        "leased_at = now()",
        CP_PARAMETERS(evacuate->cell, evacuate->to, cp_format(context, "%lld", (long long)seen)));
    return error ? error : recall(evacuate);
}

/* The monitor first, so that it fails nothing over. Given again after a while, the replica may be
 * down again. */
static enum cc_error fence(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    struct cp_postgres_group *group = group_of(evacuate);
    if (!error)
        error = cp_postgres_wake(group, evacuate->node);
    if (error)
        return error;
    /* Killed after it had turned: the monitor of the site it came from is not this one. */
    if (!cp_site_is(evacuate->sites.active, evacuate->to))
        cp_postgres_fence(group, CP_POSTGRES_MONITOR);
    cp_postgres_stop_primary(group, evacuate->node == CP_POSTGRES_NODE_1 ? CP_POSTGRES_NODE_2
                                                                         : CP_POSTGRES_NODE_1);
    return CC_OK;
}

/* Judged again: until it was stopped the old primary may have been allowed to go on alone. A node
 * that is no replica any more was promoted before a kill. */
static enum cc_error verify_nothing_lost(void *subject)
{
    struct evacuate *evacuate = subject;
    struct cp_postgres_group *group = group_of(evacuate);
    return cp_postgres_is_replica(group, evacuate->node)
               ? cp_loss_refuse_fenced(group, evacuate->node, evacuate->to,
                                       evacuate->request->accept_loss)
               : CC_OK;
}

static enum cc_error promote(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    return error ? error : cp_postgres_stand_alone(group_of(evacuate), evacuate->node);
}

static enum cc_error turn(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    struct cp_sites sites = evacuate->sites;
    sites.active = evacuate->to;
    sites.standby = cp_site_other(evacuate->to);
    sites.term = evacuate->term;
    return error ? error : cp_sites_write(evacuate->context, evacuate->cell, &sites);
}

static enum cc_error make_monitor(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    return error ? error : cp_postgres_remake_monitor(group_of(evacuate));
}

static enum cc_error adopt(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    return error ? error : cp_postgres_adopt(group_of(evacuate), evacuate->node);
}

static enum cc_error verify_writable(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    return error ? error : cp_postgres_wait_writable(group_of(evacuate), evacuate->node);
}

static enum cc_error keep_term(struct evacuate *evacuate, int64_t term)
{
    struct cp_context *context = evacuate->context;
    evacuate->term = term;
    if (evacuate->request->key_file)
        return cp_break_glass_keep(context, evacuate->cell, evacuate->to, term);
    return cp_sql_run(context,
                      "WITH kept AS (UPDATE primary_moves SET new_term = $2::bigint WHERE cell = "
                      "$1) UPDATE cell_leases SET term = $2::bigint WHERE cell = $1",
                      CP_PARAMETERS(evacuate->cell, cp_format(context, "%lld", (long long)term)));
}

/* Until the old primary was stopped somebody may have raised it: ours must be above. */
static enum cc_error raise_term(void *subject)
{
    struct evacuate *evacuate = subject;
    struct cp_postgres_group *group = group_of(evacuate);
    PGconn *connection = NULL;
    int64_t held = 0;
    enum cc_error error = recall(evacuate);
    if (!error)
        error = cp_postgres_connect(group, evacuate->node, group->database, &connection);
    if (!error)
        error = cp_term_raise(group, connection, evacuate->term, &held);
    while (!error && held > evacuate->term) {
        error = keep_term(evacuate, held + 1);
        if (!error)
            error = cp_term_raise(group, connection, evacuate->term, &held);
    }
    PQfinish(connection);
    return error;
}

/* Those at the site that it goes to and not drained. */
static enum cc_error find_takers(struct evacuate *evacuate, struct cp_workers *out)
{
    struct cp_workers all;
    enum cc_error error = cp_workers_by_files(evacuate->context, evacuate->cell, &all);
    if (error)
        return error;
    struct cp_worker *items = cp_alloc(evacuate->context, (all.count + 1) * sizeof(*items));
    *out = all;
    out->items = items;
    out->count = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (cp_site_is(all.items[i].site, evacuate->to) && !all.items[i].drained)
            items[out->count++] = all.items[i];
    }
    return CC_OK;
}

/* How a person says, with the registry or without it, that a drained worker is to answer again. */
static const char *how_to_take_back(struct evacuate *evacuate)
{
    struct cp_context *context = evacuate->context;
    int worker = cp_site_is(evacuate->to, CP_SITE_FIRST) ? 1 : CP_WORKERS_PER_CELL + 1;
    if (context->registry)
        return cp_format(context, "callcell cell undrain %s worker-%d", evacuate->cell, worker);
    return cp_format(context, "take the line \"%s\" out of %s", cp_drained_note(context, worker),
                     cp_path(context, "discovery/%s.endpoints", evacuate->cell));
}

/* A drained worker is out for a reason that the loss of a site does not change. */
static enum cc_error refuse_without_takers(struct evacuate *evacuate)
{
    struct cp_workers takers;
    enum cc_error error = find_takers(evacuate, &takers);
    if (error || takers.count > 0)
        return error;
    return cp_fail(evacuate->context, CC_CONFLICT,
                   "every worker of %s at site %s is drained: nobody there would answer its calls; "
                   "take one back, then evacuate: %s",
                   evacuate->cell, evacuate->to, how_to_take_back(evacuate));
}

/* Whether one stays up is seen when they are waited for: another one is enough. */
static enum cc_error wake_takers(struct evacuate *evacuate)
{
    struct cp_workers takers;
    struct cp_context *context = evacuate->context;
    const struct cp_target *target = cp_target_find("local");
    enum cc_error error = find_takers(evacuate, &takers);
    for (size_t i = 0; !error && i < takers.count; i++) {
        const char *service = takers.items[i].service;
        if (cp_file_exists(cp_local_service_folder(context, service)) &&
            !target->is_up(context, service))
            (void)!target->start(context, service);
    }
    return error;
}

static enum cc_error announce(struct evacuate *evacuate)
{
    struct cp_workers workers;
    enum cc_error error = cp_workers_by_files(evacuate->context, evacuate->cell, &workers);
    return error ? error : cp_workers_tell(evacuate->context, &workers);
}

static enum cc_error tell(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    const struct cp_lease lease = {.cell = evacuate->cell,
                                   .site = evacuate->to,
                                   .term = evacuate->term,
                                   .break_glass = evacuate->request->key_file != NULL,
                                   .key_file = evacuate->request->key_file};
    if (!error)
        error = cp_lease_write_all(evacuate->context, &lease);
    if (!error)
        error = announce(evacuate);
    return error ? error : wake_takers(evacuate);
}

static bool any_is_ready(struct cp_context *context, const struct cp_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++) {
        if (cp_worker_is_ready(context, &workers->items[i]))
            return true;
    }
    return false;
}

/* One is enough: it answers all calls, and `heal` sees to the others. */
static enum cc_error verify_workers(void *subject)
{
    enum { READY_S = 60, PAUSE_MS = 50 };
    struct evacuate *evacuate = subject;
    struct cp_workers takers;
    int64_t until_us = cc_monotonic_us() + READY_S * INT64_C(1000000);
    enum cc_error error = recall(evacuate);
    if (!error)
        error = refuse_without_takers(evacuate);
    if (!error)
        error = find_takers(evacuate, &takers);
    while (!error && !any_is_ready(evacuate->context, &takers)) {
        if (cc_monotonic_us() >= until_us)
            return cp_fail(evacuate->context, CC_TIMEOUT,
                           "no worker of %s at site %s is ready after %d s; see: callcell cell "
                           "show %s",
                           evacuate->cell, evacuate->to, READY_S, evacuate->cell);
        cp_pause_ms(PAUSE_MS);
    }
    return error;
}

static enum cc_error publish(void *subject)
{
    struct evacuate *evacuate = subject;
    int64_t epoch = 0;
    return cp_publish(evacuate->context, evacuate->country, CC_PUBLICATION_MAP, 0, &epoch);
}

static enum cc_error end(void *subject)
{
    struct evacuate *evacuate = subject;
    return cp_sql_run(evacuate->context, "DELETE FROM primary_moves WHERE cell = $1",
                      CP_PARAMETERS(evacuate->cell));
}

static enum cc_error write_log(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    return error ? error
                 : cp_break_glass_log(evacuate->context, evacuate->cell, evacuate->to,
                                      evacuate->term);
}

/* ---- before it begins ---- */

/* By its files: the registry may be what is dead. */
static bool is_made(struct cp_context *context, const char *cell)
{
    return cc_name_is_cell(cc_slice_of(cell)) && cp_file_exists(cp_path(context, "cells/%s", cell));
}

static enum cc_error find(struct evacuate *evacuate)
{
    struct cp_context *context = evacuate->context;
    const char *to = evacuate->request->to;
    cp_sites_read(context, evacuate->cell, &evacuate->sites);
    if (evacuate->sites.count != 2 && !is_made(context, evacuate->cell))
        return cp_unknown_cell(context, evacuate->cell);
    if (evacuate->sites.count != 2)
        return cp_fail(context, CC_UNSUPPORTED,
                       "%s has no standby site: its template does not say sites: 2",
                       evacuate->cell);
    evacuate->number = evacuate->sites.number;
    evacuate->country = evacuate->sites.country;
    if (to && !cp_site_is(to, CP_SITE_FIRST) && !cp_site_is(to, CP_SITE_SECOND))
        return cp_fail(context, CC_UNSUPPORTED, "there is no site %s: a or b", to);
    aim(evacuate, to ? to : evacuate->sites.standby);
    return CC_OK;
}

/* What a switchover or a failover has begun would be forgotten. */
static enum cc_error refuse_other_move(struct evacuate *evacuate)
{
    PGresult *result;
    struct cp_context *context = evacuate->context;
    enum cc_error error = cp_sql(
        context, &result,
        "SELECT coalesce((SELECT replace(transition_table, '_', ' ') FROM runs WHERE subject = "
        "m.cell AND finished_at IS NULL AND transition_table IN ('cell_switchover', "
        "'cell_failover') LIMIT 1), 'cell failover') FROM primary_moves m WHERE cell = $1 AND "
        "to_site IS NULL",
        CP_PARAMETERS(evacuate->cell));
    if (error || PQntuples(result) == 0)
        return error;
    return cp_fail(context, CC_CONFLICT,
                   "callcell %s %s was begun and not finished: give it again first, then evacuate; "
                   "when it cannot finish because its site is lost: callcell break-glass evacuate "
                   "%s --key FILE",
                   cp_sql_value(result, 0, 0), evacuate->cell, evacuate->cell);
}

/* A replica that is down is woken: its keeper does not start it, once stopped, without the monitor
 * that was lost with the other site. */
static enum cc_error judge(struct evacuate *evacuate)
{
    struct cp_postgres_group *group = group_of(evacuate);
    PGconn *connection = cp_postgres_try(group, evacuate->node, "postgres");
    PQfinish(connection);
    if (!connection && !cp_postgres_is_replica(group, evacuate->node))
        return cp_fail(evacuate->context, CC_UNAVAILABLE,
                       "%s at site %s does not answer and is no replica: there is nothing to "
                       "promote",
                       group->places[evacuate->node].name, evacuate->to);
    return cp_loss_refuse(group, evacuate->node, evacuate->to, evacuate->request->accept_loss);
}

static enum cc_error walk(struct evacuate *evacuate)
{
    bool by_hand = evacuate->request->key_file != NULL;
    return cp_run(
        evacuate->context,
        &(struct cp_run_request){
            .table = by_hand ? &cp_break_glass_evacuate_table : &cp_cell_evacuate_table,
            .subject = evacuate->cell,
            .data = evacuate,
            .file = by_hand ? cp_break_glass_run(evacuate->context, evacuate->cell) : NULL});
}

static enum cc_error run(struct evacuate *evacuate)
{
    if (!evacuate->context->dry_run) {
        evacuate->measured = *group_of(evacuate);
        enum cc_error error = cp_cost_start(&evacuate->measured, evacuate->number, &evacuate->cost);
        if (error)
            return error;
    }
    enum cc_error error = walk(evacuate);
    cp_cost_print(evacuate->cost);
    return error;
}

/* Whether a try before was killed; it then goes where that one went. */
static enum cc_error resume(struct evacuate *evacuate, bool *unfinished)
{
    struct cp_context *context = evacuate->context;
    const char *cell = evacuate->cell, *to = NULL;
    if (!evacuate->request->key_file) {
        enum cc_error error =
            cp_run_unfinished(context, cp_cell_evacuate_table.name, cell, unfinished);
        return error || !*unfinished ? error : recall(evacuate);
    }
    bool begun = cp_file_exists(cp_break_glass_run(context, cell));
    *unfinished = begun && cp_break_glass_recall(context, cell, &to, &evacuate->term);
    if (*unfinished)
        aim(evacuate, to);
    return *unfinished || context->dry_run ? CC_OK : cp_break_glass_forget(context, cell);
}

static enum cc_error check(struct evacuate *evacuate, bool unfinished)
{
    const char *asked = evacuate->request->to;
    if (unfinished && asked && !cp_site_is(asked, evacuate->to))
        return cp_fail(evacuate->context, CC_CONFLICT,
                       "an evacuation of %s to site %s was begun and not finished: finish it "
                       "first, with --to %s",
                       evacuate->cell, evacuate->to, evacuate->to);
    if (unfinished)
        return CC_OK;
    enum cc_error error = evacuate->request->key_file ? CC_OK : refuse_other_move(evacuate);
    if (!error)
        error = refuse_without_takers(evacuate);
    return error ? error : judge(evacuate);
}

static enum cc_error evacuate_cell(struct evacuate *evacuate, bool *changed)
{
    bool unfinished = false;
    enum cc_error error = find(evacuate);
    if (!error)
        error = resume(evacuate, &unfinished);
    *changed = !error && (unfinished || !cp_site_is(evacuate->sites.active, evacuate->to));
    if (*changed)
        error = check(evacuate, unfinished);
    return error || !*changed ? error : run(evacuate);
}

enum cc_error cp_cell_evacuate(struct cp_context *context,
                               const struct cp_evacuate_request *request, const char **to,
                               bool *changed)
{
    struct evacuate evacuate = {.context = context, .request = request, .cell = request->cell};
    int lock = -1;
    *changed = false;
    enum cc_error error = request->key_file && !context->dry_run
                              ? cp_break_glass_lock(context, request->cell, &lock)
                              : CC_OK;
    if (!error)
        error = evacuate_cell(&evacuate, changed);
    if (lock >= 0)
        (void)close(lock);
    *to = evacuate.to;
    return error;
}
