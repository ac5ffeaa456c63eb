/*
 * The registry: the control plane's own Postgres, a primary and a replica
 * (provision/registry_create.h), reached over its socket by the home's owner (peer authentication).
 * Blocking, each statement for registry_answer_s at most: for the CLI and for duties, never on a
 * loop.
 *
 * A statement that got no answer, whose connection was lost under it, or that was committed on the
 * primary alone is neither done nor undone: CC_UNKNOWN_OUTCOME, and the connection is closed. A run
 * stays at its row then, and rows may be done again (run.h): the same command goes on.
 */
#ifndef CP_REGISTRY_H
#define CP_REGISTRY_H

#include "control-plane/context.h"

/* libpq keywords, as the home's owner: whichever node takes writes. */
const char *cp_registry_conninfo(struct cp_context *context);
/* The same as the role of serve, by password: it lies beside those of the nodes. */
const char *cp_registry_serve_conninfo(struct cp_context *context);

/* Connects within timeout_ms or not at all; no message. */
enum cc_error cp_registry_try(struct cp_context *context, int timeout_ms) CC_MUST_CHECK;

/* Connects when not connected; waits up to 15 s for one that starts or is failed over.
 * CC_UNAVAILABLE with a message that says what to do. */
enum cc_error cp_registry_open(struct cp_context *context) CC_MUST_CHECK;

/* One statement; parameters are text, NULL is SQL NULL. The result lives as long as the context.
 * CC_CONFLICT for class 23, CC_UNKNOWN_OUTCOME as above, all others CC_PROTOCOL; with a message. */
enum cc_error cp_sql(struct cp_context *context, PGresult **out, const char *sql,
                     const char *const *parameters, int count) CC_MUST_CHECK;
#define CP_PARAMETERS(...)                                                                         \
    (const char *const[]){__VA_ARGS__},                                                            \
        (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
#define CP_NO_PARAMETERS NULL, 0

/* The same for a statement that only reads: asked once more, on a new connection, when the
 * first gave no answer (the node is restarted or frozen, or the other one takes over). */
enum cc_error cp_sql_read(struct cp_context *context, PGresult **out, const char *sql,
                          const char *const *parameters, int count) CC_MUST_CHECK;

/* The same for statements whose result is of no interest. */
enum cc_error cp_sql_run(struct cp_context *context, const char *sql, const char *const *parameters,
                         int count) CC_MUST_CHECK;

/* Ends a transaction that failed; whether it worked does not matter: one whose connection is gone
 * is gone with it. */
void cp_sql_rollback(struct cp_context *context);

/* Value of a row as text; "" for NULL. */
const char *cp_sql_value(const PGresult *result, int row, int column);
int64_t cp_sql_integer(const PGresult *result, int row, int column);

/* Appends to the audit: who did what to what. */
enum cc_error cp_audit(struct cp_context *context, const char *action,
                       const char *subject) CC_MUST_CHECK;

/* A bytea parameter: "\x...". */
const char *cp_sql_bytes(struct cp_context *context, struct cc_slice bytes);

#endif
