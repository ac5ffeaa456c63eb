/*
 * A duty of the leader: a replica that its monitor made the primary becomes it, also when its
 * Postgres died of the promotion or was killed in it (a full disk, the kernel's lack of memory).
 * pg_autoctl 2.0 asks its Postgres once and waits without end; one that was started again since
 * knows of nothing, and the cell takes no writes until somebody comes. Logged:
 * promotion_asked_again, promotion_needs_space (64 MB), promotion_cannot_be_asked.
 */
#ifndef CP_FAILOVER_LOST_PROMOTION_H
#define CP_FAILOVER_LOST_PROMOTION_H

#include "control-plane/context.h"

/* Looks at the cells that are ready and without durability only. One that cannot be asked keeps no
 * other from being looked at; its error is the duty's. Asking a node twice does nothing. */
enum cc_error cp_lost_promotion_duty(struct cp_context *context) CC_MUST_CHECK;

#endif
