#include "control-plane/fleet/diff.h"

#include <sys/stat.h>

#include "control-plane/files.h"
#include "control-plane/fleet/diff_postgres.h"
#include "control-plane/fleet/drain.h"
#include "control-plane/fleet/workers.h"
#include "control-plane/postgres/make.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/run.h"
#include "control-plane/targets/local.h"
#include "control-plane/templates/store.h"
#include "control-plane/unknown.h"

struct apply {
    struct cp_cell_create create;
    struct cp_target target; /* installs, and starts nothing */
    struct cp_postgres_group group;
};

static enum cc_error write_files(void *subject);
static enum cc_error tune_postgres(void *subject);
static enum cc_error publish_policy(void *subject);
static enum cc_error renew_workers(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, write_files, NULL, "written", "files and service definitions"},
    {"written", NULL, NULL, tune_postgres, NULL, "tuned",
     "settings of Postgres that a reload takes"},
    {"tuned", NULL, NULL, publish_policy, NULL, "published",
     "the country's policy; edges: confirmed"},
    {"published", NULL, NULL, renew_workers, NULL, "applied", "workers with older settings: new"},
};
const struct cc_transition_table cp_cell_apply_table = {"cell_apply", "new", "applied", rows,
                                                        sizeof(rows) / sizeof(rows[0])};

static enum cc_error start_nothing(struct cp_context *context, const char *service)
{
    (void)context;
    (void)service;
    return CC_OK;
}

static enum cc_error open_cell(struct cp_context *context, const char *cell, struct apply *apply)
{
    PGresult *result;
    enum cc_error error = cp_sql(context, &result,
                                 "SELECT country, number, template, target FROM cells WHERE "
                                 "cell = $1 AND state = 'ready'",
                                 CP_PARAMETERS(cell));
    if (!error && PQntuples(result) == 0)
        error = cp_unknown(context, "cell that is ready", cell, "callcell cell list");
    if (error)
        return error;
    apply->target = *cp_target_find(cp_sql_value(result, 0, 3));
    apply->target.start = start_nothing;
    apply->create = (struct cp_cell_create){.context = context,
                                            .country = cp_sql_value(result, 0, 0),
                                            .cell = cell,
                                            .template_name = cp_sql_value(result, 0, 2),
                                            .target = &apply->target,
                                            .number = (int)cp_sql_integer(result, 0, 1)};
    error = cp_template_find(context, apply->create.template_name, apply->create.country,
                             &apply->create.template);
    cp_cell_postgres(context, cell, apply->create.number, &apply->target, &apply->group);
    apply->group.buffers_megabytes = apply->create.template.postgres_megabytes;
    return error;
}

/* The same for a comparison, where nothing is written. */
static enum cc_error write_files(void *subject)
{
    struct apply *apply = subject;
    enum cc_error error = cp_postgres_prepare(&apply->group);
    if (!error)
        error = cp_cell_make_redis(&apply->create);
    if (!error)
        error = cp_cell_start_workers(&apply->create);
    return error ? error : cp_workers_announce(apply->create.context, apply->create.cell);
}

static enum cc_error tune_postgres(void *subject)
{
    struct apply *apply = subject;
    return cp_apply_settings(&apply->group);
}

static enum cc_error policy_differs(struct apply *apply, bool *out, const char **is)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(apply->create.context, &result,
               "SELECT policy = $2::jsonb, policy::text FROM countries WHERE country = $1",
               CP_PARAMETERS(apply->create.country, cp_cell_policy_json(&apply->create)));
    *out = !error && strcmp(cp_sql_value(result, 0, 0), "t") != 0;
    *is = error ? "" : cp_sql_value(result, 0, 1);
    return error;
}

static enum cc_error publish_policy(void *subject)
{
    struct apply *apply = subject;
    struct cp_context *context = apply->create.context;
    int64_t epoch = 0;
    enum cc_error error =
        cp_sql_run(context, "UPDATE countries SET policy = $2::jsonb WHERE country = $1",
                   CP_PARAMETERS(apply->create.country, cp_cell_policy_json(&apply->create)));
    if (!error)
        error = cp_publish(context, apply->create.country, CC_PUBLICATION_MAP, 0, &epoch);
    return error ? error : cp_edges_confirm(context, apply->create.country);
}

static bool is_newer(const char *file, const char *than)
{
    struct stat a, b;
    if (stat(file, &a) || stat(than, &b))
        return false;
    return a.st_mtim.tv_sec > b.st_mtim.tv_sec ||
           (a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec > b.st_mtim.tv_nsec);
}

/* Whether a service's process began before its settings were last written; runsv writes the
 * process's number when it starts it. */
static bool runs_with_older(struct cp_context *context, const char *service, const char *settings)
{
    const char *folder = cp_local_service_folder(context, service);
    const char *started = cp_format(context, "%s/supervise/pid", folder);
    return is_newer(settings, started) || is_newer(cp_format(context, "%s/run", folder), started);
}

