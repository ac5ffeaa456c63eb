/*
 * Running other programs (initdb, pg_autoctl, sv): no shell, a deadline, its last words in the
 * message.
 */
#ifndef CP_PROCESS_H
#define CP_PROCESS_H

#include "control-plane/context.h"

struct cp_process {
    const char *const *argv;        /* NULL-terminated */
    const char *const *environment; /* "NAME=value" to add, NULL-terminated; may be NULL */
    int timeout_s;
    const char *log; /* file that the output is appended to and that is locked meanwhile, or NULL */
};

/* CC_OK: exit status 0. Else a message with the last line of its output. CC_TIMEOUT: killed. */
enum cc_error cp_process_run(struct cp_context *context,
                             const struct cp_process *process) CC_MUST_CHECK;

/* Waits until no program that a killed command started with this log is at work; not in a dry
 * run, which starts none. */
enum cc_error cp_process_wait_earlier(struct cp_context *context, const char *log,
                                      int timeout_s) CC_MUST_CHECK;

/* Starts argv as a session of its own that outlives us, standard streams to log. */
enum cc_error cp_process_detach(struct cp_context *context, const char *const *argv,
                                const char *log, int *out_pid) CC_MUST_CHECK;

#endif
