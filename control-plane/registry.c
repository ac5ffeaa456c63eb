#include "control-plane/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/io/loop.h"
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
    const char *sock = cp_path(context, "registry/pg/sock");
    return cp_format(context,
                     "host='%s,%s' port=%d,%d dbname=registry user=serve "
                     "target_session_attrs=read-write",
                     sock, sock, cp_port(context, cp_ports_registry_node(1)),
                     cp_port(context, cp_ports_registry_node(2)));
}

enum cc_error cp_registry_try(struct cp_context *context, int timeout_ms)
{
    const char *const nodes[] = {node_conninfo(context, 1), node_conninfo(context, 2)};
    PQfinish(context->registry);
    context->registry = cp_pq_connect(nodes, 2, timeout_ms);
    if (!context->registry)
        return CC_UNAVAILABLE;
    enum cc_error error =
        cp_sql_run(context, "SET client_min_messages = warning", CP_NO_PARAMETERS);
    if (!error && context->dry_run)
        error = cp_sql_run(context, "SET default_transaction_read_only = on", CP_NO_PARAMETERS);
    return error;
}

/* While one node takes over from the other there is none to connect to for some seconds. */
enum cc_error cp_registry_open(struct cp_context *context)
{
    if (context->registry && PQstatus(context->registry) == CONNECTION_OK)
        return CC_OK;
    for (int64_t until_us = cc_monotonic_us() + START_WAIT_MS * 1000;;) {
        if (!cp_registry_try(context, CONNECT_MS))
            return CC_OK;
        if (cc_monotonic_us() >= until_us || !cp_local_is_up(context))
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

/* What was asked may still be done, by a Postgres that thaws. The connection is dropped, and with
 * it the lease of a run: Postgres gives that back when it is done with what it was asked, so that
 * nothing of it comes after what the next command does. */
static enum cc_error fail_of_silence(struct cp_context *context)
{
    if (!context->registry)
        return cp_fail(context, CC_UNAVAILABLE, "the registry does not answer");
    enum cc_error error =
        cp_fail(context, CC_UNKNOWN_OUTCOME,
                "registry: %s; what was asked of it last may be done or not: give the command "
                "again, it does nothing twice",
                cp_pq_trouble(context->registry, NULL));
    PQfinish(context->registry);
    context->registry = NULL;
    return error;
}

static enum cc_error judge(struct cp_context *context, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return CC_OK;
    if (!result)
        return fail_of_silence(context);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool conflict = state && strncmp(state, "23", 2) == 0;
    return cp_fail(context, conflict ? CC_CONFLICT : CC_PROTOCOL, "registry: %s",
                   text ? text : PQresultErrorMessage(result));
}

static PGresult *ask(struct cp_context *context, const char *sql, const char *const *parameters,
                     int count)
{
    return cp_pq_query(context->registry, sql, parameters, count,
                       (int)context->settings.registry_answer_s * 1000);
}

enum cc_error cp_sql(struct cp_context *context, PGresult **out, const char *sql,
                     const char *const *parameters, int count)
{
    *out = ask(context, sql, parameters, count);
    keep_result(context, *out);
    return judge(context, *out);
}

/* Within a transaction nothing is asked again: what came before was lost with the connection. */
enum cc_error cp_sql_read(struct cp_context *context, PGresult **out, const char *sql,
                          const char *const *parameters, int count)
{
    bool alone = PQtransactionStatus(context->registry) != PQTRANS_INTRANS;
    enum cc_error error = cp_sql(context, out, sql, parameters, count);
    if (!error || context->registry || !alone)
        return error;
    error = cp_registry_open(context);
    return error ? error : cp_sql(context, out, sql, parameters, count);
}

enum cc_error cp_sql_run(struct cp_context *context, const char *sql, const char *const *parameters,
                         int count)
{
    PGresult *result = ask(context, sql, parameters, count);
    enum cc_error error = judge(context, result);
    PQclear(result);
    return error;
}

void cp_sql_rollback(struct cp_context *context)
{
    PQclear(ask(context, "ROLLBACK", CP_NO_PARAMETERS));
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
