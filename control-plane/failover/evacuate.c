#include "control-plane/failover/evacuate.h"

#include <string.h>

#include "control-plane/failover/cost.h"
#include "control-plane/failover/decide.h"
#include "control-plane/failover/lease.h"
#include "control-plane/failover/observe.h"
#include "control-plane/failover/term.h"
#include "control-plane/files.h"
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
static enum cc_error take_lease(void *subject);
static enum cc_error fence(void *subject);
static enum cc_error verify_nothing_lost(void *subject);
static enum cc_error promote(void *subject);
static enum cc_error turn(void *subject);
static enum cc_error make_monitor(void *subject);
static enum cc_error adopt(void *subject);
static enum cc_error verify_writable(void *subject);
static enum cc_error raise_term(void *subject);
static enum cc_error tell(void *subject);
static enum cc_error verify_workers(void *subject);
static enum cc_error publish(void *subject);
static enum cc_error end(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, begin, NULL, "begun", "the other site may take over; remember where to"},
    {"begun", NULL, NULL, take_lease, NULL, "leased", "lease: the next fencing term"},
    {"leased", NULL, NULL, fence, verify_nothing_lost, "fenced",
     "the old primary is stopped where it can be"},
    {"fenced", NULL, NULL, promote, NULL, "promoted", "the replica is promoted"},
    {"promoted", NULL, NULL, turn, NULL, "turned", "the other site is the active one"},
    {"turned", NULL, NULL, make_monitor, NULL, "monitored", "a new monitor at that site"},
    {"monitored", NULL, NULL, adopt, verify_writable, "writable", "the primary takes writes"},
    {"writable", NULL, NULL, raise_term, NULL, "raised", "it takes writes of the new term only"},
    {"raised", NULL, NULL, tell, verify_workers, "told", "workers and edges know"},
    {"told", NULL, NULL, publish, NULL, "published", "map with the workers of that site"},
    {"published", NULL, NULL, end, NULL, "done", "done"},
};
const struct cc_transition_table cp_cell_evacuate_table = {"cell_evacuate", "new", "done", rows,
                                                           sizeof(rows) / sizeof(rows[0])};

static struct cp_postgres_group *group_of(struct evacuate *evacuate)
{
    struct cp_postgres_group *group = cp_alloc(evacuate->context, sizeof(*group));
    cp_cell_postgres(evacuate->context, evacuate->cell, evacuate->number, cp_target_find("local"),
                     group);
    return group;
}

static enum cc_error recall(struct evacuate *evacuate)
{
    PGresult *result;
    if (evacuate->request->key_file)
        return CC_OK;
    enum cc_error error = cp_sql(evacuate->context, &result,
                                 "SELECT to_site, coalesce(new_term, 0) FROM primary_moves "
                                 "WHERE cell = $1 AND to_site IS NOT NULL",
                                 CP_PARAMETERS(evacuate->cell));
    if (!error && PQntuples(result) == 1) {
        evacuate->to =
            strcmp(cp_sql_value(result, 0, 0), CP_SITE_FIRST) == 0 ? CP_SITE_FIRST : CP_SITE_SECOND;
        evacuate->term = cp_sql_integer(result, 0, 1);
        evacuate->node =
            cp_site_is(evacuate->to, CP_SITE_FIRST) ? CP_POSTGRES_NODE_1 : CP_POSTGRES_NODE_2;
    }
    return error;
}

static enum cc_error begin(void *subject)
{
    struct evacuate *evacuate = subject;
    return cp_sql_run(evacuate->context,
                      "INSERT INTO primary_moves (cell, old_primary, to_site) VALUES ($1, $2, $3) "
                      "ON CONFLICT (cell) DO UPDATE SET to_site = EXCLUDED.to_site, new_term = "
                      "NULL, old_primary = EXCLUDED.old_primary",
                      CP_PARAMETERS(evacuate->cell,
                                    evacuate->node == CP_POSTGRES_NODE_1 ? "2" : "1",
                                    evacuate->to));
}

/* Above what the registry and the files say: break-glass may have gone further than the registry
 * knows. */
static enum cc_error take_lease(void *subject)
{
    struct evacuate *evacuate = subject;
    struct cp_context *context = evacuate->context;
    enum cc_error error = cp_sql_run(
        context,
        "WITH taken AS (UPDATE primary_moves SET new_term = greatest(coalesce((SELECT term FROM "
        "cell_leases WHERE cell = $1), 1), $3::bigint) + 1 WHERE cell = $1 AND new_term IS NULL "
        "RETURNING new_term) INSERT INTO cell_leases (cell, term, site) SELECT $1, new_term, $2 "
        "FROM taken ON CONFLICT (cell) DO UPDATE SET term = EXCLUDED.term, site = EXCLUDED.site, "
        "leased_at = now()",
        CP_PARAMETERS(evacuate->cell, evacuate->to,
                      cp_format(context, "%lld", (long long)evacuate->sites.term)));
    return error ? error : recall(evacuate);
}

