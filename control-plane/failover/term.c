/* Rim: asks Postgres and the registry. */
#include "control-plane/failover/term.h"

#include <stdlib.h>

#include "control-plane/failover/lease.h"
#include "control-plane/pq.h"
#include "control-plane/registry.h"
#include "control-plane/sites.h"

enum { RAISE_MS = 60 * 1000 };

static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The term that a node, or whichever takes writes, holds. 0: it does not answer. */
static int64_t held_by(struct cp_postgres_group *group, enum cp_postgres_part part)
{
    PGconn *connection = cp_postgres_try(group, part, group->database);
    PGresult *result =
        cp_pq_query(connection, "SELECT term FROM fencing.term", NULL, 0, CP_POSTGRES_ASK_MS);
    int64_t term = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    PQfinish(connection);
    return term;
}

int64_t cp_term_seen(struct cp_postgres_group *group, enum cp_postgres_part node)
{
    struct cp_sites sites;
    cp_sites_read(group->context, group->name, &sites);
    int64_t term = higher(sites.term, held_by(group, node));
    term = higher(term, cp_lease_term(group->context, group->name, CP_SITE_FIRST));
    return higher(term, cp_lease_term(group->context, group->name, CP_SITE_SECOND));
}

enum cc_error cp_term_known(struct cp_postgres_group *group, int64_t *out)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(group->context, &result, "SELECT max(term) FROM cell_leases WHERE cell = $1",
               CP_PARAMETERS(group->name));
    *out =
        error ? 0 : higher(cp_sql_integer(result, 0, 0), cp_term_seen(group, CP_POSTGRES_PRIMARY));
    return error;
}

enum cc_error cp_term_raise(struct cp_postgres_group *group, PGconn *connection, int64_t wanted,
                            int64_t *in_force)
{
    const char *const term[] = {cp_format(group->context, "%lld", (long long)wanted)};
    PGresult *result = cp_pq_query(connection, "SELECT fencing.raise($1)", term, 1, RAISE_MS);
    bool raised = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    *in_force = raised ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    enum cc_error error = raised ? CC_OK
                                 : cp_fail(group->context, CC_UNAVAILABLE,
                                           "%s: its fencing term cannot be raised: %s", group->name,
                                           cp_pq_trouble(connection, result));
    PQclear(result);
    return error;
}

static enum cc_error keep(struct cp_postgres_group *group, int64_t term)
{
    return cp_sql_run(
        group->context,
        "WITH moved AS (UPDATE primary_moves SET new_term = $2 WHERE cell = $1) "
        "UPDATE cell_leases SET term = $2, leased_at = now() WHERE cell = $1",
        CP_PARAMETERS(group->name, cp_format(group->context, "%lld", (long long)term)));
}

enum cc_error cp_term_raise_new(struct cp_postgres_group *group, PGconn *connection, int64_t *term)
{
    int64_t in_force = 0;
    enum cc_error error = cp_term_raise(group, connection, *term, &in_force);
    while (!error && in_force > *term) {
        *term = in_force + 1;
        error = keep(group, *term);
        if (!error)
            error = cp_term_raise(group, connection, *term, &in_force);
    }
    return error;
}
