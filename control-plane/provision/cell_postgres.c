/*
 * A cell's Postgres: one monitor and two nodes under pg_auto_failover, as an unprivileged user.
 *
 * Nobody is trusted: over the socket only the home's owner comes in (peer), over TCP only named
 * roles with SCRAM and only to the database they need. pg_auto_failover would write "trust" lines
 * itself, hence
 * --skip-pg-hba and our own pg_hba.conf in front. All three share one socket folder: a base backup
 * copies the primary's postgresql.conf, so a folder of its own would not survive on the replica.
 */
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control-plane/files.h"
#include "control-plane/process.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"

enum { SETTLE_S = 60, PAUSE_MS = 50, PASSWORD_TEXT_MAX = 128 };

static enum cc_error run(struct cp_cell_create *create, const char *const *argv)
{
    return cp_process_run(
        create->context,
        &(struct cp_process){.argv = argv,
                             .environment = create->postgres_environment,
                             .timeout_s = 120,
                             .log =
                                 cp_path(create->context, "log/provision-%s.log", create->cell)});
}

static const char *data_of(struct cp_cell_create *create, const char *part)
{
    return cp_cell_path(create, cp_format(create->context, "pg/%s", part));
}

static int port_of(struct cp_cell_create *create, int node)
{
    return cp_port(create->context,
                   node ? cp_ports_node(create->number, node) : cp_ports_monitor(create->number));
}

/* A blocking connection over the socket as the home's owner; port 0: whichever node is the primary.
 */
static enum cc_error connect_to(struct cp_cell_create *create, int port, const char *database,
                                PGconn **out)
{
    struct cp_context *context = create->context;
    const char *sock = create->socket_folder;
    const char *conninfo =
        port ? cp_format(context, "host='%s' port=%d dbname=%s connect_timeout=3", sock, port,
                         database)
             : cp_format(context,
                         "host='%s,%s' port=%d,%d dbname=%s connect_timeout=3 "
                         "target_session_attrs=read-write",
                         sock, sock, port_of(create, 1), port_of(create, 2), database);
    for (int waited = 0;; waited += PAUSE_MS) {
        *out = PQconnectdb(conninfo);
        if (PQstatus(*out) == CONNECTION_OK)
            return CC_OK;
        const char *message = cp_format(context, "%s", PQerrorMessage(*out));
        PQfinish(*out);
        *out = NULL;
        if (waited >= SETTLE_S * 1000)
            return cp_fail(context, CC_UNAVAILABLE, "Postgres of %s: %s", create->cell, message);
        cp_pause_ms(PAUSE_MS);
    }
}

static enum cc_error execute(struct cp_cell_create *create, PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    enum cc_error error = CC_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        error = cp_fail(create->context, CC_PROTOCOL, "Postgres of %s: %s", create->cell,
                        PQresultErrorMessage(result));
    PQclear(result);
    return error;
}

/* Passwords are base64url and role names are ours: nothing in them needs quoting. The server gets
 * the SCRAM verifier, never the password, so that no log can hold it. */
static enum cc_error set_password(struct cp_cell_create *create, PGconn *connection,
                                  const char *role, const char *password)
{
    char *verifier = PQencryptPasswordConn(connection, password, role, "scram-sha-256");
    if (!verifier)
        return cp_fail(create->context, CC_CRYPTO, "cannot make a SCRAM verifier");
    enum cc_error error =
        execute(create, connection,
                cp_format(create->context, "ALTER ROLE %s PASSWORD '%s'", role, verifier));
    PQfreemem(verifier);
    return error;
}

static enum cc_error initialise(struct cp_cell_create *create, const char *data, const char *hba,
                                const char *settings)
{
    struct cp_context *context = create->context;
    const char *version = cp_format(context, "%s/PG_VERSION", data);
    const char *marker = cp_format(context, "%s.initialised", data);
    if (cp_file_exists(version) && cp_file_exists(marker))
        return CC_OK;
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
    enum cc_error error = cp_tree_remove(context, data);
    if (!error)
        error = run(create, argv);
    struct cc_slice base = {0};
    const char *file = cp_format(context, "%s/postgresql.conf", data);
    if (!error)
        error = cp_file_read(context, file, &base);
    if (!error)
        error = cp_file_write(context, file,
                              cc_slice_of(cp_format(context, "%s\n%s", base.data, settings)), 0600);
    if (!error)
        error = cp_file_write(context, cp_format(context, "%s/pg_hba.conf", data), cc_slice_of(hba),
                              0600);
    return error ? error : cp_file_write(context, marker, cc_slice("", 0), 0600);
}

