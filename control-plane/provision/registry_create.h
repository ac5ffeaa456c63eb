/*
 * The registry's Postgres: a monitor and two nodes like a cell's (control-plane/postgres/), made by
 * `callcell init`, which may be killed anywhere and given again.
 */
#ifndef CP_PROVISION_REGISTRY_CREATE_H
#define CP_PROVISION_REGISTRY_CREATE_H

#include "control-plane/context.h"
#include "control-plane/postgres/group.h"

void cp_registry_group(struct cp_context *context, struct cp_postgres_group *out);

/* Its services, stopped: before the supervisor starts, which looks for new ones only every 5 s. */
enum cc_error cp_registry_install(struct cp_context *context) CC_MUST_CHECK;
/* Monitor, primary, database, migrations, the role of serve. The supervisor runs. */
enum cc_error cp_registry_create(struct cp_context *context) CC_MUST_CHECK;
/* The second node; does not wait until it is synchronous. */
enum cc_error cp_registry_replicate(struct cp_context *context) CC_MUST_CHECK;
/* CC_UNSUPPORTED: its nodes' data lie where they did before ADR 22, and nothing would find them. */
enum cc_error cp_registry_refuse_old_home(struct cp_context *context) CC_MUST_CHECK;
/* Starts what was made. */
enum cc_error cp_registry_start(struct cp_context *context) CC_MUST_CHECK;
/* Until it has a primary and a synchronous replica. */
enum cc_error cp_registry_wait_replicated(struct cp_context *context) CC_MUST_CHECK;

#endif
