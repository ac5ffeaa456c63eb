/*
 * pg_auto_failover would write "trust" lines itself, hence --skip-pg-hba and our own pg_hba.conf in
 * front. Our settings stand in a file of their own, callcell.conf, which postgresql.conf includes:
 * it can be compared and written anew.
 */
#include "control-plane/postgres/make.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control-plane/files.h"
#include "control-plane/migrations.h"
#include "control-plane/postgres/pooler.h"
#include "control-plane/postgres/promote.h"
#include "control-plane/pq.h"

enum { MONITOR_MEGABYTES = 32, PRIMARY_WAIT_S = 10 };

/* A node counts as lost when its keeper has not reported for the considered-unhealthy timeout and
 * its Postgres has refused the health check three times or not answered it, within 3.5 s: each
 * check costs a Postgres backend, and on a machine with two cells on two cores a timeout of 2.5 s
 * has failed over a primary that was only slow. A short demote timeout is safe: what keeps an old
 * primary from acknowledging is that its commits wait for the replica. The grace period counts from
 * the monitor's start: with 2 s a start of the whole machine ended in a failover. Times to the
 * first write: docs/recovery-times.md. */
const char *const cp_postgres_monitor_settings[] = {"health_check_period = 1000",
                                                    "health_check_timeout = 700",
                                                    "health_check_max_retries = 2",
                                                    "health_check_retry_delay = 200",
                                                    "startup_grace_period = 10000",
                                                    "primary_demote_timeout = 1000",
                                                    "node_considered_unhealthy_timeout = 3000",
                                                    NULL};

/* What pg_autoctl and replication log in with. */
static enum cc_error write_passfiles(struct cp_postgres_group *group)
{
    const char *monitor = NULL, *replicator = NULL, *other = "";
    struct cp_context *context = group->context;
    enum cc_error error = cp_postgres_password(group, "autoctl_node", &monitor);
    if (!error)
        error = cp_postgres_password(group, "replicator", &replicator);
    if (error)
        return error;
    if (group->other_pooler_port)
        other = cp_format(context, "127.0.0.1:%d:pg_auto_failover:autoctl_node:%s\n",
                          group->other_pooler_port, monitor);
    const char *text =
        cp_format(context,
                  "127.0.0.1:%d:pg_auto_failover:autoctl_node:%s\n%s"
                  "127.0.0.1:%d:*:pgautofailover_replicator:%s\n"
                  "127.0.0.1:%d:*:pgautofailover_replicator:%s\n",
                  group->pooler.port, monitor, other, group->places[CP_POSTGRES_NODE_1].port,
                  replicator, group->places[CP_POSTGRES_NODE_2].port, replicator);
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++)
        error =
            cp_file_write(context, cp_format(context, "%s/pgpass", group->places[i].secrets_folder),
                          cc_slice_of(text), 0600);
    return error;
}

static enum cc_error make_folders(struct cp_postgres_group *group,
                                  const struct cp_postgres_place *place)
{
    static const char *const folders[] = {"config", "data", "run"};
    enum cc_error error = cp_folder_make(group->context, place->secrets_folder);
    for (size_t i = 0; !error && i < sizeof(folders) / sizeof(folders[0]); i++)
        error = cp_folder_make(group->context,
                               cp_format(group->context, "%s/%s", place->folder, folders[i]));
    return error ? error
                 : cp_folder_make(group->context,
                                  cp_format(group->context, "%s/%s", place->folder, place->name));
}

enum cc_error cp_postgres_prepare(struct cp_postgres_group *group)
{
    enum cc_error error = cp_folder_make(group->context, group->secrets_folder);
    if (!error)
        error = cp_folder_make(group->context, group->socket_folder);
    for (size_t i = 0; !error && i < CP_POSTGRES_PARTS; i++)
        error = make_folders(group, &group->places[i]);
    return error ? error : write_passfiles(group);
}

