/*
 * Commands that are done once per key: whoever did not hear the answer gives the command again
 * under the same key and gets the answer of the first time, whatever has happened since. Keys are
 * kept for 30 days.
 */
#ifndef CP_IDEMPOTENCY_H
#define CP_IDEMPOTENCY_H

#include "control-plane/context.h"

struct cp_idempotency {
    const char *key;     /* NULL: none was given; nothing below does anything then */
    const char *command; /* "number create +46701234567": for people */
    const char *table;   /* of transitions, and subject: the run that the command walks */
    const char *subject;
    bool done;    /* the command was done under this key before */
    bool changed; /* what it answered then */
    bool resumed; /* begun before, and not known to be done */
};

/* arguments: all that decides what the command does. Fills done, changed and resumed.
 * CC_UNSUPPORTED with a message: no key, or a key of other arguments. */
enum cc_error cp_idempotency_begin(struct cp_context *context, struct cp_idempotency *once,
                                   const char *arguments) CC_MUST_CHECK;

/* Records the answer. A command that was resumed and now finds nothing to do, because the run of
 * the first attempt had done it, answers as that one would have: *changed is set. */
enum cc_error cp_idempotency_finish(struct cp_context *context, const struct cp_idempotency *once,
                                    bool *changed) CC_MUST_CHECK;

#endif
