/*
 * Every transition table there is. A new table is added to the list in tables.c: the documents, the
 * checks of soundness and the test that kills a command at each row all start from it.
 */
#ifndef CP_TABLES_H
#define CP_TABLES_H

#include "base/buffer.h"
#include "base/transitions.h"

extern const struct cc_transition_table *const cp_tables[];
extern const size_t cp_table_count;

/* docs/transitions.md: every table as a diagram. */
void cp_tables_page(struct cc_buffer *out);

/* [{"table","first","last","rows":[{"state","next","guard","comment"}]}] */
void cp_tables_json(struct cc_buffer *out);

#endif
