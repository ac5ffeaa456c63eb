#include "control-plane/fleet/diff_postgres.h"

#include <stdlib.h>

#include "control-plane/files.h"
#include "control-plane/fleet/tenants.h"
#include "control-plane/migrations.h"
#include "control-plane/postgres/make.h"
#include "control-plane/pq.h"
#include "control-plane/registry.h"

/* Sums go over all rows of a directory. */
enum { COMPARE_MS = 60 * 1000 };

/* One line "name = value", without the quotes around the value; false for anything else. */
static bool split(char *line, const char **name, const char **value)
{
    char *equals = strstr(line, " = ");
    if (!equals || line[0] == '#')
        return false;
    *equals = '\0';
    *name = line;
    char *text = equals + 3;
    size_t length = strlen(text);
    if (length > 1 && text[0] == '\'' && text[length - 1] == '\'') {
        text[length - 1] = '\0';
        text++;
    }
    *value = text;
    return true;
}

static PGresult *ask(PGconn *connection, const char *sql, const char *first, const char *second)
{
    const char *const parameters[] = {first, second};
    return cp_pq_query(connection, sql, parameters, second ? 2 : first ? 1 : 0, COMPARE_MS);
}

/* Postgres writes values its own way (1s, 500ms, 64MB): both ways count. */
static const char same_sql[] =
    "SELECT current_setting(name) = $2 OR setting = $2 OR current_setting(name) = $2 || 'ms', "
    "current_setting(name), context = 'postmaster' FROM pg_settings WHERE name = $1";

typedef void (*on_setting)(struct cp_postgres_group *group, const char *where, const char *name,
                           const char *value, const char *is, bool needs_restart);

static void note_setting(struct cp_postgres_group *group, const char *where, const char *name,
                         const char *value, const char *is, bool needs_restart)
{
    cp_difference(group->context, "setting",
                  cp_format(group->context, "%s %s %s", group->name, where, name), is, value,
                  needs_restart ? "a restart of this node in a quiet hour, after cell apply"
                                : "apply");
}

