/* Rim: looks at processes. */
#include "control-plane/priority_watch.h"

#include "control-plane/facts.h"
#include "control-plane/targets/local.h"

enum cc_error cp_priority_watch(struct cp_context *context)
{
    return cp_fact_set(context, CP_FACT_CALLS_BEHIND, "home", cp_local_priority(context).behind);
}
