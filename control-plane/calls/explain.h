/*
 * What happened in a call, for whoever is on call: each event with its answer in words, and what is
 * odd about it. Pure: recorded events in, text or JSON out.
 */
#ifndef CP_CALLS_EXPLAIN_H
#define CP_CALLS_EXPLAIN_H

#include <jansson.h>

#include "base/buffer.h"

/* Adds "words" (the answer) and "odd" (a list of texts) to each event of a list as `call show`
 * gives it, in any order, and puts the oldest first. An event has "where" when it is not yet in
 * Postgres. */
void cp_explain_events(json_t *events);

/* The answer's actions in words. */
void cp_explain_actions(const json_t *actions, struct cc_buffer *out);

/* call: {"call","tenant","country","cell","number","events"} with explained events. */
void cp_explain_text(const json_t *call, struct cc_buffer *out);

#endif
