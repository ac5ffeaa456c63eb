#include "base/transitions.h"

#include <string.h>

enum { ROWS_MAX = 256 };

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

const struct cc_transition *cc_transitions_next(const struct cc_transition_table *table,
                                                const char *state, const void *subject)
{
    if (same(state, table->last))
        return NULL;
    for (size_t i = 0; i < table->count; i++) {
        const struct cc_transition *row = &table->rows[i];
        if (same(row->state, state) && (!row->guard || row->guard(subject)))
            return row;
    }
    return NULL;
}

static bool is_empty(const char *text)
{
    return !text || text[0] == '\0';
}

static enum cc_error refuse(struct cc_buffer *problem, const char *state, const char *what)
{
    cc_buffer_printf(problem, "%s: %s", is_empty(state) ? "(no name)" : state, what);
    return CC_INVALID;
}

static enum cc_error check_names(const struct cc_transition_table *table, struct cc_buffer *problem)
{
    if (is_empty(table->name) || is_empty(table->first) || is_empty(table->last))
        return refuse(problem, table->name, "name, first and last must not be empty");
    if (table->count == 0 || table->count > ROWS_MAX)
        return refuse(problem, table->name, "must have 1 to 256 rows");
    for (size_t i = 0; i < table->count; i++) {
        const struct cc_transition *row = &table->rows[i];
        if (is_empty(row->state) || is_empty(row->next) || is_empty(row->comment))
            return refuse(problem, row->state, "state, next and comment must not be empty");
        if ((row->guard != NULL) != !is_empty(row->guard_name))
            return refuse(problem, row->state, "a guard and its name come together");
        if (same(row->state, table->last))
            return refuse(problem, row->state, "the last state must have no row");
    }
    return CC_OK;
}

/* The last row of each state, and only that, is unguarded. */
static enum cc_error check_guards(const struct cc_transition_table *table,
                                  struct cc_buffer *problem)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct cc_transition *row = &table->rows[i];
        bool is_last = true;
        for (size_t j = i + 1; j < table->count; j++)
            is_last = is_last && !same(table->rows[j].state, row->state);
        if (is_last && row->guard)
            return refuse(problem, row->state, "its last row must have no guard");
        if (!is_last && !row->guard)
            return refuse(problem, row->state, "rows behind one without a guard are never run");
    }
    return CC_OK;
}

/* Whether a marked row leads to this state. */
static bool is_entered(const struct cc_transition_table *table, const bool *marked,
                       const char *state)
{
    for (size_t i = 0; i < table->count; i++) {
        if (marked[i] && same(table->rows[i].next, state))
            return true;
    }
    return false;
}

static enum cc_error check_reached(const struct cc_transition_table *table,
                                   struct cc_buffer *problem)
{
    bool reached[ROWS_MAX] = {false};
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < table->count; i++) {
            const char *state = table->rows[i].state;
            if (reached[i] || (!same(state, table->first) && !is_entered(table, reached, state)))
                continue;
            reached[i] = true;
            changed = true;
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        if (!reached[i])
            return refuse(problem, table->rows[i].state, "cannot be reached from the first state");
    }
    return CC_OK;
}

static bool state_is_marked(const struct cc_transition_table *table, const bool *marked,
                            const char *state)
{
    for (size_t i = 0; i < table->count; i++) {
        if (marked[i] && same(table->rows[i].state, state))
            return true;
    }
    return false;
}

static enum cc_error check_ends(const struct cc_transition_table *table, struct cc_buffer *problem)
{
    bool ends[ROWS_MAX] = {false};
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < table->count; i++) {
            const char *next = table->rows[i].next;
            if (ends[i] || (!same(next, table->last) && !state_is_marked(table, ends, next)))
                continue;
            ends[i] = true;
            changed = true;
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct cc_transition *row = &table->rows[i];
        if (!state_is_marked(table, ends, row->state))
            return refuse(problem, row->state, "the last state cannot be reached from it");
        if (!same(row->next, table->last) && !state_is_marked(table, ends, row->next))
            return refuse(problem, row->next, "the last state cannot be reached from it");
    }
    return CC_OK;
}

enum cc_error cc_transitions_check(const struct cc_transition_table *table,
                                   struct cc_buffer *problem)
{
    enum cc_error error = check_names(table, problem);
    if (!error)
        error = check_guards(table, problem);
    if (!error)
        error = check_reached(table, problem);
    if (!error)
        error = check_ends(table, problem);
    return error;
}

void cc_transitions_diagram(const struct cc_transition_table *table, struct cc_buffer *out)
{
    cc_buffer_printf(out, "stateDiagram-v2\n    [*] --> %s\n", table->first);
    for (size_t i = 0; i < table->count; i++) {
        const struct cc_transition *row = &table->rows[i];
        cc_buffer_printf(out, "    %s --> %s: ", row->state, row->next);
        if (row->guard)
            cc_buffer_printf(out, "[%s] ", row->guard_name);
        cc_buffer_printf(out, "%s\n", row->comment);
    }
    cc_buffer_printf(out, "    %s --> [*]\n", table->last);
}