/* pg_autoctl sizes memory for a machine of its own; our share comes from the template. syncfs:
 * after a crash Postgres syncs each of its files by default, which took 3-5 s and so ended in a
 * failover; with one call for the whole file system writes were back within 0.4-0.9 s (10 times).
 * checkpoint_timeout: what was written since the last one is what a crash has to do again.
 * wal_keep_size: pg_autoctl would keep 8 GB on each node at all times; what a replica lacks its
 * slot keeps. max_slot_wal_keep_size: a replica that is gone for good must not fill the primary's
 * disk; one that lacks more than this comes back by cell heal. */
const char *cp_postgres_settings(struct cp_postgres_group *group, int64_t buffers_megabytes)
{
    return cp_format(group->context,
                     "unix_socket_directories = '%s'\n"
                     "unix_socket_permissions = 0700\n"
                     "listen_addresses = '127.0.0.1'\n"
                     "password_encryption = 'scram-sha-256'\n"
                     "shared_buffers = '%lldMB'\n"
                     "work_mem = '8MB'\n"
                     "maintenance_work_mem = '64MB'\n"
                     "max_connections = 100\n"
                     "wal_retrieve_retry_interval = '100ms'\n"
                     "wal_receiver_status_interval = '1s'\n"
                     "client_connection_check_interval = '1s'\n"
                     "recovery_init_sync_method = 'syncfs'\n"
                     "checkpoint_timeout = '1min'\n"
                     "wal_keep_size = '64MB'\n"
                     "max_slot_wal_keep_size = '8GB'\n"
                     "log_statement = 'none'\n"
                     "logging_collector = off\n",
                     group->socket_folder, (long long)buffers_megabytes);
}

static enum cc_error write_settings(struct cp_postgres_group *group, const char *data,
                                    const char *hba, const char *settings)
{
    struct cp_context *context = group->context;
    struct cc_slice base = {0};
    const char *file = cp_format(context, "%s/postgresql.conf", data);
    enum cc_error error = cp_file_read(context, file, &base);
    if (!error)
        error = cp_file_write(
            context, file,
            cc_slice_of(cp_format(context, "%s\ninclude 'callcell.conf'\n", base.data)), 0600);
    if (!error)
        error = cp_file_write(context, cp_format(context, "%s/callcell.conf", data),
                              cc_slice_of(settings), 0600);
    return error ? error
                 : cp_file_write(context, cp_format(context, "%s/pg_hba.conf", data),
                                 cc_slice_of(hba), 0600);
}

static enum cc_error initialise(struct cp_postgres_group *group, enum cp_postgres_part part,
                                const char *hba, const char *settings)
{
    struct cp_context *context = group->context;
    const char *data = group->places[part].data;
    const char *version = cp_format(context, "%s/PG_VERSION", data);
    const char *marker = cp_format(context, "%s.initialised", data);
    const char *const argv[] = {"initdb",
                                "-D",
                                data,
                                "--auth-local=peer",
                                "--auth-host=scram-sha-256",
                                "-E",
                                "UTF8",
                                "--locale=C.UTF-8",
                                "--data-checksums",
                                NULL};
    if (cp_file_exists(version) && cp_file_exists(marker))
        return CC_OK;
    enum cc_error error = cp_tree_remove(context, data);
    if (!error)
        error = cp_postgres_run(group, part, argv, CP_POSTGRES_RUN_S);
    if (!error)
        error = write_settings(group, data, hba, settings);
    return error ? error : cp_file_write(context, marker, cc_slice("", 0), 0600);
}

/* Over its socket the home's owner may be autoctl_node: the monitor that listens to itself, and its
 * pooler. */
