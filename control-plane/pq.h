/*
 * Asking a Postgres that may be frozen: libpq with deadlines of our own. Blocking; for the CLI and
 * for duties, never on a loop. Usable from several threads, each with connections of its own.
 */
#ifndef CP_PQ_H
#define CP_PQ_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* Tries all conninfos at once (a frozen host must not keep us from the next; one host each) and
 * gives the first that is connected; NULL when none is within timeout_ms. The caller PQfinish()es
 * it. */
PGconn *cp_pq_connect(const char *const *conninfos, int count, int timeout_ms);
/* The same; on failure why is what each of them said, a line each. */
PGconn *cp_pq_connect_or_why(const char *const *conninfos, int count, int timeout_ms, char *why,
                             size_t size);

/* One statement with text parameters, or several without. A result to PQclear: the last one's, or
 * an SQL error's.
 *
 * NULL: what became of it is not known. There was no answer within timeout_ms or the connection was
 * lost (it is then of no more use), or a commit returned with the "not replicated" warning, which
 * is no acknowledgement. Of a connection that is NULL: nothing was asked. */
PGresult *cp_pq_query(PGconn *connection, const char *sql, const char *const *parameters, int count,
                      int timeout_ms);

/* Why the last statement failed, for people; result as cp_pq_query gave it. Lives as long as both.
 */
const char *cp_pq_trouble(const PGconn *connection, const PGresult *result);

/* Whether one row came whose first value is true. */
bool cp_pq_is_true(const PGresult *result);

#endif
