/*
 * How pg.c reaches Postgres: a conninfo taken apart once, so that each attempt can begin with
 * another host. libpq always begins with the first and has no time-out of its own when polled: a
 * first host that swallows packets would keep it from ever trying the second.
 */
#ifndef CC_IO_PG_CONNINFO_H
#define CC_IO_PG_CONNINFO_H

#include <libpq-fe.h>

#include "base/err.h"

struct pg_conninfo;

/* Hosts must be IPv4 literals or socket folders: no name is ever resolved. CC_INVALID with a log
 * line. */
enum cc_error pg_conninfo_create(const char *conninfo, const char *password, const char *name,
                                 struct pg_conninfo **out) CC_MUST_CHECK;
void pg_conninfo_free(struct pg_conninfo *info);

/* PQconnectStartParams beginning with the rotation-th host (modulo their number). NULL: out of
 * memory; the caller PQfinish()es it in any case. */
PGconn *pg_conninfo_start(const struct pg_conninfo *info, unsigned rotation);

#endif