static enum cc_error map_owner_to_autoctl(struct cp_postgres_group *group, const char *data)
{
    struct cp_context *context = group->context;
    const struct passwd *owner = getpwuid(geteuid());
    if (!owner)
        return cp_fail(context, CC_NOT_FOUND, "user id %d has no name", (int)geteuid());
    const char *map = cp_format(context, "monitor \"%s\" autoctl_node\n", owner->pw_name);
    return cp_file_write(context, cp_format(context, "%s/pg_ident.conf", data), cc_slice_of(map),
                         0600);
}

/* A standby that is up before its primary passes for the better one, and is promoted: a restart of
 * the machine would move the primary (docs/adr/0017). */
static const char *wait_for_primary(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    if (part == CP_POSTGRES_MONITOR)
        return NULL;
    enum cp_postgres_part other =
        part == CP_POSTGRES_NODE_1 ? CP_POSTGRES_NODE_2 : CP_POSTGRES_NODE_1;
    return cp_format(group->context,
                     "until=$(($(date +%%s) + %d))\n"
                     "while [ -e '%s/standby.signal' ] && [ \"$(date +%%s)\" -lt $until ] &&\n"
                     "    ! pg_isready -q -h 127.0.0.1 -p %d -t 1; do\n"
                     "    sleep 0.1\n"
                     "done\n",
                     PRIMARY_WAIT_S, group->places[part].data, group->places[other].port);
}

static enum cc_error install(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    const struct cp_postgres_place *place = &group->places[part];
    const char *const argv[] = {"/usr/bin/pg_autoctl", "run", "--pgdata", place->data, NULL};
    struct cp_service service = {.name = place->service,
                                 .argv = argv,
                                 .environment = place->environment,
                                 .folder = group->socket_folder,
                                 .first = wait_for_primary(group, part)};
    return group->target->install(group->context, &service);
}

/* The supervisor looks for new services every few seconds: those of the nodes are there by the time
 * that they are started. */
static enum cc_error install_all(struct cp_postgres_group *group)
{
    enum cc_error error = CC_OK;
    for (int part = 0; !error && part < CP_POSTGRES_PARTS; part++)
        error = install(group, (enum cp_postgres_part)part);
    return error ? error : cp_postgres_pooler_install(group);
}

static enum cc_error install_and_start(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    enum cc_error error = install(group, part);
    return error ? error : group->target->start(group->context, group->places[part].service);
}

static enum cc_error create_monitor(struct cp_postgres_group *group)
{
    const enum cp_postgres_part part = CP_POSTGRES_MONITOR;
    const struct cp_postgres_place *place = &group->places[part];
    const char *port = cp_format(group->context, "%d", place->port);
    const char *const make[] = {"pg_autoctl", "create",        "monitor",  "--pgdata",
                                place->data,  "--pgport",      port,       "--hostname",
                                "127.0.0.1",  "--skip-pg-hba", "--no-ssl", NULL};
    const char *const listen[] = {
        "pg_autoctl", "config",   "set",       "postgresql.listen_addresses",
        "127.0.0.1",  "--pgdata", place->data, NULL};
    const char *hba = "local pg_auto_failover autoctl_node peer map=monitor\n"
                      "local all all peer\n";
    enum cc_error error =
        initialise(group, part, hba, cp_postgres_settings(group, MONITOR_MEGABYTES));
    if (!error)
        error = map_owner_to_autoctl(group, place->data);
    if (!error)
        error = cp_postgres_run(group, part, make, CP_POSTGRES_RUN_S);
    return error ? error : cp_postgres_run(group, part, listen, CP_POSTGRES_RUN_S);
}

enum cc_error cp_postgres_make_monitor(struct cp_postgres_group *group)
{
    const struct cp_postgres_place *place = &group->places[CP_POSTGRES_MONITOR];
    const char *created = cp_format(group->context, "%s.created", place->data);
    enum cc_error error = CC_OK;
    if (!cp_file_exists(created)) {
        error = install_all(group);
        if (!error)
            error = create_monitor(group);
        if (!error)
            error = cp_file_write(group->context, created, cc_slice("", 0), 0600);
    }
    if (!error)
        error = install_and_start(group, CP_POSTGRES_MONITOR);
    return error ? error : cp_postgres_pooler_start(group);
}

