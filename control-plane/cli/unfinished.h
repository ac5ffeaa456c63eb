/*
 * Commands that were begun and have not come to their end: what somebody is to give again.
 */
#ifndef CP_CLI_UNFINISHED_H
#define CP_CLI_UNFINISHED_H

#include "base/json.h"
#include "control-plane/places.h"

/* [{"command": "callcell cell evacuate se-1", "table": "cell_evacuate", "target": "se-1",
 * "since": RFC 3339, "age_s": 40, "state": "fenced", "under_way": false}], those of the registry by
 * age. under_way: a process is at it just now. Of the registry when the context is connected to it;
 * and those that are kept in files, whose "since" is their last step. A new reference. */
json_t *cp_unfinished_json(struct cp_context *context, const struct cp_places *places);

#endif
