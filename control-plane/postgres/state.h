/*
 * How a Postgres under pg_auto_failover is: waits for what must come true.
 */
#ifndef CP_POSTGRES_STATE_H
#define CP_POSTGRES_STATE_H

#include "control-plane/postgres/group.h"

/* Until the monitor sees one primary and one healthy secondary, and wants nothing else; what it
 * knew before its own last start is not believed. CC_TIMEOUT after 60 s. */
enum cc_error cp_postgres_wait_streaming(struct cp_postgres_group *group) CC_MUST_CHECK;
/* Until the primary's commits wait for the replica. CC_TIMEOUT after 60 s. */
enum cc_error cp_postgres_wait_synchronous(struct cp_postgres_group *group) CC_MUST_CHECK;

/* Which node takes writes, or CP_POSTGRES_PRIMARY when none does just now; does not wait. */
enum cp_postgres_part cp_postgres_find_primary(struct cp_postgres_group *group);
/* Whether the monitor has the node in its list. */
enum cc_error cp_postgres_is_known(struct cp_postgres_group *group, enum cp_postgres_part node,
                                   bool *out) CC_MUST_CHECK;
/* Until this node takes writes. CC_TIMEOUT after 60 s. */
enum cc_error cp_postgres_wait_writable(struct cp_postgres_group *group,
                                        enum cp_postgres_part node) CC_MUST_CHECK;

#endif