static enum cc_error refuse_loss(struct evacuate *evacuate)
{
    struct cp_failover_view view = {.standby_answers = true,
                                    .accept_loss = evacuate->request->accept_loss};
    struct cp_postgres_group *group = group_of(evacuate);
    const char *reason = "";
    cp_observation_judge(group, evacuate->node, evacuate->to, &view, &reason);
    if (cp_failover_decide(&view) != CP_FAILOVER_LOSES)
        return CC_OK;
    return cp_fail(evacuate->context, CC_CONFLICT,
                   "it is not proven that %s at site %s holds all that was acknowledged: %s; "
                   "--accept-loss does it all the same",
                   group->places[evacuate->node].name, evacuate->to, reason);
}

/* The monitor first, so that it fails nothing over. */
static enum cc_error fence(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    struct cp_postgres_group *group = group_of(evacuate);
    if (error)
        return error;
    /* Killed after it had turned: the monitor of the site it came from is not this one. */
    if (!cp_site_is(evacuate->sites.active, evacuate->to))
        cp_postgres_fence(group, CP_POSTGRES_MONITOR);
    cp_postgres_fence(group, evacuate->node == CP_POSTGRES_NODE_1 ? CP_POSTGRES_NODE_2
                                                                  : CP_POSTGRES_NODE_1);
    return CC_OK;
}

static enum cc_error unfence(struct evacuate *evacuate, enum cc_error error)
{
    struct cp_context *context = evacuate->context;
    struct cp_postgres_group *group = group_of(evacuate);
    const char *why = cp_format(context, "%s", context->message);
    for (int part = 0; part < CP_POSTGRES_PARTS; part++) {
        const char *service = group->places[part].service;
        if (part != (int)evacuate->node &&
            cp_file_exists(cp_local_service_folder(context, service)) &&
            group->target->start(context, service))
            why = cp_format(context, "%s; %s did not start again", why, service);
    }
    return cp_fail(context, error, "%s", why);
}

/* Asked again: until it was stopped it may have been allowed to go on alone. Refused, it does go
 * on, for nothing was taken from it yet. */
static enum cc_error verify_nothing_lost(void *subject)
{
    struct evacuate *evacuate = subject;
    const char *standby = cp_format(evacuate->context, "%s/standby.signal",
                                    group_of(evacuate)->places[evacuate->node].data);
    enum cc_error error = cp_file_exists(standby) ? refuse_loss(evacuate) : CC_OK;
    return error ? unfence(evacuate, error) : CC_OK;
}

static enum cc_error promote(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    return error ? error : cp_postgres_promote_alone(group_of(evacuate), evacuate->node);
}

static enum cc_error write_sites(struct evacuate *evacuate)
{
    struct cp_sites sites = evacuate->sites;
    sites.active = evacuate->to;
    sites.standby = cp_site_other(evacuate->to);
    sites.term = evacuate->term;
    return cp_sites_write(evacuate->context, evacuate->cell, &sites);
}

static enum cc_error turn(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    return error ? error : write_sites(evacuate);
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
    return error ? error : cp_postgres_run_node(group_of(evacuate), evacuate->node);
}

static enum cc_error verify_writable(void *subject)
{
    struct evacuate *evacuate = subject;
    enum cc_error error = recall(evacuate);
    return error ? error : cp_postgres_wait_writable(group_of(evacuate), evacuate->node);
}

static enum cc_error raise_term(void *subject)
{
    struct evacuate *evacuate = subject;
    struct cp_postgres_group *group = group_of(evacuate);
    PGconn *connection = NULL;
    enum cc_error error = recall(evacuate);
    if (!error)
        error = cp_postgres_connect(group, evacuate->node, group->database, &connection);
    if (!error)
        error = cp_term_raise_new(group, connection, !evacuate->request->key_file, &evacuate->term);
    PQfinish(connection);
    return error ? error : write_sites(evacuate);
}

/* The workers of a site that have a file; needs no registry. */
static size_t add_workers(struct evacuate *evacuate, const char *site, const char *note,
                          const char **endpoints, size_t count)
{
    struct cp_context *context = evacuate->context;
    int first = cp_site_is(site, CP_SITE_FIRST) ? 1 : CP_WORKERS_PER_CELL + 1;
    for (int worker = first; worker < first + CP_WORKERS_PER_CELL; worker++) {
        const char *file = cp_site_path(
            context, site,
            cp_format(context, "cells/%s/etc/cell-worker-%d.yaml", evacuate->cell, worker));
        if (cp_file_exists(file))
            endpoints[count++] =
                cp_format(context, "127.0.0.1:%d%s",
                          cp_port(context, cp_ports_worker(evacuate->number, worker)), note);
    }
    return count;
}

