/* A duty of the leader: whether the programs that answer calls still come before Postgres
 * (docs/adr/0021): those that somebody started without the right to it do not, and answer late. */
#ifndef CP_PRIORITY_WATCH_H
#define CP_PRIORITY_WATCH_H

#include "control-plane/context.h"

/* Keeps how many do not as the fact calls_behind of "home". */
enum cc_error cp_priority_watch(struct cp_context *context) CC_MUST_CHECK;

#endif
