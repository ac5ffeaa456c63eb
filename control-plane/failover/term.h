/*
 * The fencing term of a cell's primary (docs/adr/0011). What the registry holds may be older than
 * what the primary holds: it may have been restored from a backup. The primary's answer counts.
 */
#ifndef CP_FAILOVER_TERM_H
#define CP_FAILOVER_TERM_H

#include "control-plane/postgres/group.h"

/* The highest that files and Postgres tell of, without the registry: cell.json and the workers'
 * lease at each site, and the node (CP_POSTGRES_PRIMARY: whichever takes writes) when it answers.
 * From 1. */
int64_t cp_term_seen(struct cp_postgres_group *group, enum cp_postgres_part node);
/* The same of the primary, and what the registry holds. */
enum cc_error cp_term_known(struct cp_postgres_group *group, int64_t *out) CC_MUST_CHECK;

/* Raises the primary's term to wanted at least; *in_force: what it is then. connection: to the
 * cell's database. CC_UNAVAILABLE with a message. */
enum cc_error cp_term_raise(struct cp_postgres_group *group, PGconn *connection, int64_t wanted,
                            int64_t *in_force) CC_MUST_CHECK;

/* A term that nobody has written under: *term, or the one after what is in force, when that is
 * higher. The lease and the move in the registry are told before it is raised. */
enum cc_error cp_term_raise_new(struct cp_postgres_group *group, PGconn *connection,
                                int64_t *term) CC_MUST_CHECK;

#endif
