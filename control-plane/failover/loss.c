/* Rim: asks Postgres and starts services. */
#include "control-plane/failover/loss.h"

#include "control-plane/failover/decide.h"
#include "control-plane/failover/observe.h"
#include "control-plane/files.h"
#include "control-plane/postgres/promote.h"
#include "control-plane/targets/local.h"

enum cc_error cp_loss_refuse(struct cp_postgres_group *group, enum cp_postgres_part standby,
                             const char *site, bool accept_loss)
{
    struct cp_failover_view view = {.standby_answers = true, .accept_loss = accept_loss};
    const char *reason = "";
    cp_observation_judge(group, standby, site, &view, &reason);
    if (cp_failover_decide(&view) != CP_FAILOVER_LOSES)
        return CC_OK;
    return cp_fail(group->context, CC_CONFLICT,
                   "it is not proven that %s holds all that was acknowledged: %s; --accept-loss "
                   "does it all the same",
                   group->places[standby].name, reason);
}

static enum cc_error unfence(struct cp_postgres_group *group, enum cp_postgres_part part,
                             enum cp_postgres_part standby)
{
    struct cp_context *context = group->context;
    const char *service = group->places[part].service;
    if (part == standby)
        return cp_postgres_give_back(group, part);
    return cp_file_exists(cp_local_service_folder(context, service))
               ? group->target->start(context, service)
               : CC_OK;
}

enum cc_error cp_loss_refuse_fenced(struct cp_postgres_group *group, enum cp_postgres_part standby,
                                    const char *site, bool accept_loss)
{
    struct cp_context *context = group->context;
    enum cc_error error = cp_loss_refuse(group, standby, site, accept_loss);
    if (!error)
        return CC_OK;
    const char *why = cp_format(context, "%s", context->message);
    for (int part = 0; part < CP_POSTGRES_PARTS; part++) {
        if (unfence(group, part, standby))
            why =
                cp_format(context, "%s; %s did not start again", why, group->places[part].service);
    }
    return cp_fail(context, error, "%s", why);
}
