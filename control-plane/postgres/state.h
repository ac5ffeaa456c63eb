/*
 * How a Postgres under pg_auto_failover is: waits for what must come true.
 */
#ifndef CP_POSTGRES_STATE_H
#define CP_POSTGRES_STATE_H

#include "control-plane/postgres/group.h"

/* Until the monitor sees one primary and one healthy secondary, and wants nothing else. CC_TIMEOUT
 * after 60 s. */
enum cc_error cp_postgres_wait_streaming(struct cp_postgres_group *group) CC_MUST_CHECK;
/* Until the primary's commits wait for the replica. CC_TIMEOUT after 60 s. */
enum cc_error cp_postgres_wait_synchronous(struct cp_postgres_group *group) CC_MUST_CHECK;

#endif
