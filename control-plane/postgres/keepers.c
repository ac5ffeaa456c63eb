/* Rim: asks the registry and Postgres, runs pg_autoctl. */
#include "control-plane/postgres/keepers.h"

#include <sys/stat.h>

#include "control-plane/postgres/group.h"
#include "control-plane/process.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/provision/registry_create.h"
#include "control-plane/registry.h"

enum { TELL_S = 5, ENVIRONMENT_MAX = 16 };

/* pg_autoctl's own note to the part of it that starts and stops Postgres. It is only looked whether
 * there is one: it may also say "stopped", which is not ours to change. An empty one, which a full
 * disk leaves, says nothing. */
static bool is_told(struct cp_context *context, const struct cp_postgres_place *place)
{
    struct stat note;
    const char *path =
        cp_format(context, "%s/run/pg_autoctl%s/pg_autoctl.pg", place->folder, place->data);
    return stat(path, &note) == 0 && note.st_size > 0;
}

static enum cc_error tell(struct cp_context *context, const struct cp_postgres_place *place)
{
    const char *environment[ENVIRONMENT_MAX] = {"PG_AUTOCTL_DEBUG=1"}; /* or it knows no "do" */
    const char *const argv[] = {"pg_autoctl", "do", "pgctl", "on", "--pgdata", place->data, NULL};
    for (size_t i = 0; place->environment[i] && i + 2 < ENVIRONMENT_MAX; i++)
        environment[i + 1] = place->environment[i];
    return cp_process_run(
        context,
        &(struct cp_process){.argv = argv, .environment = environment, .timeout_s = TELL_S});
}

/* One that fails keeps nobody else from being told. */
static enum cc_error keep(struct cp_postgres_group *group)
{
    enum cc_error failed = CC_OK;
    for (int part = CP_POSTGRES_NODE_1; part < CP_POSTGRES_PARTS; part++) {
        const struct cp_postgres_place *place = &group->places[part];
        enum cc_error error = CC_OK;
        if (!is_told(group->context, place) &&
            group->target->is_up(group->context, place->service) &&
            PQping(cp_postgres_conninfo(group, part, "postgres")) == PQPING_OK)
            error = tell(group->context, place);
        failed = failed ? failed : error;
    }
    return failed;
}

enum cc_error cp_keepers_duty(struct cp_context *context)
{
    PGresult *cells;
    struct cp_postgres_group group;
    cp_registry_group(context, &group);
    enum cc_error failed = keep(&group);
    enum cc_error error = cp_sql(
        context, &cells, "SELECT cell, number FROM cells WHERE state = 'ready'", CP_NO_PARAMETERS);
    for (int row = 0; !error && row < PQntuples(cells); row++) {
        cp_cell_postgres(context, cp_sql_value(cells, row, 0), (int)cp_sql_integer(cells, row, 1),
                         cp_target_find("local"), &group);
        enum cc_error outcome = keep(&group);
        failed = failed ? failed : outcome;
    }
    return error ? error : failed;
}
