/*
 * Records of a call that are still in the spools of workers and the journals of edges of this home.
 */
#ifndef CP_CALLS_PENDING_H
#define CP_CALLS_PENDING_H

#include "control-plane/context.h"

/* Appends to events each record of this call whose event (or, for an event that is there, whose
 * decision) events does not have, with "where": the file's folder. Files are read as they are. */
void cp_pending_add(struct cp_context *context, const char *cell, const char *tenant,
                    const char *call, json_t *events);

#endif
