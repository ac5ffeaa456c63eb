/*
 * How the parts of a cell's Postgres are just now, for the judgements of decide.h. Each ends within
 * four seconds, whatever is frozen.
 */
#ifndef CP_FAILOVER_LOOK_H
#define CP_FAILOVER_LOOK_H

#include "control-plane/failover/decide.h"
#include "control-plane/postgres/group.h"

void cp_look_at_monitor(struct cp_postgres_group *group, enum cp_postgres_part primary,
                        struct cp_monitor_view *out);
void cp_look_at_node(struct cp_postgres_group *group, enum cp_postgres_part node,
                     struct cp_node_view *out);
/* Whether the monitor calls this node the primary and is promoting no other; false too when it does
 * not answer. */
bool cp_look_monitor_agrees(struct cp_postgres_group *group, enum cp_postgres_part primary);

#endif
