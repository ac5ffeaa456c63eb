/*
 * One transaction of pg.c: its copied queries, its steps through the pipeline, and what came of it.
 * No socket here; not for others than pg.c.
 */
#ifndef CC_IO_PG_TRANSACTION_H
#define CC_IO_PG_TRANSACTION_H

#include "base/io/pg.h"

enum {
    PG_PREPARED_MAX = 256,              /* statements on one connection */
    PG_QUERIES = CC_PG_QUERIES_MAX + 2, /* and the guard's and the tenant's */
    PG_STEPS = 2 * PG_QUERIES,
    PG_MESSAGE_MAX = 256
};

/* The statements that one connection holds. */
struct pg_prepared {
    const char *names[PG_PREPARED_MAX];
    size_t count;
};

struct pg_query {
    struct cc_pg_statement statement;
    const char *values[CC_PG_PARAMETERS_MAX]; /* NUL-terminated, in the transaction's bytes */
    int count;
};

struct pg_step {
    bool prepares;
    size_t query;
};

struct pg_transaction {
    struct cc_pg_pool *pool;
    struct pg_transaction *next; /* in the queue */
    void *connection;            /* NULL: queued */
    struct cc_deadline deadline;
    bool writes;
    const struct cc_pg_guard *guard; /* NULL: none */
    size_t preamble;                 /* queries that are not the submitter's */
    cc_pg_done done;
    void *context;
    struct pg_query queries[PG_QUERIES];
    size_t query_count;
    struct pg_step steps[PG_STEPS];
    size_t step_count, step;
    PGresult *results[PG_QUERIES];
    char sqlstate[6];
    char message[PG_MESSAGE_MAX];
    bool failed, not_replicated;
    bool unheard; /* nobody waits for its outcome (any more): done is not called */
    char bytes[];
};

/* guard may be NULL; only one that writes takes it. CC_INVALID: too many queries or parameters, or
 * a NUL byte in one. */
enum cc_error pg_transaction_create(const struct cc_pg_transaction *from,
                                    const struct cc_pg_guard *guard,
                                    struct pg_transaction **out) CC_MUST_CHECK;
void pg_transaction_free(struct pg_transaction *transaction);

/* Puts all commands and the Sync into the connection's output. CC_UNAVAILABLE: it is broken;
 * CC_FULL: it holds too many statements. */
enum cc_error pg_transaction_send(struct pg_transaction *transaction, PGconn *pg,
                                  struct pg_prepared *prepared) CC_MUST_CHECK;

/* A result of the current step (taken over), or NULL: the step is over. */
void pg_transaction_take(struct pg_transaction *transaction, struct pg_prepared *prepared,
                         PGresult *result);

/* What it came to, after the Sync was answered. */
enum cc_error pg_transaction_error(const struct pg_transaction *transaction);
/* Whether the failure says that this connection serves no longer (shutdown, read-only node). */
bool pg_transaction_spoils_connection(const struct pg_transaction *transaction);

void pg_transaction_report(struct pg_transaction *transaction, enum cc_error error, bool standby);

#endif
