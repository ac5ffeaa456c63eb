/*
 * A duty of the leader: whether what the registry commits is on its replica too, as facts.
 */
#ifndef CP_REGISTRY_WATCH_H
#define CP_REGISTRY_WATCH_H

#include "control-plane/context.h"

/* CP_FACT_DURABILITY_DEGRADED and CP_FACT_REPLICATION_LAG_BYTES of "registry". */
enum cc_error cp_registry_watch(struct cp_context *context) CC_MUST_CHECK;

#endif
