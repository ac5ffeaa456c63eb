/*
 * What an evacuation without the registry keeps in files below run/break-glass of the home in which
 * it is typed, so that it goes on after a kill; and the log of what was done by hand, in the cell's
 * folder at the site that it went to.
 */
#ifndef CP_FAILOVER_BREAK_GLASS_H
#define CP_FAILOVER_BREAK_GLASS_H

#include "control-plane/context.h"

/* Where its rows are recorded (control-plane/run_file.h). */
const char *cp_break_glass_run(struct cp_context *context, const char *cell);

/* Makes the folder and holds the cell until close(*out) or the end of the process. CC_CONFLICT with
 * a message when another command holds it. */
enum cc_error cp_break_glass_lock(struct cp_context *context, const char *cell,
                                  int *out) CC_MUST_CHECK;

/* Where it goes to and under which term. */
enum cc_error cp_break_glass_keep(struct cp_context *context, const char *cell, const char *to,
                                  int64_t term) CC_MUST_CHECK;
/* False: nothing is kept. *to becomes one of the constants of sites.h. */
bool cp_break_glass_recall(struct cp_context *context, const char *cell, const char **to,
                           int64_t *term);
/* Of an earlier evacuation, before a new one begins. */
enum cc_error cp_break_glass_forget(struct cp_context *context, const char *cell) CC_MUST_CHECK;

/* Appends a line, once for each term, and syncs it. */
enum cc_error cp_break_glass_log(struct cp_context *context, const char *cell, const char *to,
                                 int64_t term) CC_MUST_CHECK;

#endif
