/*
 * A cell's Postgres (control-plane/postgres/): which database, which roles, which migrations.
 */
#include <stdio.h>

#include "control-plane/backup/repository.h"
#include "control-plane/migrations.h"
#include "control-plane/postgres/make.h"
#include "control-plane/postgres/state.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"

/* Node 1 is at site a and node 2 at site b, wherever the primary is; the monitor is at the active
 * site, where it sees what callers see (docs/adr/0013). The sockets are the machine's: both nodes
 * have the same settings, which a rewind copies. */
static void place_at_sites(struct cp_postgres_group *group, const struct cp_sites *sites,
                           int number)
{
    struct cp_context *context = group->context;
    const char *below = cp_format(context, "cells/%s", group->name);
    const char *second = cp_site_path(context, CP_SITE_SECOND, below);
    const char *active = cp_site_path(context, sites->active, below);
    int monitor = cp_port(context, cp_ports_monitor(number));
    group->socket_folder = cp_cell_sockets(context, group->name);
    group->secrets_folder = cp_format(context, "%s/etc/postgres", active);
    group->other_pooler_port = cp_ports_pooler(cp_site_port(sites->standby, monitor));
    cp_postgres_group_place(
        group, CP_POSTGRES_MONITOR, active,
        cp_site_service(context, sites->active, cp_format(context, "%s-monitor", group->name)),
        cp_site_port(sites->active, monitor));
    cp_postgres_group_place(group, CP_POSTGRES_NODE_1, cp_path(context, "%s", below),
                            cp_format(context, "%s-node1", group->name),
                            cp_port(context, cp_ports_node(number, 1)));
    cp_postgres_group_place(
        group, CP_POSTGRES_NODE_2, second,
        cp_site_service(context, CP_SITE_SECOND, cp_format(context, "%s-node2", group->name)),
        cp_port(context, cp_ports_node(number, 2)));
}

void cp_cell_postgres(struct cp_context *context, const char *cell, int number,
                      const struct cp_target *target, struct cp_postgres_group *out)
{
    const int ports[] = {cp_port(context, cp_ports_monitor(number)),
                         cp_port(context, cp_ports_node(number, 1)),
                         cp_port(context, cp_ports_node(number, 2))};
    struct cp_sites sites;
    cp_sites_read(context, cell, &sites);
    cp_postgres_group_init(out, context, target, cell, cp_path(context, "cells/%s", cell), ports);
    if (sites.count == 2)
        place_at_sites(out, &sites, number);
    out->database = "cell";
    out->roles = "calls,events,directory";
    struct cp_repository repository;
    cp_repository_of_cell(context, cell, number, &repository);
    out->more_settings = cp_repository_postgres_settings(&repository);
}

static struct cp_postgres_group *group_of(struct cp_cell_create *create)
{
    struct cp_postgres_group *group = cp_alloc(create->context, sizeof(*group));
    cp_cell_postgres(create->context, create->cell, create->number, create->target, group);
    group->buffers_megabytes = create->template.postgres_megabytes;
    return group;
}

enum cc_error cp_cell_make_monitor(void *subject)
{
    return cp_postgres_make_monitor(group_of(subject));
}

enum cc_error cp_cell_tune_monitor(void *subject)
{
    return cp_postgres_tune_monitor(group_of(subject));
}

enum cc_error cp_cell_make_node1(void *subject)
{
    return cp_postgres_make_primary(group_of(subject));
}

enum cc_error cp_cell_make_node2(void *subject)
{
    return cp_postgres_make_replica(group_of(subject), CP_POSTGRES_NODE_2);
}

enum cc_error cp_cell_verify_streaming(void *subject)
{
    return cp_postgres_wait_streaming(group_of(subject));
}

enum cc_error cp_cell_verify_synchronous(void *subject)
{
    return cp_postgres_wait_synchronous(group_of(subject));
}

/* An evacuation leaves the engine with one node, and no wait gives it a second one. */
static enum cc_error wait_alone(struct cp_postgres_group *group, const char *cell,
                                enum cp_postgres_part node)
{
    enum cc_error error = cp_postgres_wait_writable(group, node);
    if (!error)
        (void)fprintf(stderr, "%s has no replica; run: callcell cell heal %s\n", cell, cell);
    return error;
}

enum cc_error cp_cell_wait_replicated(struct cp_context *context, const char *cell, int number)
{
    struct cp_postgres_group group;
    bool first = false, second = false;
    cp_cell_postgres(context, cell, number, NULL, &group);
    enum cc_error error = cp_postgres_is_known(&group, CP_POSTGRES_NODE_1, &first);
    if (!error)
        error = cp_postgres_is_known(&group, CP_POSTGRES_NODE_2, &second);
    if (!error && !first && !second)
        return cp_fail(context, CC_CONFLICT,
                       "%s's monitor knows no node: a move of its primary was cut short; give the "
                       "failover or evacuation again",
                       cell);
    if (!error && first != second)
        return wait_alone(&group, cell, first ? CP_POSTGRES_NODE_1 : CP_POSTGRES_NODE_2);
    if (!error)
        error = cp_postgres_wait_streaming(&group);
    return error ? error : cp_postgres_wait_synchronous(&group);
}

static enum cc_error set_role_passwords(struct cp_postgres_group *group, PGconn *connection)
{
    static const char *const roles[] = {"calls", "events", "directory"};
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < sizeof(roles) / sizeof(roles[0]); i++) {
        const char *password = NULL;
        error = cp_postgres_password(group, roles[i], &password);
        if (!error)
            error = cp_postgres_set_password(group, connection, roles[i], password);
        if (!error)
            error = cp_postgres_execute(
                group, connection,
                cp_format(group->context, "GRANT CONNECT ON DATABASE cell TO %s", roles[i]));
    }
    return error;
}

enum cc_error cp_cell_migrate(void *subject)
{
    struct cp_cell_create *create = subject;
    struct cp_postgres_group *group = group_of(create);
    PGconn *connection = NULL;
    enum cc_error error = cp_postgres_make_database(group);
    if (!error)
        error = cp_postgres_connect(group, CP_POSTGRES_PRIMARY, "cell", &connection);
    if (!error)
        error = cp_migrate(create->context, connection, CP_MIGRATIONS_CELL);
    if (!error)
        error = set_role_passwords(group, connection);
    PQfinish(connection);
    return error;
}
