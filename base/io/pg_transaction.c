#include "base/io/pg_transaction.h"

#include <stdlib.h>

static const struct cc_pg_statement tenant_statement = {
    "cc_tenant", "SELECT set_config('callcell.tenant', $1, true)"};

/* ---- copying ---- */

static bool has_nul(struct cc_slice text)
{
    return text.length > 0 && memchr(text.data, '\0', text.length) != NULL;
}

static enum cc_error measure(const struct cc_pg_transaction *from, size_t *bytes)
{
    if (from->query_count == 0 || from->query_count > CC_PG_QUERIES_MAX || has_nul(from->tenant))
        return CC_INVALID;
    *bytes = from->tenant.length + 1;
    for (size_t q = 0; q < from->query_count; q++) {
        if (from->queries[q].parameter_count > CC_PG_PARAMETERS_MAX)
            return CC_INVALID;
        for (size_t p = 0; p < from->queries[q].parameter_count; p++) {
            if (has_nul(from->queries[q].parameters[p]))
                return CC_INVALID;
            *bytes += from->queries[q].parameters[p].length + 1;
        }
    }
    return CC_OK;
}

static void add_query(struct pg_transaction *transaction, const struct cc_pg_statement *statement,
                      const struct cc_slice *parameters, size_t count, char **at)
{
    struct pg_query *query = &transaction->queries[transaction->query_count++];
    query->statement = *statement;
    query->count = (int)count;
    for (size_t p = 0; p < count; p++) {
        if (!parameters[p].data)
            continue; /* SQL NULL */
        query->values[p] = *at;
        memcpy(*at, parameters[p].data, parameters[p].length);
        (*at)[parameters[p].length] = '\0';
        *at += parameters[p].length + 1;
    }
}

enum cc_error pg_transaction_create(const struct cc_pg_transaction *from,
                                    const struct cc_pg_guard *guard, struct pg_transaction **out)
{
    size_t bytes = 0;
    enum cc_error error = measure(from, &bytes);
    if (error != CC_OK)
        return error;
    struct cc_slice allowed = cc_slice_of(guard ? guard->parameter : "");
    bytes += allowed.length + 1;
    struct pg_transaction *transaction = calloc(1, sizeof(*transaction) + bytes);
    if (!transaction)
        return CC_NO_MEMORY;
    transaction->writes = from->writes;
    transaction->done = from->done;
    transaction->context = from->context;
    transaction->guard = from->writes ? guard : NULL;
    char *at = transaction->bytes;
    if (transaction->guard)
        add_query(transaction, guard->statement, &allowed, 1, &at);
    if (from->tenant.length > 0)
        add_query(transaction, &tenant_statement, &from->tenant, 1, &at);
    transaction->preamble = transaction->query_count;
    for (size_t q = 0; q < from->query_count; q++)
        add_query(transaction, from->queries[q].statement, from->queries[q].parameters,
                  from->queries[q].parameter_count, &at);
    *out = transaction;
    return CC_OK;
}

void pg_transaction_free(struct pg_transaction *transaction)
{
    for (size_t q = 0; q < transaction->query_count; q++)
        PQclear(transaction->results[q]);
    free(transaction);
}

/* ---- sending ---- */

static size_t find_prepared(const struct pg_prepared *prepared, const char *name)
{
    size_t i = 0;
    while (i < prepared->count && prepared->names[i] != name &&
           strcmp(prepared->names[i], name) != 0)
        i++;
    return i;
}

static void add_step(struct pg_transaction *transaction, bool prepares, size_t query)
{
    transaction->steps[transaction->step_count++] = (struct pg_step){prepares, query};
}

static enum cc_error send_query(struct pg_transaction *transaction, size_t q, PGconn *pg,
                                struct pg_prepared *prepared)
{
    const struct pg_query *query = &transaction->queries[q];
    const char *name = query->statement.name;
    if (find_prepared(prepared, name) == prepared->count) {
        if (prepared->count == PG_PREPARED_MAX)
            return CC_FULL;
        if (!PQsendPrepare(pg, name, query->statement.sql, 0, NULL))
            return CC_UNAVAILABLE;
        prepared->names[prepared->count++] = name; /* taken back when it fails */
        add_step(transaction, true, q);
    }
    if (!PQsendQueryPrepared(pg, name, query->count, query->values, NULL, NULL, 0))
        return CC_UNAVAILABLE;
    add_step(transaction, false, q);
    return CC_OK;
}

