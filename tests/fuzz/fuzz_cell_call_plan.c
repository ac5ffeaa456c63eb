/* Any bytes as a call plan: parsed or refused with a reason, never both. */
#include "cell/model/call_plan.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cc_json_reason reason = {""};
    struct cell_call_plan *plan = NULL;
    enum cc_error error = cell_call_plan_parse(fuzz_input(data, size), NULL, &plan, &reason);
    HOLDS(plan ? error == CC_OK : error && reason.text[0]);
    if (plan)
        HOLDS(plan->number.length > 0 && plan->barring < 32 &&
              (!plan->flow || plan->flow_id.length));
    cell_call_plan_unref(plan);
    return 0;
}
