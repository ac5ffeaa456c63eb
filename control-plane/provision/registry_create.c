/* Rim: processes and files of the home. */
#include "control-plane/provision/registry_create.h"

#include "control-plane/backup/repository.h"
#include "control-plane/files.h"
#include "control-plane/migrations.h"
#include "control-plane/postgres/make.h"
#include "control-plane/postgres/pooler.h"
#include "control-plane/postgres/state.h"
#include "control-plane/process.h"
#include "control-plane/registry.h"
#include "control-plane/targets/local.h"

enum { EARLIER_S = 120, BUFFERS_MEGABYTES = 64 };

void cp_registry_group(struct cp_context *context, struct cp_postgres_group *out)
{
    const int ports[] = {cp_port(context, cp_ports_registry_monitor()),
                         cp_port(context, cp_ports_registry_node(1)),
                         cp_port(context, cp_ports_registry_node(2))};
    cp_postgres_group_init(out, context, &cp_target_local, "registry", cp_path(context, "registry"),
                           ports);
    out->database = "registry";
    out->socket_roles = "serve";
    struct cp_repository repository;
    cp_repository_of_registry(context, &repository);
    out->more_settings = cp_repository_postgres_settings(&repository);
    out->buffers_megabytes = BUFFERS_MEGABYTES;
}

enum cc_error cp_registry_install(struct cp_context *context)
{
    struct cp_postgres_group group;
    cp_registry_group(context, &group);
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++) {
        const struct cp_postgres_place *place = &group.places[i];
        const char *const argv[] = {"/usr/bin/pg_autoctl", "run", "--pgdata", place->data, NULL};
        error =
            cp_target_local.install(context, &(struct cp_service){.name = place->service,
                                                                  .argv = argv,
                                                                  .environment = place->environment,
                                                                  .folder = group.socket_folder});
    }
    return error ? error : cp_postgres_pooler_install(&group);
}

static enum cc_error make_role(struct cp_postgres_group *group)
{
    PGconn *connection = NULL;
    const char *password = NULL;
    enum cc_error error = cp_postgres_password(group, "serve", &password);
    if (!error)
        error = cp_postgres_connect(group, CP_POSTGRES_PRIMARY, "registry", &connection);
    if (!error)
        error = cp_postgres_set_password(group, connection, "serve", password);
    PQfinish(connection);
    return error;
}

/* The stanza is made by the backups agent (backup/agent.c): nothing is archived before the first
 * segment is full or a minute old, and init need not wait for it. */
static enum cc_error make_primary(struct cp_postgres_group *group)
{
    struct cp_repository repository;
    cp_repository_of_registry(group->context, &repository);
    enum cc_error error = cp_postgres_prepare(group);
    if (!error)
        error = cp_repository_prepare(&repository);
    if (!error)
        error = cp_postgres_make_monitor(group);
    if (!error)
        error = cp_postgres_tune_monitor(group);
    if (!error)
        error = cp_postgres_make_primary(group);
    return error ? error : cp_postgres_make_database(group);
}

/* Once made it is only started: after a failover node 1 is a replica, and has no passwords to
 * set. */
enum cc_error cp_registry_create(struct cp_context *context)
{
    struct cp_postgres_group group;
    const char *made = cp_path(context, "etc/registry.made");
    bool was_made = cp_file_exists(made);
    cp_registry_group(context, &group);
    enum cc_error error = cp_process_wait_earlier(context, group.log, EARLIER_S);
    if (!error)
        error = was_made ? cp_registry_start(context) : make_primary(&group);
    if (!error)
        error = cp_registry_open(context);
    if (!error)
        error = cp_migrate(context, context->registry, CP_MIGRATIONS_CONTROL);
    if (!error && !was_made)
        error = make_role(&group);
    if (!error && !was_made)
        error = cp_file_write(context, made, cc_slice("", 0), 0600);
    return error;
}

/* The base backup begins with a checkpoint that takes its time over what is not yet on disk:
 * measured 99 s after the migrations, none after a checkpoint of ours. */
enum cc_error cp_registry_replicate(struct cp_context *context)
{
    struct cp_postgres_group group;
    cp_registry_group(context, &group);
    const char *data = group.places[CP_POSTGRES_NODE_2].data;
    enum cc_error error = CC_OK;
    if (!cp_file_exists(cp_format(context, "%s.created", data)))
        error = cp_sql_run(context, "CHECKPOINT", CP_NO_PARAMETERS);
    return error ? error : cp_postgres_make_replica(&group, CP_POSTGRES_NODE_2);
}

enum cc_error cp_registry_refuse_old_home(struct cp_context *context)
{
    if (!cp_file_exists(cp_path(context, "registry/pg/node1/PG_VERSION")))
        return CC_OK;
    return cp_fail(context, CC_UNSUPPORTED,
                   "%s was made when a node's data were not yet in pg/<node>/data (ADR 22): this "
                   "version cannot run it; use the version that made it, or make a new home",
                   context->home);
}

enum cc_error cp_registry_start(struct cp_context *context)
{
    struct cp_postgres_group group;
    cp_registry_group(context, &group);
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++) {
        const struct cp_postgres_place *place = &group.places[i];
        if (cp_file_exists(cp_format(context, "%s.created", place->data)))
            error = cp_target_local.start(context, place->service);
    }
    if (!error &&
        cp_file_exists(cp_format(context, "%s.created", group.places[CP_POSTGRES_MONITOR].data)))
        error = cp_postgres_pooler_start(&group);
    return error;
}

enum cc_error cp_registry_wait_replicated(struct cp_context *context)
{
    struct cp_postgres_group group;
    cp_registry_group(context, &group);
    enum cc_error error = cp_postgres_wait_streaming(&group);
    return error ? error : cp_postgres_wait_synchronous(&group);
}
