#include "control-plane/failover/heal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/loop.h"
#include "control-plane/failover/lease.h"
#include "control-plane/failover/look.h"
#include "control-plane/failover/redis_look.h"
#include "control-plane/failover/term.h"
#include "control-plane/files.h"
#include "control-plane/fleet/workers.h"
#include "control-plane/postgres/make.h"
#include "control-plane/postgres/pooler.h"
#include "control-plane/postgres/promote.h"
#include "control-plane/postgres/state.h"
#include "control-plane/pq.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/run.h"
#include "control-plane/sites.h"
#include "control-plane/targets/local.h"
#include "control-plane/targets/process_tree.h"
#include "control-plane/templates/store.h"
#include "control-plane/unknown.h"

struct heal {
    struct cp_cell_create create;
    struct cp_sites sites;
    size_t found;
};

static enum cc_error take_term(void *subject);
static enum cc_error make_site(void *subject);
static enum cc_error start_processes(void *subject);
static enum cc_error mend_monitor(void *subject);
static enum cc_error mend_replica(void *subject);
static enum cc_error verify_replica(void *subject);
static enum cc_error mend_leases(void *subject);
static enum cc_error start_workers(void *subject);
static enum cc_error verify_workers(void *subject);
static enum cc_error tell_edges(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, take_term, NULL, "agreed", "registry and files agree on term and site"},
    {"agreed", NULL, NULL, make_site, NULL, "housed", "folders and secrets at each site"},
    {"housed", NULL, NULL, start_processes, NULL, "started", "what is down or frozen is started"},
    {"started", NULL, NULL, mend_monitor, NULL, "monitored", "the monitor knows the primary"},
    {"monitored", NULL, NULL, mend_replica, verify_replica, "replicated",
     "the other node is the synchronous replica"},
    {"replicated", NULL, NULL, mend_leases, NULL, "leased", "leases of the term that is in force"},
    {"leased", NULL, NULL, start_workers, verify_workers, "serving",
     "Redis and workers but drained ones: started and ready"},
    {"serving", NULL, NULL, tell_edges, NULL, "done", "edges know where the workers are"},
};
const struct cc_transition_table cp_cell_heal_table = {"cell_heal", "new", "done", rows,
                                                       sizeof(rows) / sizeof(rows[0])};

static struct cp_postgres_group *group_of(struct heal *heal)
{
    struct cp_postgres_group *group = cp_alloc(heal->create.context, sizeof(*group));
    cp_cell_postgres(heal->create.context, heal->create.cell, heal->create.number,
                     heal->create.target, group);
    group->buffers_megabytes = heal->create.template.postgres_megabytes;
    return group;
}

/* ---- rows ---- */

/* Break-glass went further than the registry knows. */
static enum cc_error take_term(void *subject)
{
    struct heal *heal = subject;
    struct cp_context *context = heal->create.context;
    if (heal->sites.count == 1)
        return CC_OK;
    return cp_sql_run(context,
                      "INSERT INTO cell_leases (cell, term, site) VALUES ($1, $2, $3) ON CONFLICT "
                      "(cell) DO UPDATE SET term = EXCLUDED.term, site = EXCLUDED.site, leased_at "
                      "= now() WHERE cell_leases.term < EXCLUDED.term",
                      CP_PARAMETERS(heal->create.cell,
                                    cp_format(context, "%lld", (long long)heal->sites.term),
                                    heal->sites.active));
}

static enum cc_error make_site(void *subject)
{
    struct heal *heal = subject;
    struct cp_context *context = heal->create.context;
    const char *cell = heal->create.cell;
    if (heal->sites.count == 1)
        return CC_OK;
    enum cc_error error = cp_cell_make_site(&heal->create, heal->sites.active, heal->sites.active);
    if (!error)
        error = cp_cell_make_site(&heal->create, heal->sites.standby, heal->sites.active);
    if (!error)
        error = cp_sites_write(context, cell, &heal->sites);
    return error;
}

static bool is_frozen(struct heal *heal, const char *service)
{
    struct cc_slice text;
    const char *file = cp_format(heal->create.context, "%s/supervise/pid",
                                 cp_local_service_folder(heal->create.context, service));
    if (cp_file_read(heal->create.context, file, &text))
        return false;
    return cp_process_tree_is_frozen((pid_t)strtol(text.data, NULL, 10));
}

