/*
 * Walks a transition table (base/transitions.h) against the registry: act, verify, record; row by
 * row.
 *
 * A run belongs to (table, subject). Killed at any row, it goes on at that row when the same
 * command is given again. The lease is a session lock in the registry: Postgres gives it back the
 * moment its holder dies, so that nobody waits for a time-out before going on; the registry names
 * the holder.
 */
#ifndef CP_RUN_H
#define CP_RUN_H

#include "base/transitions.h"
#include "control-plane/context.h"

struct cp_run_request {
    const struct cc_transition_table *table;
    const struct cc_transition_table *opposite; /* undoes this one, or NULL */
    const char *subject;                        /* "se-1", "se/+46701234567" */
    void *data;                                 /* given to guard, act and verify */
    const char *file; /* keeps the run in place of the registry (run_file.h), or NULL */
};

/* Runs to the last state, or prints the rows that it would run when the context says dry run.
 * Progress on stderr: "3/12 replica: ...". CC_CONFLICT when another command walks it, or its
 * opposite, just now. A run left by a command with other arguments starts from the first row: rows
 * are idempotent. An unfinished run of the opposite is closed when this one begins: what it had
 * done is being undone, and its command begins anew. */
enum cc_error cp_run(struct cp_context *context,
                     const struct cp_run_request *request) CC_MUST_CHECK;

/* Whether a run of this table and subject was begun and not finished. */
enum cc_error cp_run_unfinished(struct cp_context *context, const char *table, const char *subject,
                                bool *out) CC_MUST_CHECK;

/* The same of the request's table or its opposite: then there is something to do, even where all
 * looks as the command would leave it. */
enum cc_error cp_run_is_due(struct cp_context *context, const struct cp_run_request *request,
                            bool *out) CC_MUST_CHECK;

/* Whether a run of this request came to its last state at some time. */
enum cc_error cp_run_was_finished(struct cp_context *context, const struct cp_run_request *request,
                                  bool *out) CC_MUST_CHECK;

#endif
