/*
 * The keepers' way to their monitor: PgBouncer in front of the monitor's socket. pg_autoctl
 * connects anew for each question, three times a second per node, and Postgres forks for each
 * connection; why, and what was measured: docs/adr/0020. Everybody else asks the monitor over its
 * socket.
 */
#ifndef CP_POSTGRES_POOLER_H
#define CP_POSTGRES_POOLER_H

#include "control-plane/postgres/group.h"

/* The service alone, not started. */
enum cc_error cp_postgres_pooler_install(struct cp_postgres_group *group) CC_MUST_CHECK;
/* Writes its files, installs and starts it, and waits until it listens; one that runs goes on. */
enum cc_error cp_postgres_pooler_start(struct cp_postgres_group *group) CC_MUST_CHECK;
/* Of a monitor that is given up: stopped for good, until start. */
void cp_postgres_pooler_stop(struct cp_postgres_group *group);

#endif