static const char *trouble_of(struct heal *heal, const char *service)
{
    if (!cp_file_exists(cp_local_service_folder(heal->create.context, service)))
        return "missing";
    if (!heal->create.target->is_up(heal->create.context, service))
        return "down";
    return is_frozen(heal, service) ? "frozen" : NULL;
}

static enum cc_error start_one(struct heal *heal, const char *service)
{
    const char *trouble = trouble_of(heal, service);
    struct cp_context *context = heal->create.context;
    enum cc_error error = CC_OK;
    if (!trouble || strcmp(trouble, "missing") == 0)
        return CC_OK;
    if (strcmp(trouble, "frozen") == 0)
        error = heal->create.target->kill(context, service);
    return error ? error : heal->create.target->start(context, service);
}

/* That of a monitor which is not there comes with it. */
static enum cc_error start_pooler(struct heal *heal, struct cp_postgres_group *group)
{
    const char *created =
        cp_format(heal->create.context, "%s.created", group->places[CP_POSTGRES_MONITOR].data);
    enum cc_error error = CC_OK;
    if (!cp_file_exists(created) || !trouble_of(heal, group->pooler.service))
        return CC_OK;
    if (is_frozen(heal, group->pooler.service))
        error = group->target->kill(heal->create.context, group->pooler.service);
    return error ? error : cp_postgres_pooler_start(group);
}

/* A node that has no data is for mend_replica. */
static enum cc_error start_processes(void *subject)
{
    struct heal *heal = subject;
    struct cp_context *context = heal->create.context;
    struct cp_postgres_group *group = group_of(heal);
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++) {
        const char *created = cp_format(context, "%s.created", group->places[i].data);
        if (cp_file_exists(created) && cp_file_exists(group->places[i].data))
            error = start_one(heal, group->places[i].service);
    }
    return error ? error : start_pooler(heal, group);
}

static enum cp_postgres_part other_of(enum cp_postgres_part node)
{
    return node == CP_POSTGRES_NODE_1 ? CP_POSTGRES_NODE_2 : CP_POSTGRES_NODE_1;
}

static enum cp_primary_verdict look_at(struct cp_postgres_group *group, enum cp_postgres_part node,
                                       struct cp_node_view views[CP_POSTGRES_PARTS])
{
    cp_look_at_node(group, node, &views[node]);
    cp_look_at_node(group, other_of(node), &views[other_of(node)]);
    return cp_primary_decide(&views[node], &views[other_of(node)]);
}

/* A person decides, and moves what is not wanted out of the way: heal makes a node anew that is not
 * there. */
static enum cc_error fail_of_rivals(struct cp_postgres_group *group,
                                    const struct cp_node_view views[CP_POSTGRES_PARTS])
{
    return cp_fail(group->context, CC_CONFLICT,
                   "node1 (timeline %lld) and node2 (timeline %lld) of %s both follow nobody: each "
                   "may hold what was acknowledged, and heal throws neither away; find out which "
                   "is the primary (callcell cell show %s), stop the other one's service, rename "
                   "its data folder (%s or %s) and heal again",
                   (long long)views[CP_POSTGRES_NODE_1].timeline,
                   (long long)views[CP_POSTGRES_NODE_2].timeline, group->name, group->name,
                   group->places[CP_POSTGRES_NODE_1].data, group->places[CP_POSTGRES_NODE_2].data);
}

/* Heal promotes nobody and throws nothing away unless one node alone takes writes: which node holds
 * all that was acknowledged is a failover's or an evacuation's judgement. An old primary may need a
 * moment to step down. */