static void each_difference(struct cp_postgres_group *group, PGconn *connection, const char *where,
                            const char *prefix, const char *lines, on_setting found)
{
    char *copy = strdup(lines), *rest = NULL;
    for (char *line = copy ? strtok_r(copy, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *name, *value;
        if (!split(line, &name, &value))
            continue;
        const char *full = cp_format(group->context, "%s%s", prefix, name);
        PGresult *result = ask(connection, same_sql, full, value);
        bool known = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
        if (!known || strcmp(PQgetvalue(result, 0, 0), "t") != 0)
            found(group, where, full, value,
                  known ? cp_copy(group->context, cc_slice_of(PQgetvalue(result, 0, 1)))
                        : "unknown to it",
                  known && strcmp(PQgetvalue(result, 0, 2), "t") == 0);
        PQclear(result);
    }
    free(copy);
}

static const char *monitor_lines(struct cp_postgres_group *group)
{
    const char *lines = "";
    for (size_t i = 0; cp_postgres_monitor_settings[i]; i++)
        lines = cp_format(group->context, "%s%s\n", lines, cp_postgres_monitor_settings[i]);
    return lines;
}

static void unreachable(struct cp_postgres_group *group, const char *part)
{
    cp_difference(group->context, "postgres", cp_format(group->context, "%s %s", group->name, part),
                  "not reachable", "reachable",
                  cp_format(group->context, "see callcell cell show %s", group->name));
}

static void each_part(struct cp_postgres_group *group, on_setting found, bool note_missing)
{
    for (int part = 0; part < CP_POSTGRES_PARTS; part++) {
        PGconn *connection = cp_postgres_try(group, (enum cp_postgres_part)part, "postgres");
        const char *name = group->places[part].name;
        if (!connection && note_missing)
            unreachable(group, name);
        if (connection && part == CP_POSTGRES_MONITOR)
            each_difference(group, connection, name, "pgautofailover.", monitor_lines(group),
                            found);
        else if (connection)
            each_difference(group, connection, name, "",
                            cp_postgres_settings(group, group->buffers_megabytes), found);
        PQfinish(connection);
    }
}

void cp_diff_settings(struct cp_postgres_group *group)
{
    each_part(group, note_setting, true);
}

static void diff_migration(struct cp_postgres_group *group, PGconn *connection,
                           const struct cp_migration *migration, const char *mend)
{
    struct cp_context *context = group->context;
    PGresult *result =
        ask(connection, "SELECT sha256 FROM public.schema_migrations WHERE name = $1",
            migration->name, NULL);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        cp_difference(context, "migration", migration->name, "not readable", "readable",
                      cp_format(context, "see callcell cell show %s", group->name));
    else if (PQntuples(result) == 0)
        cp_difference(context, "migration", migration->name, "not applied", "applied", mend);
    else if (strcmp(PQgetvalue(result, 0, 0), migration->digest) != 0)
        cp_difference(context, "migration", migration->name, "applied with other bytes",
                      "these bytes", "a new migration; one that is applied is never changed");
    PQclear(result);
}

static void diff_folder(struct cp_postgres_group *group, PGconn *connection, const char *folder,
                        const char *mend)
{
    struct cp_migration *migrations = NULL;
    size_t count = 0;
    if (cp_migrations_list(group->context, folder, &migrations, &count))
        cp_difference(group->context, "migration", folder, "not readable here", "readable",
                      "install the share folder (CALLCELL_SHARE)");
    for (size_t i = 0; i < count; i++)
        diff_migration(group, connection, &migrations[i], mend);
}

void cp_diff_migrations(struct cp_postgres_group *group)
{
    PGconn *cell = cp_postgres_try(group, CP_POSTGRES_PRIMARY, group->database);
    PGconn *monitor = cp_postgres_try(group, CP_POSTGRES_MONITOR, "pg_auto_failover");
    if (cell)
        diff_folder(group, cell, CP_MIGRATIONS_CELL,
                    "a rollout of migrations; cell apply leaves them alone");
    else
        unreachable(group, "primary");
    /* That a monitor is not reachable is said with its settings. */
    if (monitor)
        diff_folder(group, monitor, CP_MIGRATIONS_MONITOR, "apply");
    PQfinish(cell);
    PQfinish(monitor);
}

/* Services log in with a password, are no superusers, and nobody else may enter the database. */
void cp_diff_roles(struct cp_postgres_group *group)
{
    struct cp_context *context = group->context;
    PGconn *connection = cp_postgres_try(group, CP_POSTGRES_PRIMARY, group->database);
    if (!connection)
        return;
    PGresult *result = ask(
        connection,
        "SELECT w, CASE WHEN r.rolname IS NULL THEN 'missing' WHEN r.rolsuper OR r.rolbypassrls OR "
        "r.rolcreaterole OR r.rolcreatedb THEN 'has rights of an administrator' WHEN NOT "
        "r.rolcanlogin THEN 'cannot log in' WHEN NOT has_database_privilege(r.rolname, "
        "current_database(), 'CONNECT') THEN 'may not connect' END FROM "
        "unnest(string_to_array($1, ',')) w LEFT JOIN pg_roles r ON r.rolname = w",
        group->roles, NULL);
    for (int row = 0; row < PQntuples(result); row++) {
        if (!PQgetisnull(result, row, 1))
            cp_difference(context, "role",
                          cp_copy(context, cc_slice_of(PQgetvalue(result, row, 0))),
                          cp_copy(context, cc_slice_of(PQgetvalue(result, row, 1))),
                          "a service's role", "find out who changed it");
    }
    PQclear(result);
    result = ask(connection,
                 "SELECT 1 FROM pg_database, aclexplode(datacl) a WHERE datname = "
                 "current_database() AND a.grantee = 0",
                 NULL, NULL);
    if (PQntuples(result) > 0)
        cp_difference(context, "grant", "database cell", "open to everybody", "open to its roles",
                      "REVOKE ALL ON DATABASE cell FROM PUBLIC");
    PQclear(result);
    PQfinish(connection);
}

#define SUM_OF(number_order)                                                                       \
    "count(*) || ' numbers, ' || coalesce(left(md5(string_agg(" number_order                       \
    ", ',' ORDER BY number COLLATE \"C\")), 12), 'none')"

static const char *of_cell(struct cp_context *context, PGconn *connection, const char *sql)
{
    PGresult *result = ask(connection, sql, NULL, NULL);
    const char *value = PQntuples(result) == 1
                            ? cp_copy(context, cc_slice_of(PQgetvalue(result, 0, 0)))
                            : "unreadable";
    PQclear(result);
    return value;
}

static const char *numbers_of_registry(struct cp_context *context, const char *country,
                                       const char *tenants)
{
    PGresult *result;
    if (cp_sql(
            context, &result,
            "SELECT " SUM_OF("tenant || number || kind") " FROM numbers WHERE country = $1 AND "
                                                         "state = 'written' AND tenant IN (SELECT "
                                                         "jsonb_array_elements_text($2::jsonb))",
            CP_PARAMETERS(country, tenants)))
        return "unreadable";
    return cp_sql_value(result, 0, 0);
}

void cp_diff_numbers(struct cp_postgres_group *group, const char *country)
{
    struct cp_context *context = group->context;
    const char *tenants = NULL;
    size_t count = 0;
    PGconn *connection = cp_postgres_try(group, CP_POSTGRES_PRIMARY, group->database);
    if (!connection || cp_tenants_of_cell(context, country, group->name, &tenants, &count)) {
        PQfinish(connection);
        return;
    }
    const char *held = of_cell(context, connection,
                               "SELECT coalesce(jsonb_agg(tenant_id ORDER BY tenant_id COLLATE "
                               "\"C\")::text, '[]') FROM directory.tenants");
    const char *numbers =
        of_cell(context, connection,
                "SELECT " SUM_OF("tenant_id || number || kind") " FROM directory.numbers");
    PQfinish(connection);
    json_t *a = json_loads(tenants, 0, NULL), *b = json_loads(held, 0, NULL);
    if (!json_equal(a, b))
        cp_difference(context, "tenants", group->name,
                      cp_format(context, "%zu in the cell", json_array_size(b)),
                      cp_format(context, "%zu by the registry, or others", count),
                      "callcell tenant create for those that are missing");
    json_decref(a);
    json_decref(b);
    const char *should = numbers_of_registry(context, country, tenants);
    if (strcmp(numbers, should) != 0)
        cp_difference(context, "numbers", group->name, numbers, should,
                      "callcell number import with the numbers of callcell number list");
}

/* The line of postgresql.conf, or a new one at its end: what stands last counts. */
static void write_setting(struct cp_postgres_group *group, const char *where, const char *name,
                          const char *value, const char *is, bool needs_restart)
{
    struct cp_context *context = group->context;
    struct cc_slice old;
    (void)is;
    (void)needs_restart;
    for (int part = CP_POSTGRES_NODE_1; part < CP_POSTGRES_PARTS; part++) {
        const struct cp_postgres_place *place = &group->places[part];
        const char *path = cp_format(context, "%s/postgresql.conf", place->data);
        if (strcmp(place->name, where) != 0 || cp_file_read(context, path, &old))
            continue;
        const char *text =
            cp_format(context, "%.*s%s = '%s'\n", (int)old.length, old.data, name, value);
        /* Whether it took is seen by the next comparison. */
        (void)!cp_file_write(context, path, cc_slice_of(text), 0600);
    }
}

enum cc_error cp_apply_settings(struct cp_postgres_group *group)
{
    each_part(group, write_setting, false);
    enum cc_error error = cp_postgres_tune_monitor(group);
    for (int part = CP_POSTGRES_NODE_1; part < CP_POSTGRES_PARTS; part++) {
        PGconn *connection = cp_postgres_try(group, (enum cp_postgres_part)part, "postgres");
        if (connection && !error)
            error = cp_postgres_execute(group, connection, "SELECT pg_reload_conf()");
        PQfinish(connection);
    }
    return error;
}
