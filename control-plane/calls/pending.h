/*
 * Records that are still in the spools of workers and the journals of edges of this home. They are
 * looked for on disk: a program that is down, or frozen, has some too and does not say so.
 */
#ifndef CP_CALLS_PENDING_H
#define CP_CALLS_PENDING_H

#include "control-plane/context.h"

/* Appends to events each record of this call whose event (or, for an event that is there, whose
 * decision) events does not have, with "where": the file's folder. Files are read as they are. */
void cp_pending_add(struct cp_context *context, const char *cell, const char *tenant,
                    const char *call, json_t *events);

/* How many records for this cell are in spools and journals and not yet shipped; *where: the folder
 * of some of them, below the home, or "". With a message when one cannot be read. */
enum cc_error cp_pending_count(struct cp_context *context, const char *cell, uint64_t *out,
                               const char **where) CC_MUST_CHECK;

#endif