static enum cc_error find_primary(struct heal *heal, struct cp_postgres_group *group,
                                  enum cp_postgres_part *out)
{
    enum { PATIENCE_S = 20, PAUSE_MS = 200 };
    const char *cell = heal->create.cell;
    struct cp_node_view views[CP_POSTGRES_PARTS];
    enum cp_primary_verdict verdict = CP_PRIMARY_NONE;
    int64_t until_us = cc_monotonic_us() + (int64_t)PATIENCE_S * 1000000;
    do {
        for (*out = CP_POSTGRES_NODE_1; *out < CP_POSTGRES_PARTS; (*out)++) {
            verdict = look_at(group, *out, views);
            if (verdict == CP_PRIMARY_ALONE)
                return CC_OK;
            if (verdict == CP_PRIMARY_RIVAL)
                break;
        }
        cp_pause_ms(PAUSE_MS);
    } while (cc_monotonic_us() < until_us);
    if (verdict == CP_PRIMARY_RIVAL)
        return fail_of_rivals(group, views);
    return cp_fail(heal->create.context, CC_CONFLICT,
                   "no node of %s takes writes, and heal promotes none: it cannot know which holds "
                   "all that was acknowledged; run: callcell cell failover %s (or cell evacuate), "
                   "then heal again",
                   cell, cell);
}

/* Asked directly before something is taken down or thrown away: much may have happened since the
 * primary was found. */
static enum cc_error is_still_primary(struct cp_postgres_group *group,
                                      enum cp_postgres_part primary)
{
    struct cp_node_view views[CP_POSTGRES_PARTS];
    switch (look_at(group, primary, views)) {
    case CP_PRIMARY_RIVAL:
        return fail_of_rivals(group, views);
    case CP_PRIMARY_NONE:
        return cp_fail(group->context, CC_CONFLICT,
                       "%s of %s was the primary and takes no writes any more: nothing was thrown "
                       "away; when callcell cell show %s tells of a primary, heal again",
                       group->places[primary].name, group->name, group->name);
    case CP_PRIMARY_ALONE:
        break;
    }
    return CC_OK;
}

/* One that was started just now is waited for: that it does not answer yet says nothing. */
static enum cc_error judge_monitor(struct cp_postgres_group *group, enum cp_postgres_part primary,
                                   enum cp_monitor_verdict *out)
{
    enum { PATIENCE_S = 30, PAUSE_MS = 200 };
    int64_t until_us = cc_monotonic_us() + (int64_t)PATIENCE_S * 1000000;
    for (;;) {
        struct cp_monitor_view view;
        bool late = cc_monotonic_us() >= until_us;
        cp_look_at_monitor(group, primary, &view);
        *out = cp_monitor_decide(&view, late);
        if (*out != CP_MONITOR_WAIT)
            return CC_OK;
        if (late)
            return cp_fail(group->context, CC_TIMEOUT,
                           "the monitor of %s is still starting after %d s; see log/%s/current, "
                           "then heal again",
                           group->name, PATIENCE_S, group->places[CP_POSTGRES_MONITOR].service);
        cp_pause_ms(PAUSE_MS);
    }
}

/* Its settings are given once more: whoever made it may have been killed before. The primary is
 * down for a moment. */
static enum cc_error register_primary(struct cp_postgres_group *group,
                                      enum cp_postgres_part primary)
{
    enum cc_error error = cp_postgres_tune_monitor(group);
    if (!error)
        error = cp_postgres_promote_alone(group, primary);
    if (!error)
        error = cp_postgres_run_node(group, primary);
    return error ? error : cp_postgres_wait_writable(group, primary);
}

static enum cc_error mend_monitor(void *subject)
{
    struct heal *heal = subject;
    struct cp_postgres_group *group = group_of(heal);
    enum cp_postgres_part primary = CP_POSTGRES_PRIMARY;
    enum cp_monitor_verdict verdict = CP_MONITOR_KEEP;
    enum cc_error error = find_primary(heal, group, &primary);
    if (!error)
        error = judge_monitor(group, primary, &verdict);
    if (error || verdict == CP_MONITOR_KEEP)
        return error;
    error = is_still_primary(group, primary);
    if (!error && verdict == CP_MONITOR_REMAKE)
        error = cp_postgres_remake_monitor(group);
    return error ? error : register_primary(group, primary);
}

static bool is_replicated(struct cp_postgres_group *group)
{
    PGconn *primary = cp_postgres_try(group, CP_POSTGRES_PRIMARY, "postgres");
    PGresult *result = cp_pq_query(primary,
                                   "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' "
                                   "AND sync_state IN ('sync', 'quorum')",
                                   NULL, 0, CP_POSTGRES_ASK_MS);
    bool replicated = PQntuples(result) > 0;
    PQclear(result);
    PQfinish(primary);
    return replicated;
}