/* pg_autoctl sizes memory for a machine of its own; a cell's share comes from its template. */
static const char *settings_text(struct cp_cell_create *create, int64_t megabytes)
{
    return cp_format(create->context,
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
                     "log_statement = 'none'\n"
                     "logging_collector = off\n",
                     create->socket_folder, (long long)megabytes);
}

static const char *owner_hba(struct cp_cell_create *create)
{
    return cp_format(create->context, "local all all peer\n");
}

/* The monitor listens to itself over its socket as autoctl_node: the home's owner may. */
static enum cc_error map_owner_to_autoctl(struct cp_cell_create *create, const char *data)
{
    struct cp_context *context = create->context;
    const struct passwd *owner = getpwuid(geteuid());
    if (!owner)
        return cp_fail(context, CC_NOT_FOUND, "user id %d has no name", (int)geteuid());
    const char *map = cp_format(context, "monitor \"%s\" autoctl_node\n", owner->pw_name);
    return cp_file_write(context, cp_format(context, "%s/pg_ident.conf", data), cc_slice_of(map),
                         0600);
}

static enum cc_error install_and_start(struct cp_cell_create *create, const char *part)
{
    const char *const argv[] = {"/usr/bin/pg_autoctl", "run", "--pgdata", data_of(create, part),
                                NULL};
    struct cp_service service = {.name = cp_cell_service(create, part),
                                 .argv = argv,
                                 .environment = create->postgres_environment};
    enum cc_error error = create->target->install(create->context, &service);
    return error ? error : create->target->start(create->context, service.name);
}

enum cc_error cp_cell_make_monitor(void *subject)
{
    struct cp_cell_create *create = subject;
    struct cp_context *context = create->context;
    const char *data = data_of(create, "monitor");
    const char *created = cp_format(context, "%s.created", data);
    const char *port = cp_format(context, "%d", port_of(create, 0));
    const char *const make[] = {"pg_autoctl", "create",        "monitor",  "--pgdata",
                                data,         "--pgport",      port,       "--hostname",
                                "127.0.0.1",  "--skip-pg-hba", "--no-ssl", NULL};
    const char *const listen[] = {"pg_autoctl", "config",   "set", "postgresql.listen_addresses",
                                  "127.0.0.1",  "--pgdata", data,  NULL};
    const char *hba = cp_format(context,
                                "local pg_auto_failover autoctl_node peer map=monitor\n"
                                "%shost pg_auto_failover autoctl_node 127.0.0.1/32 scram-sha-256\n",
                                owner_hba(create));
    enum cc_error error = CC_OK;
    if (!cp_file_exists(created)) {
        error = initialise(create, data, hba, settings_text(create, 32));
        if (!error)
            error = map_owner_to_autoctl(create, data);
        if (!error)
            error = run(create, make);
        if (!error)
            error = run(create, listen);
        if (!error)
            error = cp_file_write(context, created, cc_slice("", 0), 0600);
    }
    return error ? error : install_and_start(create, "monitor");
}

/* Measured on loopback, kill to first write: 4.3-5.0 s (Postgres alone), 5.4-5.5 s (node). The
 * grace period counts from the monitor's start: with 2 s a start of the whole machine ended in a
 * failover. */
