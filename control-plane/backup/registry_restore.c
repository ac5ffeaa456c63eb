#include "control-plane/backup/registry_restore.h"

#include "control-plane/backup/in_place.h"
#include "control-plane/files.h"
#include "control-plane/provision/registry_create.h"
#include "control-plane/registry.h"
#include "control-plane/run.h"
#include "control-plane/targets/local.h"

static enum cc_error reach_registry(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, cp_in_place_flush, NULL, "flushed",
     "archive: caught up, when there is a primary"},
    {"flushed", NULL, NULL, cp_in_place_stop, NULL, "stopped",
     "registry stopped; edges and workers go on from disk"},
    {"stopped", NULL, NULL, cp_in_place_set_aside, NULL, "cleared", "old nodes set aside"},
    {"cleared", NULL, NULL, cp_in_place_copy, NULL, "copied", "node 1: files from the repository"},
    {"copied", NULL, NULL, cp_in_place_recover, NULL, "recovered",
     "node 1: recovered to the moment"},
    {"recovered", NULL, NULL, cp_in_place_make_monitor, NULL, "monitored", "Postgres monitor"},
    {"monitored", NULL, NULL, cp_in_place_make_primary, reach_registry, "primary",
     "node 1 as the primary; commands work again"},
    {"primary", NULL, NULL, cp_in_place_make_replica, cp_in_place_verify, "replicated",
     "replica: node 2, synchronous"},
    {"replicated", NULL, NULL, cp_in_place_finish, NULL, "done",
     "old nodes kept until the next restore"},
};
const struct cc_transition_table cp_registry_restore_table = {"registry_restore", "new", "done",
                                                              rows, sizeof(rows) / sizeof(rows[0])};

static enum cc_error reach_registry(void *subject)
{
    struct cp_in_place *all = subject;
    return cp_registry_open(all->restore.context);
}

const char *cp_registry_restore_run(struct cp_context *context)
{
    return cp_path(context, "run/backup/registry.restore");
}

static enum cc_error walk(struct cp_in_place *all)
{
    struct cp_context *context = all->restore.context;
    enum cc_error error =
        cp_run(context, &(struct cp_run_request){.table = &cp_registry_restore_table,
                                                 .subject = CP_REGISTRY,
                                                 .data = all,
                                                 .file = cp_registry_restore_run(context)});
    if (!error && !context->dry_run)
        error = cp_registry_open(context);
    return error || context->dry_run ? error : cp_audit(context, "registry_restore", CP_REGISTRY);
}

enum cc_error cp_registry_restore(struct cp_context *context, const char *to)
{
    struct cp_in_place all = {.restore = {.context = context, .in_place = true}};
    enum cc_error error = cp_restore_aim(&all.restore, to);
    cp_repository_of_registry(context, &all.restore.repository);
    cp_registry_group(context, &all.group);
    cp_in_place_init(&all, cp_path(context, "registry/pg.before-restore"));
    if (!error)
        error = cp_repository_prepare(&all.restore.repository);
    if (!error && !cp_local_is_up(context))
        error = cp_fail(context, CC_UNAVAILABLE,
                        "the home's supervisor is not up; run: callcell up (it need not succeed)");
    if (!error && !cp_file_exists(cp_registry_restore_run(context)))
        error = cp_restore_reach(&all.restore);
    return error ? error : walk(&all);
}
