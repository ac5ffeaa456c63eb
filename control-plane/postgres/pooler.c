/* Rim: files and processes of the home. */
#include "control-plane/postgres/pooler.h"

#include "base/io/loop.h"
#include "control-plane/files.h"
#include "control-plane/process.h"
#include "control-plane/targets/local.h"

enum { LISTENS_MS = 10 * 1000, PAUSE_MS = 50 };

/* PgBouncer asks the monitor as the home's owner, over the socket and without a password; a keeper
 * proves itself to PgBouncer as it did to the monitor. A session has a backend to itself, and
 * leaves nothing in it for the next one (DISCARD ALL, which also ends a LISTEN). While the monitor
 * is away a keeper hears so within a second: it has its Postgres to watch. */
static const char *settings_of(struct cp_postgres_group *group, const char *users)
{
    return cp_format(group->context,
                     "[databases]\n"
                     "pg_auto_failover = host='%s' port=%d\n"
                     "\n"
                     "[pgbouncer]\n"
                     "listen_addr = 127.0.0.1\n"
                     "listen_port = %d\n"
                     "unix_socket_dir =\n"
                     "auth_type = scram-sha-256\n"
                     "auth_file = %s\n"
                     "pool_mode = session\n"
                     "server_reset_query = DISCARD ALL\n"
                     "default_pool_size = 20\n"
                     "max_client_conn = 100\n"
                     "server_connect_timeout = 1\n"
                     "server_login_retry = 0.2\n"
                     "query_wait_timeout = 1\n"
                     "log_connections = 0\n"
                     "log_disconnections = 0\n"
                     "log_stats = 0\n",
                     group->socket_folder, group->places[CP_POSTGRES_MONITOR].port,
                     group->pooler.port, users);
}

static const char *settings_file(struct cp_postgres_group *group)
{
    return cp_format(group->context, "%s/pooler.ini",
                     group->places[CP_POSTGRES_MONITOR].secrets_folder);
}

static enum cc_error write_files(struct cp_postgres_group *group)
{
    struct cp_context *context = group->context;
    const char *password = NULL;
    const char *users =
        cp_format(context, "%s/pooler.users", group->places[CP_POSTGRES_MONITOR].secrets_folder);
    enum cc_error error = cp_postgres_password(group, "autoctl_node", &password);
    if (!error)
        error = cp_file_write(
            context, users, cc_slice_of(cp_format(context, "\"autoctl_node\" \"%s\"\n", password)),
            0600);
    return error ? error
                 : cp_file_write(context, settings_file(group),
                                 cc_slice_of(settings_of(group, users)), 0600);
}

static enum cc_error wait_until_it_listens(struct cp_postgres_group *group)
{
    const char *conninfo = cp_format(group->context,
                                     "host=127.0.0.1 port=%d dbname=pg_auto_failover "
                                     "user=autoctl_node sslmode=disable connect_timeout=2",
                                     group->pooler.port);
    int64_t until_us = cc_monotonic_us() + (int64_t)LISTENS_MS * 1000;
    while (PQping(conninfo) != PQPING_OK) {
        if (cc_monotonic_us() >= until_us)
            return cp_fail(group->context, CC_TIMEOUT,
                           "%s does not listen on port %d after %d s; see log/%s/current",
                           group->pooler.service, group->pooler.port, LISTENS_MS / 1000,
                           group->pooler.service);
        cp_pause_ms(PAUSE_MS);
    }
    return CC_OK;
}

enum cc_error cp_postgres_pooler_install(struct cp_postgres_group *group)
{
    const char *const argv[] = {"/usr/sbin/pgbouncer", "-q", settings_file(group), NULL};
    struct cp_service service = {.name = group->pooler.service, .argv = argv};
    return group->target->install(group->context, &service);
}

enum cc_error cp_postgres_pooler_start(struct cp_postgres_group *group)
{
    enum cc_error error = write_files(group);
    if (!error)
        error = cp_postgres_pooler_install(group);
    if (!error)
        error = group->target->start(group->context, group->pooler.service);
    return error ? error : wait_until_it_listens(group);
}

void cp_postgres_pooler_stop(struct cp_postgres_group *group)
{
    if (cp_file_exists(cp_local_service_folder(group->context, group->pooler.service)))
        (void)!group->target->kill(group->context, group->pooler.service);
}
