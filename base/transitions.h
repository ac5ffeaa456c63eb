/*
 * Persisted transitions: everything that takes long (provisioning, claiming a number, failing over)
 * is a table of rows walked one after another. This is the pure part: the table, which row comes
 * next, and the picture for the documents. control-plane/run.c walks it against the registry.
 *
 * A row: in state `state`, when `guard` holds (NULL: always), do `act`, check with `verify` (NULL:
 * act says enough), then the run is in `next`. On a killed process the same row runs again: act
 * must be idempotent. `comment` is the log line and the progress line.
 */
#ifndef CC_TRANSITIONS_H
#define CC_TRANSITIONS_H

#include "base/buffer.h"
#include "base/err.h"

typedef bool (*cc_transition_guard)(const void *subject);
typedef enum cc_error (*cc_transition_act)(void *subject);

struct cc_transition {
    const char *state;
    cc_transition_guard guard; /* pure */
    const char *guard_name;    /* for the picture; NULL with guard NULL */
    cc_transition_act act;     /* NULL: nothing to do */
    cc_transition_act verify;
    const char *next;
    const char *comment;
};

struct cc_transition_table {
    const char *name; /* "cell_create" */
    const char *first;
    const char *last;
    const struct cc_transition *rows;
    size_t count;
};

/* The row to run in this state: the first whose guard holds; NULL when the state is last or none
 * fits. */
const struct cc_transition *cc_transitions_next(const struct cc_transition_table *table,
                                                const char *state, const void *subject);

/* Whether the table is sound: every state reachable from first, last reachable from every state,
 * each state's last row unguarded, names not empty. On CC_INVALID problem names the state. */
enum cc_error cc_transitions_check(const struct cc_transition_table *table,
                                   struct cc_buffer *problem) CC_MUST_CHECK;

/* Mermaid state diagram. */
void cc_transitions_diagram(const struct cc_transition_table *table, struct cc_buffer *out);

#endif