enum cc_error cp_postgres_tune_monitor(struct cp_postgres_group *group)
{
    PGconn *connection = NULL;
    const char *password = NULL;
    enum cc_error error = cp_postgres_password(group, "autoctl_node", &password);
    if (!error)
        error = cp_postgres_connect(group, CP_POSTGRES_MONITOR, "pg_auto_failover", &connection);
    if (!error)
        error = cp_postgres_set_password(group, connection, "autoctl_node", password);
    for (size_t i = 0; !error && cp_postgres_monitor_settings[i]; i++)
        error = cp_postgres_execute(group, connection,
                                    cp_format(group->context, "ALTER SYSTEM SET pgautofailover.%s",
                                              cp_postgres_monitor_settings[i]));
    if (!error)
        error = cp_postgres_execute(group, connection, "SELECT pg_reload_conf()");
    if (!error)
        error = cp_migrate(group->context, connection, CP_MIGRATIONS_MONITOR);
    PQfinish(connection);
    return error;
}

static enum cc_error create_node(struct cp_postgres_group *group, enum cp_postgres_part part,
                                 int timeout_s)
{
    struct cp_context *context = group->context;
    const struct cp_postgres_place *place = &group->places[part];
    const char *created = cp_format(context, "%s.created", place->data);
    if (cp_file_exists(created))
        return CC_OK;
    const char *monitor = cp_format(
        context, "postgresql://autoctl_node@127.0.0.1:%d/pg_auto_failover?sslmode=disable",
        group->pooler.port);
    const char *port = cp_format(context, "%d", place->port);
    const char *const make[] = {
        "pg_autoctl", "create",        "postgres",           "--pgdata",  place->data, "--pgport",
        port,         "--pghost",      group->socket_folder, "--listen",  "127.0.0.1", "--hostname",
        "127.0.0.1",  "--name",        place->name,          "--monitor", monitor,     "--dbname",
        "postgres",   "--skip-pg-hba", "--no-ssl",           NULL};
    /* A cut-off primary stops itself before the other one is promoted. */
    const char *const partition[] = {
        "pg_autoctl", "config",   "set",       "timeout.network_partition_timeout",
        "4",          "--pgdata", place->data, NULL};
    enum cc_error error = cp_postgres_run(group, part, make, timeout_s);
    if (!error)
        error = cp_postgres_run(group, part, partition, CP_POSTGRES_RUN_S);
    return error ? error : cp_file_write(context, created, cc_slice("", 0), 0600);
}

static const char *node_hba(struct cp_postgres_group *group)
{
    const char *clients = *group->roles
                              ? cp_format(group->context, "host %s %s 127.0.0.1/32 scram-sha-256\n",
                                          group->database, group->roles)
                              : "";
    const char *over_socket = *group->socket_roles
                                  ? cp_format(group->context, "local %s %s scram-sha-256\n",
                                              group->database, group->socket_roles)
                                  : "";
    return cp_format(
        group->context,
        "%s"
        "local all all peer\n"
        "%s"
        "host replication,postgres pgautofailover_replicator 127.0.0.1/32 scram-sha-256\n"
        "host postgres pgautofailover_monitor 127.0.0.1/32 scram-sha-256\n",
        over_socket, clients);
}

enum cc_error cp_postgres_make_primary(struct cp_postgres_group *group)
{
    PGconn *connection = NULL;
    const char *password = NULL;
    const char *settings =
        cp_format(group->context, "%s%s", cp_postgres_settings(group, group->buffers_megabytes),
                  group->more_settings);
    enum cc_error error = initialise(group, CP_POSTGRES_NODE_1, node_hba(group), settings);
    if (!error)
        error = create_node(group, CP_POSTGRES_NODE_1, CP_POSTGRES_RUN_S);
    if (!error)
        error = install_and_start(group, CP_POSTGRES_NODE_1);
    if (!error)
        error = cp_postgres_password(group, "replicator", &password);
    if (!error)
        error = cp_postgres_connect(group, CP_POSTGRES_NODE_1, "postgres", &connection);
    if (!error)
        error = cp_postgres_set_password(group, connection, "pgautofailover_replicator", password);
    PQfinish(connection);
    return error;
}

