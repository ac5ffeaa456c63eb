/*
 * Where a walk of a transition table is kept when the registry cannot keep it, because it is the
 * registry that is being mended: a file <path> with one JSON line, and <path>.lock, which the
 * process that walks holds.
 */
#ifndef CP_RUN_FILE_H
#define CP_RUN_FILE_H

#include "base/transitions.h"
#include "control-plane/context.h"

/* CC_CONFLICT with a message when another process holds it. out: the lock, which ends with the
 * process or with close. */
enum cc_error cp_run_file_lock(struct cp_context *context, const char *path,
                               int *out) CC_MUST_CHECK;

/* The state where a killed walk of the same command stands; else the table's first. */
enum cc_error cp_run_file_begin(struct cp_context *context, const char *path,
                                const struct cc_transition_table *table,
                                const char **out) CC_MUST_CHECK;

/* The last state ends the walk: the file goes. */
enum cc_error cp_run_file_record(struct cp_context *context, const char *path,
                                 const struct cc_transition_table *table,
                                 const char *state) CC_MUST_CHECK;

struct cp_run_file_kept {
    const char *command; /* JSON array of its words */
    const char *state;
    int64_t at_us;  /* when its last step was recorded */
    bool under_way; /* a process holds it just now */
};

/* What a walk that has not ended left there; false: there is none. */
bool cp_run_file_look(struct cp_context *context, const char *path, struct cp_run_file_kept *out);

#endif