static enum cc_error announce(struct evacuate *evacuate)
{
    const char *endpoints[2 * CP_WORKERS_PER_CELL];
    size_t count = add_workers(evacuate, evacuate->to, "", endpoints, 0);
    count = add_workers(evacuate, cp_site_other(evacuate->to), " standby", endpoints, count);
    return cp_target_find("local")->announce(evacuate->context, evacuate->cell, endpoints, count);
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
    return error ? error : announce(evacuate);
}

static enum cc_error verify_workers(void *subject)
{
    struct evacuate *evacuate = subject;
    struct cp_template template = {.workers = 1};
    struct cp_cell_create create = {.context = evacuate->context,
                                    .cell = evacuate->cell,
                                    .template = template,
                                    .number = evacuate->number};
    enum cc_error error = recall(evacuate);
    return error ? error : cp_cell_verify_site(&create, evacuate->to);
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

/* ---- before it begins ---- */

static enum cc_error find(struct evacuate *evacuate)
{
    struct cp_context *context = evacuate->context;
    const char *to = evacuate->request->to;
    cp_sites_read(context, evacuate->cell, &evacuate->sites);
    if (evacuate->sites.count != 2)
        return cp_fail(context, CC_UNSUPPORTED,
                       "%s has no standby site (sites: 2 in its template): there is nowhere to go",
                       evacuate->cell);
    evacuate->number = evacuate->sites.number;
    evacuate->country = evacuate->sites.country;
    evacuate->to = !to                              ? evacuate->sites.standby
                   : cp_site_is(to, CP_SITE_FIRST)  ? CP_SITE_FIRST
                   : cp_site_is(to, CP_SITE_SECOND) ? CP_SITE_SECOND
                                                    : NULL;
    if (!evacuate->to)
        return cp_fail(context, CC_UNSUPPORTED, "there is no site %s: a or b", to);
    evacuate->node =
        cp_site_is(evacuate->to, CP_SITE_FIRST) ? CP_POSTGRES_NODE_1 : CP_POSTGRES_NODE_2;
    return CC_OK;
}

static enum cc_error judge(struct evacuate *evacuate)
{
    struct cp_postgres_group *group = group_of(evacuate);
    PGconn *connection = cp_postgres_try(group, evacuate->node, "postgres");
    PQfinish(connection);
    if (!connection)
        return cp_fail(evacuate->context, CC_UNAVAILABLE,
                       "%s at site %s does not answer: there is nothing to promote",
                       group->places[evacuate->node].name, evacuate->to);
    return refuse_loss(evacuate);
}

/* Without the registry: the same rows but those that write to it; the term is the next one after
 * what the files say. */
static enum cc_error run_by_hand(struct evacuate *evacuate)
{
    static const cc_transition_act acts[] = {fence,        promote, turn,
                                             make_monitor, adopt,   verify_writable,
                                             raise_term,   tell,    verify_workers};
    struct cp_context *context = evacuate->context;
    evacuate->term = evacuate->sites.term + 1;
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < sizeof(acts) / sizeof(acts[0]); i++)
        error = acts[i](evacuate);
    return error ? error
                 : cp_file_write(
                       context,
                       cp_site_path(context, evacuate->to,
                                    cp_format(context, "cells/%s/break-glass.log", evacuate->cell)),
                       cc_slice_of(cp_format(context,
                                             "evacuated to site %s under term %lld by "
                                             "%s\n",
                                             evacuate->to, (long long)evacuate->term,
                                             context->actor)),
                       0600);
}

static enum cc_error run(struct evacuate *evacuate)
{
    struct cp_context *context = evacuate->context;
    if (!context->dry_run) {
        evacuate->measured = *group_of(evacuate);
        enum cc_error error = cp_cost_start(&evacuate->measured, &evacuate->cost);
        if (error)
            return error;
    }
    enum cc_error error =
        evacuate->request->key_file
            ? run_by_hand(evacuate)
            : cp_run(context, &(struct cp_run_request){.table = &cp_cell_evacuate_table,
                                                       .subject = evacuate->cell,
                                                       .data = evacuate});
    cp_cost_print(evacuate->cost);
    return error;
}

enum cc_error cp_cell_evacuate(struct cp_context *context,
                               const struct cp_evacuate_request *request, const char **to,
                               bool *changed)
{
    struct evacuate evacuate = {.context = context, .request = request, .cell = request->cell};
    bool unfinished = false;
    enum cc_error error = find(&evacuate);
    if (!error && !request->key_file)
        error = cp_run_unfinished(context, cp_cell_evacuate_table.name, request->cell, &unfinished);
    if (!error && unfinished)
        error = recall(&evacuate);
    *changed = !error && (unfinished || !cp_site_is(evacuate.sites.active, evacuate.to));
    if (*changed && !unfinished)
        error = judge(&evacuate);
    if (*changed && !error)
        error = run(&evacuate);
    *to = evacuate.to;
    return error;
}
