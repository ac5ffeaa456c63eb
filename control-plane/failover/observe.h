/*
 * What is remembered of a cell's replication while its primary can be seen: when the primary is
 * gone, this is the proof that its standby holds all that was acknowledged. The leading serve
 * writes it every second into a file of the cell at each site, durability.json.
 */
#ifndef CP_FAILOVER_OBSERVE_H
#define CP_FAILOVER_OBSERVE_H

#include "control-plane/failover/decide.h"
#include "control-plane/postgres/group.h"

/* A duty of the leader: looks at every cell that is ready. */
enum cc_error cp_observe_cells(struct cp_context *context) CC_MUST_CHECK;

/* Fills was_synchronous, gap_bytes and gap_s: from the primary when it answers. When it does not,
 * the file at the site proves nothing by itself, since a primary that only this site cannot see may
 * have gone on alone; its own disk must say that its settings are as they were when it was seen.
 * That holds from the moment on in which it is stopped, so ask again after fencing. reason says why
 * not. */
void cp_observation_judge(struct cp_postgres_group *group, enum cp_postgres_part standby,
                          const char *site, struct cp_failover_view *view, const char **reason);
/* Which node was the primary when one was last seen; CP_POSTGRES_PRIMARY when nobody noted it. */
enum cp_postgres_part cp_observation_primary(struct cp_postgres_group *group, const char *site);

#endif