enum cc_error pg_transaction_send(struct pg_transaction *transaction, PGconn *pg,
                                  struct pg_prepared *prepared)
{
    for (size_t q = 0; q < transaction->query_count; q++) {
        enum cc_error error = send_query(transaction, q, pg, prepared);
        if (error != CC_OK)
            return error;
    }
    return PQpipelineSync(pg) ? CC_OK : CC_UNAVAILABLE;
}

/* ---- results ---- */

static void note_failure(struct pg_transaction *transaction, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (transaction->failed)
        return;
    transaction->failed = true;
    for (size_t i = 0; sqlstate && i < 5 && sqlstate[i]; i++)
        transaction->sqlstate[i] = sqlstate[i];
    for (size_t i = 0; message && i + 1 < PG_MESSAGE_MAX && message[i]; i++)
        transaction->message[i] = message[i] == '\n' ? ' ' : message[i];
}

void pg_transaction_take(struct pg_transaction *transaction, struct pg_prepared *prepared,
                         PGresult *result)
{
    if (!result) {
        transaction->step++;
        return;
    }
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    const struct pg_step *step = transaction->step < transaction->step_count
                                     ? &transaction->steps[transaction->step]
                                     : NULL; /* a failure at commit */
    if (!good && status != PGRES_PIPELINE_ABORTED)
        note_failure(transaction, result);
    if (!good && step && step->prepares) {
        size_t i = find_prepared(prepared, transaction->queries[step->query].statement.name);
        if (i < prepared->count)
            prepared->names[i] = prepared->names[--prepared->count];
    }
    if (good && step && !step->prepares && !transaction->results[step->query])
        transaction->results[step->query] = result;
    else
        PQclear(result);
}

static bool state_is(const struct pg_transaction *transaction, const char *prefix)
{
    return strncmp(transaction->sqlstate, prefix, strlen(prefix)) == 0;
}

static bool was_refused(const struct pg_transaction *transaction)
{
    return transaction->guard && transaction->failed &&
           strcmp(transaction->sqlstate, transaction->guard->sqlstate) == 0;
}

/* Codes: PostgreSQL 15 documentation, appendix A. */
enum cc_error pg_transaction_error(const struct pg_transaction *transaction)
{
    if (!transaction->failed)
        return transaction->not_replicated && transaction->writes ? CC_UNKNOWN_OUTCOME : CC_OK;
    if (was_refused(transaction))
        return CC_UNAVAILABLE;
    if (state_is(transaction, "23"))
        return CC_CONFLICT;
    if (state_is(transaction, "22") || state_is(transaction, "P0001"))
        return CC_INVALID;
    if (state_is(transaction, "42501"))
        return CC_FORBIDDEN;
    if (state_is(transaction, "57014"))
        return CC_TIMEOUT;
    if (state_is(transaction, "57P")) /* going down: a commit may have been on its way */
        return transaction->writes ? CC_UNKNOWN_OUTCOME : CC_UNAVAILABLE;
    if (state_is(transaction, "25006") || state_is(transaction, "53") ||
        state_is(transaction, "08") || state_is(transaction, "40"))
        return CC_UNAVAILABLE;
    return CC_PROTOCOL;
}

bool pg_transaction_spoils_connection(const struct pg_transaction *transaction)
{
    return transaction->failed && (state_is(transaction, "25006") || state_is(transaction, "57P") ||
                                   state_is(transaction, "08"));
}

void pg_transaction_report(struct pg_transaction *transaction, enum cc_error error, bool standby)
{
    size_t first = transaction->preamble;
    const struct cc_pg_guard *guard = transaction->guard;
    struct cc_pg_outcome outcome = {.results = transaction->results + first,
                                    .count = transaction->query_count - first,
                                    .standby = standby,
                                    .sqlstate = transaction->sqlstate,
                                    .message = transaction->message};
    if (was_refused(transaction) && guard->on_refused)
        guard->on_refused(guard->context, transaction->message);
    transaction->done(transaction->context, error, &outcome);
}

struct cc_slice cc_pg_value(const PGresult *result, int row, int column)
{
    if (!result || PQgetisnull(result, row, column))
        return (struct cc_slice){NULL, 0};
    return cc_slice(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}