static bool worker_is_older(struct apply *apply, const struct cp_worker *worker)
{
    struct cp_context *context = apply->create.context;
    return runs_with_older(context, worker->service,
                           cp_cell_path_at(&apply->create, worker->site,
                                           cp_format(context, "etc/cell-%s.yaml", worker->name)));
}

static enum cc_error renew_workers(void *subject)
{
    struct apply *apply = subject;
    struct cp_context *context = apply->create.context;
    struct cp_workers workers;
    enum cc_error error = cp_workers_find(context, apply->create.cell, &workers);
    for (size_t i = 0; !error && i < workers.count; i++) {
        if (!workers.items[i].drained && worker_is_older(apply, &workers.items[i]))
            return cp_cell_restart(context, apply->create.cell, false);
    }
    return error;
}

static void diff_processes(struct apply *apply)
{
    struct cp_context *context = apply->create.context;
    struct cp_workers workers;
    if (!cp_workers_find(context, apply->create.cell, &workers)) {
        for (size_t i = 0; i < workers.count; i++) {
            const struct cp_worker *worker = &workers.items[i];
            bool up = apply->target.is_up(context, worker->service);
            if (up == worker->drained)
                cp_difference(context, "service", worker->service, up ? "up" : "down",
                              worker->drained ? "down: it is drained" : "up",
                              cp_format(context, "callcell cell %s %s %s",
                                        worker->drained ? "drain" : "undrain", apply->create.cell,
                                        worker->name));
            else if (up && worker_is_older(apply, worker))
                cp_difference(context, "service", worker->service, "running with older settings",
                              "running with those of its file", "apply");
        }
    }
    const char *redis = cp_format(context, "%s-redis", apply->create.cell);
    if (runs_with_older(context, redis,
                        cp_path(context, "cells/%s/etc/redis.conf", apply->create.cell)))
        cp_difference(context, "service", redis, "running with older settings",
                      "running with those of its file",
                      cp_format(context, "in a quiet hour: sv restart %s",
                                cp_path(context, "run/services/%s", redis)));
}

static enum cc_error diff_all(struct apply *apply)
{
    struct cp_context *context = apply->create.context;
    bool differs = false;
    const char *policy = "";
    enum cc_error error = write_files(apply);
    if (!error)
        error = policy_differs(apply, &differs, &policy);
    if (!error && differs)
        cp_difference(context, "policy", apply->create.country, policy,
                      cp_cell_policy_json(&apply->create), "apply");
    if (error)
        return error;
    diff_processes(apply);
    cp_diff_settings(&apply->group);
    cp_diff_migrations(&apply->group);
    cp_diff_roles(&apply->group);
    cp_diff_numbers(&apply->group, apply->create.country);
    return CC_OK;
}

enum cc_error cp_cell_diff(struct cp_context *context, const char *cell, json_t **out)
{
    struct apply apply;
    enum cc_error error = open_cell(context, cell, &apply);
    if (error)
        return error;
    context->differences = json_array();
    error = diff_all(&apply);
    *out = context->differences;
    context->differences = NULL;
    return error;
}

static bool says(const json_t *difference, const char *key, const char *part)
{
    return strstr(json_string_value(json_object_get(difference, key)), part) != NULL;
}

/* Whether apply does something about it; a setting that waits for a restart too is written. */
static bool is_mended(const json_t *difference)
{
    const char *mend = json_string_value(json_object_get(difference, "mend"));
    return strcmp(mend, "apply") == 0 || says(difference, "mend", "after cell apply");
}

/* Files and services of workers are named after them. */
static bool is_of_workers(const json_t *difference)
{
    return (says(difference, "what", "file") || says(difference, "what", "service")) &&
           says(difference, "name", "worker-");
}

static enum cc_error look_first(struct cp_context *context, const char *cell, bool *mends)
{
    json_t *differences = NULL, *one;
    bool restarts = false;
    size_t i;
    enum cc_error error = cp_cell_diff(context, cell, &differences);
    json_array_foreach(differences, i, one)
    {
        *mends |= is_mended(one);
        restarts |= is_mended(one) && is_of_workers(one);
    }
    json_decref(differences);
    return !error && restarts ? cp_cell_restart_check(context, cell, false) : error;
}

enum cc_error cp_cell_apply(struct cp_context *context, const char *cell, bool *changed)
{
    struct apply apply;
    bool unfinished = false;
    *changed = false;
    enum cc_error error = open_cell(context, cell, &apply);
    if (!error)
        error = cp_run_unfinished(context, cp_cell_apply_table.name, cell, &unfinished);
    if (!error && !unfinished)
        error = look_first(context, cell, changed);
    *changed = *changed || unfinished;
    if (error || !*changed)
        return error;
    return cp_run(context, &(struct cp_run_request){
                               .table = &cp_cell_apply_table, .subject = cell, .data = &apply});
}