/* A base backup or WAL is on its way to it: that may take hours, and is not begun anew. */
static bool is_catching_up(struct cp_postgres_group *group)
{
    PGconn *primary = cp_postgres_try(group, CP_POSTGRES_PRIMARY, "postgres");
    PGresult *result = cp_pq_query(
        primary, "SELECT 1 FROM pg_stat_replication WHERE state IN ('backup', 'catchup')", NULL, 0,
        CP_POSTGRES_ASK_MS);
    bool catching_up = PQntuples(result) > 0;
    PQclear(result);
    PQfinish(primary);
    return catching_up;
}

/* One that the monitor knows and that is up catches up by itself. */
static enum cc_error wait_for_replica(struct cp_postgres_group *group, enum cp_postgres_part node,
                                      bool *known, bool *replicated)
{
    enum { PATIENCE_S = 10, PAUSE_MS = 200 };
    int64_t until_us = cc_monotonic_us() + (int64_t)PATIENCE_S * 1000000;
    *replicated = false;
    enum cc_error error = cp_postgres_is_known(group, node, known);
    while (!error && *known && cc_monotonic_us() < until_us &&
           !(*replicated = is_replicated(group)))
        cp_pause_ms(PAUSE_MS);
    return error;
}

static enum cc_error drop(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    const char *const argv[] = {"pg_autoctl",
                                "drop",
                                "node",
                                "--pgdata",
                                group->places[CP_POSTGRES_MONITOR].data,
                                "--name",
                                group->places[node].name,
                                "--force",
                                NULL};
    return cp_postgres_run(group, CP_POSTGRES_MONITOR, argv, CP_POSTGRES_RUN_S);
}

/* Looked at again after the drop: from then on nobody can promote the other one. */
static enum cc_error drop_other(struct cp_postgres_group *group, enum cp_postgres_part primary,
                                bool known)
{
    enum cc_error error = is_still_primary(group, primary);
    if (!error && !cp_look_monitor_agrees(group, primary))
        error = cp_fail(group->context, CC_CONFLICT,
                        "the monitor of %s does not call %s the primary, or is moving it: nothing "
                        "was thrown away; heal again in a moment",
                        group->name, group->places[primary].name);
    if (!error && known)
        error = drop(group, other_of(primary));
    return error ? error : is_still_primary(group, primary);
}

/* It was registered under a name that is gone now. What it left half made is no copy to set aside:
 * it would take the place of the node that was. */
static enum cc_error forget_earlier_try(struct cp_context *context, const char *data)
{
    const char *again = cp_format(context, "%s.again", data);
    bool half_made =
        cp_file_exists(again) && !cp_file_exists(cp_format(context, "%s.created", data));
    enum cc_error error = half_made ? cp_tree_remove(context, data) : CC_OK;
    return error ? error : cp_tree_remove(context, again);
}

static enum cc_error mend_replica(void *subject)
{
    struct heal *heal = subject;
    struct cp_postgres_group *group = group_of(heal);
    enum cp_postgres_part primary = CP_POSTGRES_PRIMARY;
    bool known = false, replicated = false;
    enum cc_error error = find_primary(heal, group, &primary);
    if (!error)
        error = wait_for_replica(group, other_of(primary), &known, &replicated);
    if (error || replicated || (known && is_catching_up(group)))
        return error;
    const char *data = group->places[other_of(primary)].data;
    error = drop_other(group, primary, known);
    if (!error)
        error = forget_earlier_try(heal->create.context, data);
    return error ? error : cp_postgres_remake_replica(group, other_of(primary));
}

static enum cc_error verify_replica(void *subject)
{
    struct cp_postgres_group *group = group_of(subject);
    enum cc_error error = cp_postgres_wait_streaming(group);
    return error ? error : cp_postgres_wait_synchronous(group);
}

/* Nobody is fenced by this: the term stays, unless a lease or the registry is ahead of the primary.
 */
