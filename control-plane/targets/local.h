/*
 * The local target: runit. One runsvdir per home supervises run/services/<name>; it outlives
 * `callcell`. runsv waits a second before it starts a process again that died at once; svlogd
 * bounds each log.
 */
#ifndef CP_TARGETS_LOCAL_H
#define CP_TARGETS_LOCAL_H

#include "control-plane/targets/target.h"

extern const struct cp_target cp_target_local;

/* The folder that the supervisor keeps about a service. */
const char *cp_local_service_folder(struct cp_context *context, const char *service);

/* Starts runsvdir when it does not run. All started services come up, those too that were stopped
 * by hand meanwhile. */
enum cc_error cp_local_up(struct cp_context *context) CC_MUST_CHECK;

/* Stops every service, edges first and the registry last, then the supervisor, and checks that no
 * process of the home is left. */
enum cc_error cp_local_down(struct cp_context *context) CC_MUST_CHECK;
/* The same for one site (control-plane/sites.h). */
enum cc_error cp_local_site_up(struct cp_context *context, const char *site) CC_MUST_CHECK;

bool cp_local_is_up(struct cp_context *context);

/* Of the services that answer calls, and run: how many, and how many of them do not come before
 * others (targets/priority.h). */
struct cp_local_priority {
    int running, behind;
};
struct cp_local_priority cp_local_priority(struct cp_context *context);

#endif
