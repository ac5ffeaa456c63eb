/*
 * Whether what the primary acknowledges is on a replica too, asked every second. Rim: Postgres.
 *
 * Judged by the setting synchronous_standby_names, which any role may read: pg_auto_failover
 * empties it when the last replica is gone, and from then on commits wait for nobody.
 * (pg_stat_replication hides its columns from roles without pg_read_all_stats. With names set and
 * no replica, commits wait: held up, but not degraded.)
 */
#ifndef CELL_DURABILITY_H
#define CELL_DURABILITY_H

#include "cell/worker.h"

struct cell_durability; /* opaque */
/* Begins to ask; logs each change. */
enum cc_error cell_durability_create(struct cell_worker *worker,
                                     struct cell_durability **out) CC_MUST_CHECK;
void cell_durability_free(struct cell_durability *durability);

struct cell_durability_state {
    bool known;    /* a primary has answered since the start */
    bool degraded; /* at the last answer */
    int64_t seconds_since_ok;
};
struct cell_durability_state cell_durability_state(const struct cell_durability *durability);

#endif