enum cc_error cp_cell_tune_monitor(void *subject)
{
    static const char *const settings[] = {
        "health_check_period = 500",     "health_check_timeout = 500",
        "health_check_max_retries = 2",  "health_check_retry_delay = 200",
        "primary_demote_timeout = 2000", "node_considered_unhealthy_timeout = 3000",
        "startup_grace_period = 10000",
    };
    struct cp_cell_create *create = subject;
    PGconn *connection = NULL;
    const char *password = NULL;
    enum cc_error error = cp_secret_ensure(
        create->context, cp_cell_path(create, "etc/postgres/autoctl_node.password"), &password);
    if (!error)
        error = connect_to(create, port_of(create, 0), "pg_auto_failover", &connection);
    if (!error)
        error = set_password(create, connection, "autoctl_node", password);
    for (size_t i = 0; !error && i < sizeof(settings) / sizeof(settings[0]); i++)
        error =
            execute(create, connection,
                    cp_format(create->context, "ALTER SYSTEM SET pgautofailover.%s", settings[i]));
    if (!error)
        error = execute(create, connection, "SELECT pg_reload_conf()");
    PQfinish(connection);
    return error;
}

static enum cc_error create_node(struct cp_cell_create *create, const char *part, int node)
{
    struct cp_context *context = create->context;
    const char *data = data_of(create, part);
    const char *created = cp_format(context, "%s.created", data);
    if (cp_file_exists(created))
        return CC_OK;
    const char *monitor = cp_format(
        context, "postgresql://autoctl_node@127.0.0.1:%d/pg_auto_failover?sslmode=disable",
        port_of(create, 0));
    const char *port = cp_format(context, "%d", port_of(create, node));
    const char *const make[] = {"pg_autoctl",
                                "create",
                                "postgres",
                                "--pgdata",
                                data,
                                "--pgport",
                                port,
                                "--pghost",
                                create->socket_folder,
                                "--listen",
                                "127.0.0.1",
                                "--hostname",
                                "127.0.0.1",
                                "--name",
                                part,
                                "--monitor",
                                monitor,
                                "--dbname",
                                "postgres",
                                "--skip-pg-hba",
                                "--no-ssl",
                                NULL};
    /* A cut-off primary stops itself before the other one is promoted. */
    const char *const partition[] = {
        "pg_autoctl", "config",   "set", "timeout.network_partition_timeout",
        "4",          "--pgdata", data,  NULL};
    enum cc_error error = run(create, make);
    if (!error)
        error = run(create, partition);
    return error ? error : cp_file_write(context, created, cc_slice("", 0), 0600);
}

static const char *node_hba(struct cp_cell_create *create)
{
    return cp_format(
        create->context,
        "%s"
        "host cell calls,events,directory 127.0.0.1/32 scram-sha-256\n"
        "host replication,postgres pgautofailover_replicator 127.0.0.1/32 scram-sha-256\n"
        "host postgres pgautofailover_monitor 127.0.0.1/32 scram-sha-256\n",
        owner_hba(create));
}

enum cc_error cp_cell_make_node1(void *subject)
{
    struct cp_cell_create *create = subject;
    PGconn *connection = NULL;
    const char *password = NULL;
    enum cc_error error = initialise(create, data_of(create, "node1"), node_hba(create),
                                     settings_text(create, create->template.postgres_megabytes));
    if (!error)
        error = create_node(create, "node1", 1);
    if (!error)
        error = install_and_start(create, "node1");
    if (!error)
        error = cp_secret_ensure(
            create->context, cp_cell_path(create, "etc/postgres/replicator.password"), &password);
    if (!error)
        error = connect_to(create, port_of(create, 1), "postgres", &connection);
    if (!error)
        error = set_password(create, connection, "pgautofailover_replicator", password);
    PQfinish(connection);
    return error;
}

enum cc_error cp_cell_make_node2(void *subject)
{
    struct cp_cell_create *create = subject;
    const char *data = data_of(create, "node2");
    enum cc_error error = CC_OK;
    /* A base backup cut short by a kill is taken anew. */
    if (!cp_file_exists(cp_format(create->context, "%s.created", data)) &&
        !cp_file_exists(cp_format(create->context, "%s/standby.signal", data)))
        error = cp_tree_remove(create->context, data);
    if (!error)
        error = create_node(create, "node2", 2);
    return error ? error : install_and_start(create, "node2");
}

