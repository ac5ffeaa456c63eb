/*
 * The whole platform as JSON: what `status --output json` prints.
 */
#ifndef CP_CLI_STATUS_H
#define CP_CLI_STATUS_H

#include "base/json.h"
#include "control-plane/context.h"

/* Asks everything at once, at most two seconds. Connects to the registry when it answers; works
 * without it. A new reference; NULL when memory is out. */
json_t *cp_status_json(struct cp_context *context);

#endif
