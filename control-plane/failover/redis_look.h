/*
 * Whether a cell's Redis answers, for who decides about killing it.
 */
#ifndef CP_FAILOVER_REDIS_LOOK_H
#define CP_FAILOVER_REDIS_LOOK_H

#include "control-plane/context.h"

/* It takes connections and does not answer within two seconds, or answers that a script keeps it
 * busy. One that is down, or refuses the question, does not hang. */
bool cp_redis_hangs(struct cp_context *context, const char *cell, int cell_number,
                    const char *site);

#endif