/* Asks the monitor until sql gives true. */
static enum cc_error wait_monitor(struct cp_cell_create *create, const char *sql, const char *what)
{
    PGconn *connection = NULL;
    enum cc_error error = connect_to(create, port_of(create, 0), "pg_auto_failover", &connection);
    for (int waited = 0; !error; waited += PAUSE_MS) {
        PGresult *result = PQexec(connection, sql);
        bool true_now = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
        PQclear(result);
        if (true_now)
            break;
        if (waited >= SETTLE_S * 1000)
            error =
                cp_fail(create->context, CC_TIMEOUT, "%s: %s not reached within %d s; see log/%s",
                        create->cell, what, SETTLE_S, cp_cell_service(create, "node2/current"));
        else
            cp_pause_ms(PAUSE_MS);
    }
    PQfinish(connection);
    return error;
}

enum cc_error cp_cell_verify_streaming(void *subject)
{
    return wait_monitor(subject,
                        "SELECT count(*) = 2 FROM pgautofailover.node "
                        "WHERE reportedstate = goalstate AND health = 1 "
                        "AND reportedstate IN ('primary', 'secondary')",
                        "one primary and one secondary");
}

enum cc_error cp_cell_wait_replicated(struct cp_context *context, const char *cell, int number)
{
    struct cp_cell_create create = {.context = context, .cell = cell, .number = number};
    create.socket_folder = cp_cell_path(&create, "pg/sock");
    enum cc_error error = cp_cell_verify_streaming(&create);
    return error ? error : cp_cell_verify_synchronous(&create);
}

enum cc_error cp_cell_verify_synchronous(void *subject)
{
    struct cp_cell_create *create = subject;
    PGconn *connection = NULL;
    enum cc_error error = connect_to(create, 0, "postgres", &connection);
    for (int waited = 0; !error; waited += PAUSE_MS) {
        PGresult *result =
            PQexec(connection, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' "
                               "AND sync_state IN ('sync', 'quorum')");
        bool synchronous = PQntuples(result) == 1 && PQgetvalue(result, 0, 0)[0] == '1';
        PQclear(result);
        if (synchronous)
            break;
        if (waited >= SETTLE_S * 1000)
            error = cp_fail(create->context, CC_TIMEOUT, "the replica of %s is not synchronous",
                            create->cell);
        else
            cp_pause_ms(PAUSE_MS);
    }
    PQfinish(connection);
    return error;
}

static enum cc_error make_database(struct cp_cell_create *create)
{
    PGconn *connection = NULL;
    enum cc_error error = connect_to(create, 0, "postgres", &connection);
    if (error)
        return error;
    PGresult *result = PQexec(connection, "SELECT 1 FROM pg_database WHERE datname = 'cell'");
    bool there = PQntuples(result) == 1;
    PQclear(result);
    if (!there)
        error = execute(create, connection, "CREATE DATABASE cell");
    if (!error)
        error = execute(create, connection, "REVOKE ALL ON DATABASE cell FROM PUBLIC");
    PQfinish(connection);
    return error;
}

static enum cc_error set_role_passwords(struct cp_cell_create *create, PGconn *connection)
{
    static const char *const roles[] = {"calls", "events", "directory"};
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < sizeof(roles) / sizeof(roles[0]); i++) {
        const char *password = NULL;
        error = cp_secret_ensure(
            create->context,
            cp_cell_path(create, cp_format(create->context, "etc/postgres/%s.password", roles[i])),
            &password);
        if (!error)
            error = set_password(create, connection, roles[i], password);
        if (!error)
            error = execute(
                create, connection,
                cp_format(create->context, "GRANT CONNECT ON DATABASE cell TO %s", roles[i]));
    }
    return error;
}

enum cc_error cp_cell_migrate(void *subject)
{
    struct cp_cell_create *create = subject;
    struct cp_context *context = create->context;
    PGconn *connection = NULL;
    enum cc_error error = make_database(create);
    if (!error)
        error = connect_to(create, 0, "cell", &connection);
    if (!error)
        error = cp_migrate(context, connection,
                           cp_format(context, "%s/migrations/cell", context->share));
    if (!error)
        error = set_role_passwords(create, connection);
    PQfinish(connection);
    return error;
}
