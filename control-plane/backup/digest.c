#include "control-plane/backup/digest.h"

#include <stdlib.h>

#include "control-plane/pq.h"

/* A table of a large cell is read from beginning to end. */
enum { DIGEST_BYTES_MAX = 256 * 1024 * 1024, TABLE_MS = 3600 * 1000 };

/* Tables whose rows are facts, parents of partitions for the whole; in the order in which writers
 * take their locks, so that locking them all waits for no writer that waits for us. */
static const char tables_sql[] =
    "SELECT format('%I.%I', n.nspname, c.relname), "
    "EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'), "
    "(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid "
    "AND a.attname IN ('occurred_on', 'day') LIMIT 1), c.relname = 'rollup' "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p' "
    "AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'fencing') "
    "ORDER BY c.relname NOT IN ('tenants', 'inbox'), n.nspname, c.relname";

static enum cc_error query(struct cp_context *context, PGconn *connection, const char *sql,
                           PGresult **out)
{
    *out = cp_pq_query(connection, sql, NULL, 0, TABLE_MS);
    if (PQresultStatus(*out) == PGRES_TUPLES_OK)
        return CC_OK;
    enum cc_error error = cp_fail(context, CC_PROTOCOL, "what the database holds: %s",
                                  cp_pq_trouble(connection, *out));
    PQclear(*out);
    *out = NULL;
    return error;
}

enum cc_error cp_digest_tables(struct cp_context *context, PGconn *connection, const char **out)
{
    PGresult *result;
    *out = "";
    enum cc_error error = query(context, connection, tables_sql, &result);
    for (int row = 0; !error && row < PQntuples(result); row++)
        *out = cp_format(context, "%s%s%s", *out, row ? ", " : "", PQgetvalue(result, row, 0));
    PQclear(result);
    return error;
}

/* hashtextextended is the same on every machine; its sum does not depend on the order of rows. */
static const char *digest_sql(struct cp_context *context, const PGresult *tables, int row,
                              const char *since)
{
    const char *table = PQgetvalue(tables, row, 0);
    const char *tenant = PQgetvalue(tables, row, 1)[0] == 't' ? "tenant_id" : "''";
    const char *day = PQgetisnull(tables, row, 2) ? "''"
                                                  : cp_format(context, "to_char(%s, 'YYYY-MM-DD')",
                                                              PQgetvalue(tables, row, 2));
    bool bounded = !PQgetisnull(tables, row, 2) && PQgetvalue(tables, row, 3)[0] != 't';
    const char *where =
        bounded ? cp_format(context, "WHERE %s >= '%s'", PQgetvalue(tables, row, 2), since) : "";
    return cp_format(context,
                     "SELECT * FROM (SELECT concat_ws(' ', %s, %s) AS part, count(*), "
                     "sum(hashtextextended(t::text, 0)::numeric) FROM %s t %s GROUP BY 1) d "
                     "ORDER BY part COLLATE \"C\"",
                     tenant, day, table, where);
}

static enum cc_error append(struct cp_context *context, PGconn *connection, const PGresult *tables,
                            int row, const char *since, struct cc_buffer *out)
{
    PGresult *result;
    enum cc_error error =
        query(context, connection, digest_sql(context, tables, row, since), &result);
    for (int i = 0; !error && i < PQntuples(result); i++)
        cc_buffer_printf(out, "%s\t%s\t%s\t%s\n", PQgetvalue(tables, row, 0),
                         PQgetvalue(result, i, 0), PQgetvalue(result, i, 1),
                         PQgetvalue(result, i, 2));
    PQclear(result);
    return error;
}

enum cc_error cp_digest_take(struct cp_context *context, PGconn *connection, const char *since,
                             struct cc_slice *out)
{
    PGresult *tables;
    struct cc_buffer text;
    cc_buffer_init(&text, DIGEST_BYTES_MAX);
    enum cc_error error = query(context, connection, tables_sql, &tables);
    for (int row = 0; !error && row < PQntuples(tables); row++)
        error = append(context, connection, tables, row, since, &text);
    if (!error)
        error = text.error;
    if (!error) {
        const char *copy = cp_copy(context, cc_buffer_slice(&text));
        *out = cc_slice(copy, text.length);
    }
    PQclear(tables);
    cc_buffer_deinit(&text);
    return error;
}
