/*
 * A node that becomes the primary without its monitor, which died with the other site; and the new
 * monitor that it then gets. Each function may be repeated after a kill at any point.
 */
#ifndef CP_POSTGRES_PROMOTE_H
#define CP_POSTGRES_PROMOTE_H

#include "control-plane/postgres/group.h"

/* Takes the node from its monitor and makes it the primary, which waits for no replica. It goes on
 * as it is, takes writes, and is under no supervisor until cp_postgres_adopt. */
enum cc_error cp_postgres_stand_alone(struct cp_postgres_group *group,
                                      enum cp_postgres_part node) CC_MUST_CHECK;
/* Takes it under the monitor that there is now; it is down meanwhile. */
enum cc_error cp_postgres_adopt(struct cp_postgres_group *group,
                                enum cp_postgres_part node) CC_MUST_CHECK;
/* The first and a stop: it is down afterwards, until cp_postgres_run_node. */
enum cc_error cp_postgres_promote_alone(struct cp_postgres_group *group,
                                        enum cp_postgres_part node) CC_MUST_CHECK;
/* Ends a primary: one that answers is stopped cleanly, so that its replica gets all that it wrote,
 * for as long as ten seconds; any other is killed, where it can be reached. */
void cp_postgres_stop_primary(struct cp_postgres_group *group, enum cp_postgres_part node);
/* A monitor that knows no node yet, at its place; what was there is thrown away. */
enum cc_error cp_postgres_remake_monitor(struct cp_postgres_group *group) CC_MUST_CHECK;
/* Kills a part where it can be reached, a Postgres without its keeper too; not being there is
 * success. */
void cp_postgres_fence(struct cp_postgres_group *group, enum cp_postgres_part part);

#endif
