/*
 * Makes the parts of a Postgres under pg_auto_failover. Each function may be repeated after a kill
 * at any point: what is whole stays, what is half made is made anew.
 */
#ifndef CP_POSTGRES_MAKE_H
#define CP_POSTGRES_MAKE_H

#include "control-plane/postgres/group.h"

/* Folders and the passfile that pg_autoctl and replication log in with. */
enum cc_error cp_postgres_prepare(struct cp_postgres_group *group) CC_MUST_CHECK;
enum cc_error cp_postgres_make_monitor(struct cp_postgres_group *group) CC_MUST_CHECK;
/* How soon a node counts as lost, and what it may not decide (migrations/monitor). */
enum cc_error cp_postgres_tune_monitor(struct cp_postgres_group *group) CC_MUST_CHECK;
/* Node 1, with nothing in it, as the primary. */
enum cc_error cp_postgres_make_primary(struct cp_postgres_group *group) CC_MUST_CHECK;
/* Another node, from a base backup of the primary. */
enum cc_error cp_postgres_make_replica(struct cp_postgres_group *group,
                                       enum cp_postgres_part node) CC_MUST_CHECK;
/* A node whose data is there, under pg_autoctl and started. */
enum cc_error cp_postgres_run_node(struct cp_postgres_group *group,
                                   enum cp_postgres_part node) CC_MUST_CHECK;
/* The same for a node that was in use: what it holds is set aside as <data>.before. The monitor
 * must not know it any more. */
enum cc_error cp_postgres_remake_replica(struct cp_postgres_group *group,
                                         enum cp_postgres_part node) CC_MUST_CHECK;
/* The database, which nobody but its roles may enter. */
enum cc_error cp_postgres_make_database(struct cp_postgres_group *group) CC_MUST_CHECK;

/* postgresql.conf as it is appended to what initdb writes: for a comparison too. */
const char *cp_postgres_settings(struct cp_postgres_group *group, int64_t buffers_megabytes);
/* "name = value" of the monitor's settings; NULL-terminated. */
extern const char *const cp_postgres_monitor_settings[];

#endif
