/*
 * Asking a Postgres that may be frozen: libpq with deadlines of our own. Blocking; for the CLI and
 * for duties, never on a loop. Usable from several threads, each with connections of its own.
 */
#ifndef CP_PQ_H
#define CP_PQ_H

#include <libpq-fe.h>

/* Tries all conninfos at once (a frozen host must not keep us from the next) and gives the first
 * that is connected; NULL when none is within timeout_ms. The caller PQfinish()es it. */
PGconn *cp_pq_connect(const char *const *conninfos, int count, int timeout_ms);

/* One statement, text parameters. NULL when there is no answer within timeout_ms or the connection
 * is lost (it is then of no more use); else a result to PQclear, which may be an SQL error. */
PGresult *cp_pq_query(PGconn *connection, const char *sql, const char *const *parameters, int count,
                      int timeout_ms);

#endif
