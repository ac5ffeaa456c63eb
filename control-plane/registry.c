#include "control-plane/registry.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "control-plane/files.h"
#include "control-plane/pq.h"
#include "control-plane/targets/local.h"

enum { START_WAIT_MS = 15000, CONNECT_MS = 2000, PAUSE_MS = 50 };

static const char *node_conninfo(struct cp_context *context, int node)
{
    return cp_format(context, "host='%s' port=%d dbname=registry target_session_attrs=read-write",
                     cp_path(context, "registry/pg/sock"),
                     cp_port(context, cp_ports_registry_node(node)));
}

const char *cp_registry_conninfo(struct cp_context *context)
{
    const char *sock = cp_path(context, "registry/pg/sock");
    return cp_format(context,
                     "host='%s,%s' port=%d,%d dbname=registry connect_timeout=5 "
                     "target_session_attrs=read-write",
                     sock, sock, cp_port(context, cp_ports_registry_node(1)),
                     cp_port(context, cp_ports_registry_node(2)));
}

const char *cp_registry_serve_conninfo(struct cp_context *context)
{
    return cp_format(context,
                     "host=127.0.0.1,127.0.0.1 port=%d,%d dbname=registry user=serve "
                     "sslmode=disable target_session_attrs=read-write",
                     cp_port(context, cp_ports_registry_node(1)),
                     cp_port(context, cp_ports_registry_node(2)));
}

enum cc_error cp_registry_try(struct cp_context *context, int timeout_ms)
{
    const char *const nodes[] = {node_conninfo(context, 1), node_conninfo(context, 2)};
    PQfinish(context->registry);
    context->registry = cp_pq_connect(nodes, 2, timeout_ms);
    return context->registry
               ? cp_sql_run(context, "SET client_min_messages = warning", CP_NO_PARAMETERS)
               : CC_UNAVAILABLE;
}

/* While one node takes over from the other there is none to connect to for some seconds. */
enum cc_error cp_registry_open(struct cp_context *context)
{
    if (context->registry && PQstatus(context->registry) == CONNECTION_OK)
        return CC_OK;
    for (int64_t until_us = cp_now_us() + START_WAIT_MS * 1000;;) {
        if (!cp_registry_try(context, CONNECT_MS))
            return CC_OK;
        if (cp_now_us() >= until_us || !cp_local_is_up(context))
            return cp_fail(context, CC_UNAVAILABLE,
                           "the registry does not answer; is the platform up? run: callcell up");
        cp_pause_ms(PAUSE_MS);
    }
}

static void keep_result(struct cp_context *context, PGresult *result)
{
    if (context->result_count == context->result_capacity) {
        size_t capacity = context->result_capacity ? 2 * context->result_capacity : 64;
        PGresult **grown = reallocarray(context->results, capacity, sizeof(*grown));
        if (!grown) {
            (void)fputs("callcell: out of memory\n", stderr);
            exit(1);
        }
        context->results = grown;
        context->result_capacity = capacity;
    }
    context->results[context->result_count++] = result;
}

static enum cc_error judge(struct cp_context *context, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return CC_OK;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool conflict = state && strncmp(state, "23", 2) == 0;
    return cp_fail(context, conflict ? CC_CONFLICT : CC_PROTOCOL, "registry: %s",
                   text ? text : PQerrorMessage(context->registry));
}

enum cc_error cp_sql(struct cp_context *context, PGresult **out, const char *sql,
                     const char *const *parameters, int count)
{
    *out = PQexecParams(context->registry, sql, count, NULL, parameters, NULL, NULL, 0);
    keep_result(context, *out);
    return judge(context, *out);
}

enum cc_error cp_sql_run(struct cp_context *context, const char *sql, const char *const *parameters,
                         int count)
{
    PGresult *result = PQexecParams(context->registry, sql, count, NULL, parameters, NULL, NULL, 0);
    enum cc_error error = judge(context, result);
    PQclear(result);
    return error;
}

const char *cp_sql_value(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? "" : PQgetvalue(result, row, column);
}

int64_t cp_sql_integer(const PGresult *result, int row, int column)
{
    return strtoll(cp_sql_value(result, row, column), NULL, 10);
}

const char *cp_sql_bytes(struct cp_context *context, struct cc_slice bytes)
{
    char *text = cp_alloc(context, 2 * bytes.length + 3);
    text[0] = '\\';
    text[1] = 'x';
    cc_hex_encode(bytes, text + 2);
    return text;
}

enum cc_error cp_audit(struct cp_context *context, const char *action, const char *subject)
{
    return cp_sql_run(context, "INSERT INTO audit (actor, action, subject) VALUES ($1, $2, $3)",
                      CP_PARAMETERS(context->actor, action, subject));
}

static int is_sql(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".sql") == 0;
}

static enum cc_error run_text(struct cp_context *context, PGconn *connection, const char *name,
                              const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    enum cc_error error = CC_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        error = cp_fail(context, CC_PROTOCOL, "%s: %s", name, PQresultErrorMessage(result));
        PQclear(PQexec(connection, "ROLLBACK"));
    }
    PQclear(result);
    return error;
}

static enum cc_error apply(struct cp_context *context, PGconn *connection, const char *name,
                           const char *sql, const char *digest)
{
    const char *whole = cp_format(
        context,
        "BEGIN; SET LOCAL lock_timeout = '5s';\n%s\n; INSERT INTO public.schema_migrations "
        "(name, sha256) VALUES ('%s', '%s'); COMMIT;",
        sql, name, digest);
    return run_text(context, connection, name, whole);
}

static enum cc_error migrate_one(struct cp_context *context, PGconn *connection, const char *folder,
                                 const char *name)
{
    struct cc_slice sql;
    enum cc_error error = cp_file_read(context, cp_format(context, "%s/%s", folder, name), &sql);
    if (error)
        return cp_fail(context, error, "cannot read %s/%s", folder, name);
    uint8_t digest[CC_SHA256_BYTES];
    char text[2 * CC_SHA256_BYTES + 1];
    if (cc_sha256(sql, digest))
        return cp_fail(context, CC_CRYPTO, "SHA-256 failed");
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), text);
    PGresult *result =
        PQexecParams(connection, "SELECT sha256 FROM public.schema_migrations WHERE name = $1", 1,
                     NULL, &name, NULL, NULL, 0);
    keep_result(context, result);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return cp_fail(context, CC_PROTOCOL, "%s: %s", name, PQresultErrorMessage(result));
    if (PQntuples(result) == 0)
        return apply(context, connection, name, sql.data, text);
    if (strcmp(PQgetvalue(result, 0, 0), text) != 0)
        return cp_fail(context, CC_CONFLICT, "migration %s was changed after it had been applied",
                       name);
    return CC_OK;
}

enum cc_error cp_migrate(struct cp_context *context, PGconn *connection, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_sql, alphasort);
    if (count <= 0)
        return cp_fail(context, CC_NOT_FOUND, "no migrations in %s (see CALLCELL_SHARE)", folder);
    enum cc_error error = run_text(context, connection, "schema_migrations",
                                   "SET client_min_messages = warning;"
                                   "CREATE TABLE IF NOT EXISTS public.schema_migrations ("
                                   "name text PRIMARY KEY, sha256 text NOT NULL, "
                                   "applied_at timestamptz NOT NULL DEFAULT now())");
    for (int i = 0; i < count; i++) {
        if (!error)
            error = migrate_one(context, connection, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return error;
}
