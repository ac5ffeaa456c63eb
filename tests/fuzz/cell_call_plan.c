/* Any bytes as a call plan: parsed or refused with a reason, never both. */
#include "cell/model/call_plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cc_json_reason reason = {""};
    struct cell_call_plan *plan = NULL;
    enum cc_error error =
        cell_call_plan_parse(cc_slice((const char *)data, size), NULL, &plan, &reason);
    if (!error != !!plan || (error && reason.text[0] == '\0'))
        abort();
    if (plan && (plan->number.length == 0 || plan->barring > 31 ||
                 (plan->flow && plan->flow_id.length == 0)))
        abort();
    cell_call_plan_unref(plan);
    return 0;
}
