/*
 * A duty of the leader: sees to it that a Postgres that crashes is started again at once
 * (docs/adr/0016-keepers-are-told.md).
 */
#ifndef CP_POSTGRES_KEEPERS_H
#define CP_POSTGRES_KEEPERS_H

#include "control-plane/context.h"

/* Tells the keepers of the registry and of the cells that are ready that their Postgres is to run:
 * those that run, have no such note yet, and whose Postgres answers. One that cannot be told keeps
 * nobody else from being told; its error is the duty's. */
enum cc_error cp_keepers_duty(struct cp_context *context) CC_MUST_CHECK;

#endif
