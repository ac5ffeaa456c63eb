/*
 * A node that becomes the primary without its monitor, which died with the other site; and the new
 * monitor that it then gets. Each function may be repeated after a kill at any point.
 */
#ifndef CP_POSTGRES_PROMOTE_H
#define CP_POSTGRES_PROMOTE_H

#include "control-plane/postgres/group.h"

/* Whether it follows another node, by its files: it need not run. */
bool cp_postgres_is_replica(struct cp_postgres_group *group, enum cp_postgres_part node);
/* Until a replica answers. Its keeper gets some seconds to start it; then the keeper is stopped and
 * the replica is started without it. One that still recovers after 60 s is left to it, since a
 * recovery that is ended begins anew: CC_TIMEOUT, and a repetition waits on. One that cannot be
 * started is given back to its keeper. A node that is no replica is left as it is. */
enum cc_error cp_postgres_wake(struct cp_postgres_group *group,
                               enum cp_postgres_part node) CC_MUST_CHECK;
/* Back to its keeper, when it was taken from it and not promoted. */
enum cc_error cp_postgres_give_back(struct cp_postgres_group *group,
                                    enum cp_postgres_part node) CC_MUST_CHECK;
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
