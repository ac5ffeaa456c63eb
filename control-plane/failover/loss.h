/*
 * What a standby may lack when its primary cannot be asked: judged once before anything is done,
 * and once more when the old primary is fenced, since until then it may have been allowed to go on
 * alone.
 */
#ifndef CP_FAILOVER_LOSS_H
#define CP_FAILOVER_LOSS_H

#include "control-plane/postgres/group.h"

/* CC_CONFLICT, with the reason, when it is not proven that the standby holds all that was
 * acknowledged, and nobody accepted that. site: whose note of the primary is read. */
enum cc_error cp_loss_refuse(struct cp_postgres_group *group, enum cp_postgres_part standby,
                             const char *site, bool accept_loss) CC_MUST_CHECK;
/* Judges a fenced primary's standby. Refused, the monitor and the old primary go on, and the
 * standby is its keeper's again, for nothing was taken from them yet. */
enum cc_error cp_loss_refuse_fenced(struct cp_postgres_group *group, enum cp_postgres_part standby,
                                    const char *site, bool accept_loss) CC_MUST_CHECK;

#endif
