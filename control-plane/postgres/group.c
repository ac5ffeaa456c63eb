#include "control-plane/postgres/group.h"

#include "base/io/loop.h"
#include "control-plane/files.h"
#include "control-plane/ports.h"
#include "control-plane/pq.h"
#include "control-plane/process.h"

enum { SETTLE_MS = 60 * 1000, CONNECT_MS = 2000, PAUSE_MS = 50, WHY_MAX = 512 };

/* pg_autoctl keeps its files where XDG says; passwords come from the passfile, never from an
 * argument. */
static const char *const *environment_of(const struct cp_postgres_group *group, const char *folder,
                                         const char *secrets_folder)
{
    struct cp_context *context = group->context;
    const char **environment = cp_alloc(context, 8 * sizeof(*environment));
    size_t at = 0;
    environment[at++] = "PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin";
    environment[at++] = "LC_ALL=C.UTF-8";
    environment[at++] = cp_format(context, "PGHOST=%s", group->socket_folder);
    environment[at++] = cp_format(context, "PGPASSFILE=%s/pgpass", secrets_folder);
    environment[at++] = cp_format(context, "XDG_CONFIG_HOME=%s/config", folder);
    environment[at++] = cp_format(context, "XDG_DATA_HOME=%s/data", folder);
    environment[at++] = cp_format(context, "XDG_RUNTIME_DIR=%s/run", folder);
    return environment;
}

void cp_postgres_group_place(struct cp_postgres_group *group, enum cp_postgres_part part,
                             const char *folder, const char *service, int port)
{
    static const char *const names[] = {"monitor", "node1", "node2"};
    struct cp_context *context = group->context;
    struct cp_postgres_place *place = &group->places[part];
    *place =
        (struct cp_postgres_place){.name = names[part],
                                   .service = service,
                                   .port = port,
                                   .folder = cp_format(context, "%s/pg", folder),
                                   .secrets_folder = cp_format(context, "%s/etc/postgres", folder)};
    place->data = cp_format(context, "%s/%s/data", place->folder, place->name);
    place->environment = environment_of(group, place->folder, place->secrets_folder);
    if (part == CP_POSTGRES_MONITOR) {
        group->pooler.service = cp_format(context, "%s-pooler", service);
        group->pooler.port = cp_ports_pooler(port);
    }
}

void cp_postgres_group_init(struct cp_postgres_group *group, struct cp_context *context,
                            const struct cp_target *target, const char *name, const char *folder,
                            const int ports[CP_POSTGRES_PARTS])
{
    static const char *const names[] = {"monitor", "node1", "node2"};
    *group = (struct cp_postgres_group){.context = context,
                                        .target = target,
                                        .name = name,
                                        .roles = "",
                                        .socket_roles = "",
                                        .more_settings = "",
                                        .buffers_megabytes = 32};
    group->secrets_folder = cp_format(context, "%s/etc/postgres", folder);
    group->socket_folder = cp_format(context, "%s/pg/sock", folder);
    group->log = cp_path(context, "log/provision-%s.log", name);
    for (int i = 0; i < CP_POSTGRES_PARTS; i++)
        cp_postgres_group_place(group, i, folder, cp_format(context, "%s-%s", name, names[i]),
                                ports[i]);
}

const char *cp_postgres_conninfo(struct cp_postgres_group *group, enum cp_postgres_part part,
                                 const char *database)
{
    return cp_format(group->context, "host='%s' port=%d dbname=%s connect_timeout=2",
                     group->socket_folder, group->places[part].port, database);
}

int cp_postgres_conninfos(struct cp_postgres_group *group, enum cp_postgres_part part,
                          const char *database, const char *out[2])
{
    if (part != CP_POSTGRES_PRIMARY) {
        out[0] = cp_postgres_conninfo(group, part, database);
        return 1;
    }
    for (int node = CP_POSTGRES_NODE_1; node < CP_POSTGRES_PARTS; node++)
        out[node - 1] =
            cp_format(group->context, "%s target_session_attrs=read-write",
                      cp_postgres_conninfo(group, (enum cp_postgres_part)node, database));
    return 2;
}

PGconn *cp_postgres_try(struct cp_postgres_group *group, enum cp_postgres_part part,
                        const char *database)
{
    const char *conninfos[2];
    int count = cp_postgres_conninfos(group, part, database, conninfos);
    return cp_pq_connect(conninfos, count, CONNECT_MS);
}

enum cc_error cp_postgres_connect(struct cp_postgres_group *group, enum cp_postgres_part part,
                                  const char *database, PGconn **out)
{
    char why[WHY_MAX] = "";
    const char *conninfos[2];
    int count = cp_postgres_conninfos(group, part, database, conninfos);
    int64_t until_us = cc_monotonic_us() + (int64_t)SETTLE_MS * 1000;
    while (!(*out = cp_pq_connect_or_why(conninfos, count, CONNECT_MS, why, sizeof(why)))) {
        if (cc_monotonic_us() >= until_us)
            return cp_fail(group->context, CC_UNAVAILABLE, "Postgres of %s: %s", group->name, why);
        cp_pause_ms(PAUSE_MS);
    }
    return CC_OK;
}

enum cc_error cp_postgres_execute(struct cp_postgres_group *group, PGconn *connection,
                                  const char *sql)
{
    PGresult *result = cp_pq_query(connection, sql, NULL, 0, CP_POSTGRES_EXECUTE_MS);
    ExecStatusType status = PQresultStatus(result);
    enum cc_error error = CC_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        error = cp_fail(group->context, CC_PROTOCOL, "Postgres of %s: %s", group->name,
                        cp_pq_trouble(connection, result));
    PQclear(result);
    return error;
}

enum cc_error cp_postgres_set_password(struct cp_postgres_group *group, PGconn *connection,
                                       const char *role, const char *password)
{
    char *verifier = PQencryptPasswordConn(connection, password, role, "scram-sha-256");
    if (!verifier)
        return cp_fail(group->context, CC_CRYPTO, "cannot make a SCRAM verifier");
    enum cc_error error = cp_postgres_execute(
        group, connection,
        cp_format(group->context, "ALTER ROLE %s PASSWORD '%s'", role, verifier));
    PQfreemem(verifier);
    return error;
}

enum cc_error cp_postgres_password(struct cp_postgres_group *group, const char *role,
                                   const char **out)
{
    return cp_secret_ensure(
        group->context, cp_format(group->context, "%s/%s.password", group->secrets_folder, role),
        out);
}

enum cc_error cp_postgres_run(struct cp_postgres_group *group, enum cp_postgres_part part,
                              const char *const *argv, int timeout_s)
{
    return cp_process_run(group->context,
                          &(struct cp_process){.argv = argv,
                                               .environment = group->places[part].environment,
                                               .timeout_s = timeout_s,
                                               .log = group->log});
}
