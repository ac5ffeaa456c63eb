/*
 * Postgres over libpq without blocking: a bounded pool in pipeline mode, prepared statements per
 * connection, multi-host conninfo, own deadlines for connecting and for every transaction.
 */
#ifndef CC_IO_PG_H
#define CC_IO_PG_H

#include <libpq-fe.h>

#include "base/io/loop.h"
#include "base/slice.h"

struct cc_pg_pool; /* opaque */

/* name is the prepared statement's name on each connection; both texts are static. Parameters are
 * text ($1::type in the SQL); NULL data is SQL NULL. */
struct cc_pg_statement {
    const char *name;
    const char *sql;
};

/* What every write transaction begins with: a statement with one parameter that fails when writing
 * is not allowed. The owner may change parameter at any time between callbacks of the loop: it is
 * copied when a transaction is submitted. */
struct cc_pg_guard {
    const struct cc_pg_statement *statement;
    char parameter[24];
    const char *sqlstate; /* of its refusal: nothing was done, CC_UNAVAILABLE */
    void (*on_refused)(void *context, const char *message); /* from the loop, before done */
    void *context;
};

struct cc_pg_options {
    const char *name;                /* logs, application_name */
    const char *conninfo;            /* libpq keywords, multi-host, with target_session_attrs */
    const char *password;            /* NULL: none; kept apart so that conninfo may be logged */
    size_t connections;              /* at most; one, and more as transactions wait; default 4 */
    size_t queue_max;                /* transactions waiting, default 1,024 */
    int64_t connect_timeout_ms;      /* default 1,000; a further one has five seconds */
    const struct cc_pg_guard *guard; /* NULL: none; outlives the pool */
    /* NULL, or a pool to the same servers, which outlives this one: while both have failed only the
     * scout keeps on trying, and this one is quiet for five seconds. */
    const struct cc_pg_pool *scout;
    /* NULL, or what every new connection is asked first; outlives the pool. A process of Postgres
     * knows no table until it is asked about one, and that may take longer than a call has. Neither
     * its deadline nor its done counts. */
    const struct cc_pg_transaction *warm_up;
};
enum cc_error cc_pg_pool_create(struct cc_loop *loop, const struct cc_pg_options *options,
                                struct cc_pg_pool **out) CC_MUST_CHECK;
void cc_pg_pool_free(struct cc_pg_pool *pool); /* callbacks get CC_CANCELLED before it returns */
bool cc_pg_pool_is_up(const struct cc_pg_pool *pool); /* at least one connection is usable */
/* Not up, and an attempt to connect has failed or the connection was lost. */
bool cc_pg_pool_has_failed(const struct cc_pg_pool *pool);

enum { CC_PG_PARAMETERS_MAX = 16, CC_PG_QUERIES_MAX = 8 };
struct cc_pg_query {
    const struct cc_pg_statement *statement;
    struct cc_slice parameters[CC_PG_PARAMETERS_MAX];
    size_t parameter_count;
};

struct cc_pg_outcome {
    PGresult *const *results; /* one per query, borrowed for the callback */
    size_t count;
    bool standby;         /* this connection was made to a hot standby */
    const char *sqlstate; /* of the failure, "" if none */
    const char *message;  /* of the failure, one line */
};
/* CC_OK; CC_CONFLICT (SQLSTATE class 23), CC_INVALID (class 22, P0001), CC_FORBIDDEN (42501),
 * CC_UNKNOWN_OUTCOME (connection lost or deadline passed after a write was sent, or committed with
 * the "not replicated" warning), CC_TIMEOUT (57014 too), CC_UNAVAILABLE (nothing was done: also
 * the guard's refusal, 25006, classes 08, 40, 53), CC_CANCELLED, CC_PROTOCOL (other SQL errors). */
typedef void (*cc_pg_done)(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);

struct cc_pg_transaction {
    struct cc_slice tenant; /* not empty: set_config('callcell.tenant', tenant, true) comes first,
                               which row-level security needs */
    const struct cc_pg_query *queries;
    size_t query_count;
    bool writes;
    int64_t deadline_us;
    cc_pg_done done; /* exactly once, from the loop, never before cc_pg_submit returns */
    void *context;
};
/* One implicit transaction (pipeline up to Sync): all queries or none. Copies everything. CC_FULL
 * when the queue is full, CC_UNAVAILABLE at once when no connection is usable and none is being
 * made in time (the breaker: after a failed connect, 1 s). */
enum cc_error cc_pg_submit(struct cc_pg_pool *pool,
                           const struct cc_pg_transaction *transaction) CC_MUST_CHECK;

/* Whether a notice of Postgres says that a commit waited for the replica in vain: it is done here,
 * and perhaps nowhere else. Such a commit is no acknowledgement. */
bool cc_pg_is_not_replicated(const PGresult *notice);

/* Column 0.. of row r as a slice; empty for NULL. */
struct cc_slice cc_pg_value(const PGresult *result, int row, int column);

#endif
