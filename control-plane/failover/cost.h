/*
 * What a command cost: how long a cell's Postgres took no writes meanwhile, how many calls edges
 * answered by themselves, how many events workers of its sites shipped.
 *
 * A thread of its own writes one row (fencing.probe) again and again, to whichever node takes it; a
 * commit that comes with a warning ("not replicated") does not count. Nothing else of a command is
 * shared with that thread.
 */
#ifndef CP_FAILOVER_COST_H
#define CP_FAILOVER_COST_H

#include "control-plane/postgres/group.h"

struct cp_cost; /* opaque */

/* Begins to measure. group, with what it points to, outlives the measurement; number is its cell's.
 */
enum cc_error cp_cost_start(struct cp_postgres_group *group, int number,
                            struct cp_cost **out) CC_MUST_CHECK;

/* Waits up to 10 s for one more write, ends the thread, prints one line on stderr:
 * "cost: writes were held up for 1.2 s; 0 edge answers; 14 events shipped", or what of it is not
 * known. Frees it; NULL is none. */
void cp_cost_print(struct cp_cost *cost);
/* Ends it without a word: the command failed before it did anything. */
void cp_cost_drop(struct cp_cost *cost);

#endif