/* Registers the node and copies the primary: a terabyte at 50 MB a second. */
enum { BASE_BACKUP_S = 6 * 3600 };

enum cc_error cp_postgres_make_replica(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    const struct cp_postgres_place *place = &group->places[node];
    struct cp_context *context = group->context;
    enum cc_error error = CC_OK;
    /* A base backup cut short by a kill is taken anew. */
    if (!cp_file_exists(cp_format(context, "%s.created", place->data)) &&
        !cp_file_exists(cp_format(context, "%s/standby.signal", place->data)))
        error = cp_tree_remove(context, place->data);
    if (!error)
        error = create_node(group, node, BASE_BACKUP_S);
    return error ? error : install_and_start(group, node);
}

enum cc_error cp_postgres_run_node(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    enum cc_error error = create_node(group, node, CP_POSTGRES_RUN_S);
    return error ? error : install_and_start(group, node);
}

/* pg_autoctl keeps a node's configuration and state apart from its data, by the data's path. */
/* <data>.before: until the next time, should it turn out that something in it was wanted. */
static enum cc_error set_aside(struct cp_context *context, const char *data)
{
    const char *before = cp_format(context, "%s.before", data);
    if (!cp_file_exists(data))
        return CC_OK;
    enum cc_error error = cp_tree_remove(context, before);
    if (!error && rename(data, before))
        error = cp_fail(context, CC_IO, "cannot set %s aside: %s", data, strerror(errno));
    return error;
}

enum cc_error cp_postgres_remake_replica(struct cp_postgres_group *group,
                                         enum cp_postgres_part node)
{
    const struct cp_postgres_place *place = &group->places[node];
    struct cp_context *context = group->context;
    const char *again = cp_format(context, "%s.again", place->data);
    enum cc_error error = CC_OK;
    if (!cp_file_exists(again)) {
        cp_postgres_fence(group, node);
        error = cp_tree_remove(context, cp_format(context, "%s.created", place->data));
        if (!error)
            error = cp_tree_remove(
                context, cp_format(context, "%s/config/pg_autoctl%s", place->folder, place->data));
        if (!error)
            error = cp_tree_remove(
                context, cp_format(context, "%s/data/pg_autoctl%s", place->folder, place->data));
        if (!error)
            error = set_aside(context, place->data);
        if (!error)
            error = cp_file_write(context, again, cc_slice("", 0), 0600);
    }
    if (!error)
        error = cp_postgres_make_replica(group, node);
    return error ? error : cp_tree_remove(context, again);
}

enum cc_error cp_postgres_make_database(struct cp_postgres_group *group)
{
    PGconn *connection = NULL;
    enum cc_error error = cp_postgres_connect(group, CP_POSTGRES_PRIMARY, "postgres", &connection);
    if (error)
        return error;
    const char *const name[] = {group->database};
    PGresult *result = cp_pq_query(connection, "SELECT 1 FROM pg_database WHERE datname = $1", name,
                                   1, CP_POSTGRES_ASK_MS);
    bool there = PQntuples(result) == 1;
    PQclear(result);
    if (!there)
        error = cp_postgres_execute(
            group, connection, cp_format(group->context, "CREATE DATABASE %s", group->database));
    if (!error)
        error = cp_postgres_execute(
            group, connection,
            cp_format(group->context, "REVOKE ALL ON DATABASE %s FROM PUBLIC", group->database));
    PQfinish(connection);
    return error;
}