static enum cc_error mend_leases(void *subject)
{
    struct heal *heal = subject;
    struct cp_context *context = heal->create.context;
    struct cp_postgres_group *group = group_of(heal);
    struct cp_lease lease = {.cell = heal->create.cell, .site = heal->sites.active};
    PGconn *connection = NULL;
    int64_t known = 0;
    enum cc_error error = cp_term_known(group, &known);
    if (!error)
        error = cp_postgres_connect(group, CP_POSTGRES_PRIMARY, group->database, &connection);
    if (!error)
        error = cp_term_raise(group, connection, known, &lease.term);
    PQfinish(connection);
    if (!error)
        error = cp_sql_run(
            context,
            "INSERT INTO cell_leases AS l (cell, term, site) VALUES ($1, $2, $3) ON CONFLICT "
            "(cell) DO UPDATE SET term = EXCLUDED.term, leased_at = now() WHERE l.term < "
            "EXCLUDED.term",
            CP_PARAMETERS(lease.cell, cp_format(context, "%lld", (long long)lease.term),
                          lease.site));
    heal->sites.term = lease.term;
    if (!error)
        error = cp_sites_write(context, lease.cell, &heal->sites);
    return error ? error : cp_lease_mend(context, &lease);
}

static enum cc_error
each_site(struct heal *heal, enum cc_error (*act)(struct cp_cell_create *create, const char *site))
{
    enum cc_error error = act(&heal->create, heal->sites.active);
    return error || !heal->sites.standby ? error : act(&heal->create, heal->sites.standby);
}

static const char *redis_at(struct heal *heal, const char *site)
{
    return cp_site_service(heal->create.context, site, cp_cell_service(&heal->create, "redis"));
}

static const char *trouble_of_redis(struct heal *heal, const char *site)
{
    const struct cp_cell_create *create = &heal->create;
    const char *trouble = trouble_of(heal, redis_at(heal, site));
    if (!trouble && cp_redis_hangs(create->context, create->cell, create->number, site))
        trouble = "hangs";
    return trouble;
}

/* It holds nothing that cannot be lost. */
static enum cc_error kill_redis(struct heal *heal, const char *site)
{
    const char *trouble = trouble_of_redis(heal, site);
    bool alive = trouble && (strcmp(trouble, "frozen") == 0 || strcmp(trouble, "hangs") == 0);
    return alive ? heal->create.target->kill(heal->create.context, redis_at(heal, site)) : CC_OK;
}

/* What does not listen is killed first. Drained workers are left alone. */
static enum cc_error start_workers(void *subject)
{
    struct heal *heal = subject;
    struct cp_workers workers;
    enum cc_error error = kill_redis(heal, heal->sites.active);
    if (!error && heal->sites.standby)
        error = kill_redis(heal, heal->sites.standby);
    if (!error)
        error = cp_workers_find(heal->create.context, heal->create.cell, &workers);
    for (size_t i = 0; !error && i < workers.count; i++) {
        if (!workers.items[i].drained && is_frozen(heal, workers.items[i].service))
            error = heal->create.target->kill(heal->create.context, workers.items[i].service);
    }
    return error ? error : each_site(heal, cp_cell_start_site);
}

static enum cc_error verify_workers(void *subject)
{
    return each_site(subject, cp_cell_verify_site);
}

static enum cc_error tell_edges(void *subject)
{
    struct heal *heal = subject;
    int64_t epoch = 0;
    enum cc_error error = cp_workers_announce(heal->create.context, heal->create.cell);
    if (!error)
        error =
            cp_publish(heal->create.context, heal->create.country, CC_PUBLICATION_MAP, 0, &epoch);
    return error;
}

/* ---- what is wrong ---- */

static void say(struct heal *heal, const char *what, const char *is)
{
    heal->found++;
    (void)fprintf(stderr, "found: %s: %s\n", what, is);
}

/* Somebody took it out on purpose: only that its service is not there is mended. */
static void look_at_drained(struct heal *heal, const struct cp_worker *worker)
{
    if (!cp_file_exists(cp_local_service_folder(heal->create.context, worker->service)))
        say(heal, worker->service, "missing");
    (void)fprintf(stderr, "left out: %s: drained; to take it back: callcell cell undrain %s %s\n",
                  worker->service, heal->create.cell, worker->name);
}

