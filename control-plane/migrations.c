#include "control-plane/migrations.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "control-plane/files.h"
#include "control-plane/pq.h"

/* A migration may fill a table anew. */
enum { MIGRATE_MS = 600 * 1000, ASK_MS = 10 * 1000 };

static const char ensure_table[] = "SET client_min_messages = warning;"
                                   "CREATE TABLE IF NOT EXISTS public.schema_migrations ("
                                   "name text PRIMARY KEY, sha256 text NOT NULL, "
                                   "applied_at timestamptz NOT NULL DEFAULT now())";

static int is_sql(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".sql") == 0;
}

static enum cc_error read_migration(struct cp_context *context, const char *path, const char *name,
                                    struct cp_migration *out)
{
    struct cc_slice sql;
    uint8_t digest[CC_SHA256_BYTES];
    char text[2 * CC_SHA256_BYTES + 1];
    enum cc_error error = cp_file_read(context, path, &sql);
    if (error)
        return cp_fail(context, error, "cannot read %s", path);
    if (cc_sha256(sql, digest))
        return cp_fail(context, CC_CRYPTO, "SHA-256 failed");
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), text);
    *out = (struct cp_migration){.name = cp_copy(context, cc_slice_of(name)),
                                 .path = path,
                                 .digest = cp_copy(context, cc_slice_of(text))};
    return CC_OK;
}

enum cc_error cp_migrations_list(struct cp_context *context, const char *folder,
                                 struct cp_migration **out, size_t *count)
{
    struct dirent **entries = NULL;
    const char *path = cp_format(context, "%s/migrations/%s", context->share, folder);
    int found = scandir(path, &entries, is_sql, alphasort);
    if (found <= 0)
        return cp_fail(context, CC_NOT_FOUND, "no migrations in %s (see CALLCELL_SHARE)", path);
    enum cc_error error = CC_OK;
    *count = (size_t)found;
    *out = cp_alloc(context, *count * sizeof(**out));
    for (int i = 0; i < found; i++) {
        if (!error)
            error = read_migration(context, cp_format(context, "%s/%s", path, entries[i]->d_name),
                                   entries[i]->d_name, &(*out)[i]);
        free(entries[i]);
    }
    free(entries);
    return error;
}

static enum cc_error run_text(struct cp_context *context, PGconn *connection, const char *name,
                              const char *sql)
{
    PGresult *result = cp_pq_query(connection, sql, NULL, 0, MIGRATE_MS);
    ExecStatusType status = PQresultStatus(result);
    enum cc_error error = CC_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        error = cp_fail(context, CC_PROTOCOL, "%s: %s", name, cp_pq_trouble(connection, result));
        PQclear(cp_pq_query(connection, "ROLLBACK", NULL, 0, ASK_MS));
    }
    PQclear(result);
    return error;
}

static enum cc_error apply(struct cp_context *context, PGconn *connection,
                           const struct cp_migration *migration)
{
    struct cc_slice sql;
    enum cc_error error = cp_file_read(context, migration->path, &sql);
    if (error)
        return cp_fail(context, error, "cannot read %s", migration->path);
    const char *whole = cp_format(
        context,
        "BEGIN; SET LOCAL lock_timeout = '5s';\n%s\n; INSERT INTO public.schema_migrations "
        "(name, sha256) VALUES ('%s', '%s'); COMMIT;",
        sql.data, migration->name, migration->digest);
    return run_text(context, connection, migration->name, whole);
}

static enum cc_error migrate_one(struct cp_context *context, PGconn *connection,
                                 const struct cp_migration *migration)
{
    PGresult *result =
        cp_pq_query(connection, "SELECT sha256 FROM public.schema_migrations WHERE name = $1",
                    &migration->name, 1, ASK_MS);
    enum cc_error error = CC_OK;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        error = cp_fail(context, CC_PROTOCOL, "%s: %s", migration->name,
                        cp_pq_trouble(connection, result));
    else if (PQntuples(result) == 0)
        error = apply(context, connection, migration);
    else if (strcmp(PQgetvalue(result, 0, 0), migration->digest) != 0)
        error = cp_fail(context, CC_CONFLICT, "migration %s was changed after it had been applied",
                        migration->name);
    PQclear(result);
    return error;
}

enum cc_error cp_migrate(struct cp_context *context, PGconn *connection, const char *folder)
{
    struct cp_migration *migrations = NULL;
    size_t count = 0;
    enum cc_error error = cp_migrations_list(context, folder, &migrations, &count);
    if (!error)
        error = run_text(context, connection, "schema_migrations", ensure_table);
    for (size_t i = 0; !error && i < count; i++)
        error = migrate_one(context, connection, &migrations[i]);
    return error;
}
