/*
 * Whether a cell's standby may be promoted, from what was seen of it (pure).
 */
#ifndef CP_FAILOVER_DECIDE_H
#define CP_FAILOVER_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

struct cp_failover_view {
    bool standby_answers; /* its Postgres takes connections */
    bool was_synchronous; /* when the primary was last seen, its commits waited for this standby */
    int64_t
        gap_bytes; /* of WAL between what the primary and the standby last said; 0: none known */
    int64_t gap_s; /* since the primary was last seen */
    bool accept_loss;
};

enum cp_failover_verdict {
    CP_FAILOVER_GO,           /* nothing acknowledged is lost */
    CP_FAILOVER_LOSES,        /* something may be lost, and nobody has accepted that */
    CP_FAILOVER_GO_WITH_LOSS, /* it was accepted */
    CP_FAILOVER_NO_STANDBY    /* there is nothing to promote */
};

enum cp_failover_verdict cp_failover_decide(const struct cp_failover_view *view);

#endif
