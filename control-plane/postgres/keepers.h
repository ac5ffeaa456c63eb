/*
 * A duty of the leader: sees to it that a Postgres that crashes is started again at once
 * (docs/adr/0016-keepers-are-told.md).
 */
#ifndef CP_POSTGRES_KEEPERS_H
#define CP_POSTGRES_KEEPERS_H

#include "control-plane/context.h"

/* Tells each keeper of the registry and of the cells that are ready, when nobody told it yet, that
 * its Postgres is to run; when both run. */
enum cc_error cp_keepers_duty(struct cp_context *context) CC_MUST_CHECK;

#endif
