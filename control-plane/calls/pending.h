/*
 * Records that are still in the spools of workers and the journals of edges of this home. They are
 * looked for on disk: a program that is down, or frozen, has some too and does not say so.
 */
#ifndef CP_CALLS_PENDING_H
#define CP_CALLS_PENDING_H

#include "control-plane/context.h"

/* Appends to out each record of this call that is not shipped, with "where": its folder below the
 * home. With a message when a folder cannot be read; those that can are read all the same. */
enum cc_error cp_pending_find(struct cp_context *context, const char *cell, const char *tenant,
                              const char *call, json_t *out) CC_MUST_CHECK;

/* Appends to events, which Postgres gave after the records were found, those whose event and
 * decision it does not have: what was shipped meanwhile is in both, and nothing is in neither. */
void cp_pending_add(const json_t *pending, json_t *events);

/* How many records for this cell are in spools and journals and not yet shipped; *where: the folder
 * of some of them, below the home, or "". With a message when one cannot be read. */
enum cc_error cp_pending_count(struct cp_context *context, const char *cell, uint64_t *out,
                               const char **where) CC_MUST_CHECK;

/* The same for an edge's journal, of whatever cell. *aside: a file of records there that a cell has
 * refused, or "". */
enum cc_error cp_pending_of_edge(struct cp_context *context, const char *edge, uint64_t *out,
                                 const char **where, const char **aside) CC_MUST_CHECK;

#endif