static void look_at_services(struct heal *heal, struct cp_postgres_group *group)
{
    struct cp_context *context = heal->create.context;
    struct cp_workers workers;
    const char *const sites[] = {heal->sites.active, heal->sites.standby};
    for (size_t i = 0; i < 2 && sites[i]; i++) {
        const char *trouble = trouble_of_redis(heal, sites[i]);
        if (trouble)
            say(heal, redis_at(heal, sites[i]), trouble);
    }
    for (size_t i = 0; i < CP_POSTGRES_PARTS; i++) {
        const char *trouble = trouble_of(heal, group->places[i].service);
        if (trouble)
            say(heal, group->places[i].service, trouble);
    }
    if (trouble_of(heal, group->pooler.service))
        say(heal, group->pooler.service, trouble_of(heal, group->pooler.service));
    if (cp_workers_find(context, heal->create.cell, &workers))
        return;
    for (size_t i = 0; i < workers.count; i++) {
        const char *service = workers.items[i].service;
        if (workers.items[i].drained)
            look_at_drained(heal, &workers.items[i]);
        else if (trouble_of(heal, service))
            say(heal, service, trouble_of(heal, service));
    }
}

static void look_at_files(struct heal *heal, int64_t term)
{
    struct cp_context *context = heal->create.context;
    const char *const sites[] = {heal->sites.active, heal->sites.standby};
    for (size_t i = 0; i < 2 && sites[i]; i++) {
        int64_t held = cp_lease_term(context, heal->create.cell, sites[i]);
        if (held != term)
            say(heal, cp_format(context, "lease at site %s", sites[i]),
                held == 0 ? "missing"
                          : cp_format(context, "of term %lld, not %lld", (long long)held,
                                      (long long)term));
    }
    const char *file = cp_path(context, "discovery/%s.endpoints", heal->create.cell);
    if (!cp_file_exists(file))
        say(heal, file, "missing");
}

static enum cc_error look(struct heal *heal)
{
    struct cp_postgres_group *group = group_of(heal);
    int64_t term = 0;
    enum cc_error error = cp_term_known(group, &term);
    if (error)
        return error;
    look_at_services(heal, group);
    look_at_files(heal, term);
    struct cp_monitor_view monitor;
    cp_look_at_monitor(group, CP_POSTGRES_NODE_1, &monitor);
    if (!monitor.has_data)
        say(heal, "monitor", "lost");
    if (!is_replicated(group))
        say(heal, "durability", "degraded: no synchronous replica");
    return CC_OK;
}

static enum cc_error open_cell(struct cp_context *context, const char *cell, struct heal *heal)
{
    PGresult *result;
    enum cc_error error = cp_sql(
        context, &result,
        "SELECT country, number, template, target, (SELECT count(*) FROM primary_moves m WHERE "
        "m.cell = c.cell), (SELECT count(*) FROM runs WHERE subject = cell AND finished_at IS NULL "
        "AND transition_table = 'cell_create') FROM cells c WHERE cell = $1",
        CP_PARAMETERS(cell));
    if (!error && PQntuples(result) == 0)
        error = cp_unknown_cell(context, cell);
    if (!error && (cp_sql_integer(result, 0, 4) || cp_sql_integer(result, 0, 5)))
        error = cp_fail(context, CC_CONFLICT,
                        "a command about %s was begun and not finished: give it again first; see: "
                        "callcell transitions list",
                        cell);
    if (error)
        return error;
    heal->create = (struct cp_cell_create){.context = context,
                                           .country = cp_sql_value(result, 0, 0),
                                           .cell = cell,
                                           .template_name = cp_sql_value(result, 0, 2),
                                           .target = cp_target_find(cp_sql_value(result, 0, 3)),
                                           .number = (int)cp_sql_integer(result, 0, 1)};
    cp_sites_read(context, cell, &heal->sites);
    return cp_template_find(context, heal->create.template_name, heal->create.country,
                            &heal->create.template);
}

enum cc_error cp_cell_heal(struct cp_context *context, const char *cell, size_t *found)
{
    struct heal heal = {.found = 0};
    enum cc_error error = open_cell(context, cell, &heal);
    if (!error)
        error = look(&heal);
    *found = heal.found;
    return error
               ? error
               : cp_run(context, &(struct cp_run_request){
                                     .table = &cp_cell_heal_table, .subject = cell, .data = &heal});
}
