#include "tests/unit/cell/fixture.h"

#include <stdlib.h>

#define HEAD "'format':1,'row_version':17,'tenant':'acme','number':'+46701234567'"
#define FLOW "{'version':1,'entry':'bye','nodes':{'bye':{'type':'hangup'}}}"

START_TEST(a_full_mobile_plan)
{
    struct cell_call_plan *plan = fixture_plan(
        "{" HEAD ",'kind':'mobile','mobile':{'forward_always':'+4670999','barring':['incoming',"
        "'premium'],'caller_id':{'presentation':'restricted','number':'+46855'}}}");
    ck_assert_int_eq(plan->row_version, 17);
    ck_assert(cc_slice_is(plan->tenant, "acme"));
    ck_assert(cc_slice_is(plan->number, "+46701234567"));
    ck_assert_int_eq(plan->kind, CC_CALL_MOBILE);
    ck_assert(cc_slice_is(plan->forward_always, "+4670999"));
    ck_assert_uint_eq(plan->barring, CELL_BAR_INCOMING | CELL_BAR_PREMIUM);
    ck_assert(plan->caller_id_restricted);
    ck_assert(cc_slice_is(plan->caller_id, "+46855"));
    ck_assert_ptr_null(plan->flow);
    ck_assert_uint_ge(plan->memory_bytes, sizeof(*plan));
    cell_call_plan_unref(plan);
}
END_TEST

START_TEST(a_bare_mobile_plan)
{
    struct cell_call_plan *plan =
        fixture_plan("{" HEAD ",'kind':'mobile','later':1,'mobile':{'forward_always':null,"
                     "'caller_id':{'presentation':'allowed','number':null}}}");
    ck_assert_uint_eq(plan->forward_always.length, 0);
    ck_assert_uint_eq(plan->barring, 0);
    ck_assert(!plan->caller_id_restricted);
    ck_assert_uint_eq(plan->caller_id.length, 0);
    cell_call_plan_unref(plan);
}
END_TEST

START_TEST(every_bar_has_its_bit)
{
    struct cell_call_plan *plan =
        fixture_plan("{" HEAD ",'kind':'mobile','mobile':{'barring':['all','outgoing','incoming',"
                     "'international','premium']}}");
    ck_assert_uint_eq(plan->barring, 31);
    cell_call_plan_unref(plan);
}
END_TEST

START_TEST(a_pbx_plan_with_its_flow)
{
    struct cell_call_plan *plan =
        fixture_plan("{" HEAD ",'kind':'pbx','fallback_target':'+46812',"
                     "'flow':{'id':'main','version':3,'program':" FLOW "}}");
    ck_assert_int_eq(plan->kind, CC_CALL_PBX);
    ck_assert(cc_slice_is(plan->fallback_target, "+46812"));
    ck_assert(cc_slice_is(plan->flow_id, "main"));
    ck_assert_int_eq(plan->flow_version, 3);
    ck_assert_ptr_nonnull(plan->flow);
    ck_assert_uint_gt(plan->memory_bytes, sizeof(*plan) + cell_flow_memory_bytes(plan->flow) - 1);
    cell_call_plan_unref(plan);
}
END_TEST

START_TEST(a_pbx_plan_without_a_flow)
{
    struct cell_call_plan *plan =
        fixture_plan("{" HEAD ",'kind':'pbx','fallback_target':null,'flow':null}");
    ck_assert_uint_eq(plan->fallback_target.length, 0);
    ck_assert_uint_eq(plan->flow_id.length, 0);
    ck_assert_ptr_null(plan->flow);
    cell_call_plan_unref(plan);
}
END_TEST

START_TEST(a_plan_in_use_outlives_its_eviction)
{
    struct cell_call_plan *plan =
        fixture_plan("{" HEAD ",'kind':'pbx','flow':{'id':'main','version':3,'program':" FLOW "}}");
    ck_assert_ptr_eq(cell_call_plan_ref(plan), plan);
    cell_call_plan_unref(plan);
    ck_assert(cc_slice_is(plan->flow_id, "main"));
    ck_assert(cc_slice_is(cell_flow_node_id(plan->flow, 0), "bye"));
    cell_call_plan_unref(plan);
    cell_call_plan_unref(NULL);
}
END_TEST

START_TEST(bad_values_are_refused)
{
    static const struct {
        const char *value;
        const char *reason;
    } rows[] = {
        {"{'row_version':1}", "format: missing"},
        {"{'format':2}", "format: must be an integer from 1 to 1"},
        {"{'format':1,'row_version':-1}",
         "row_version: must be an integer from 0 to 9223372036854775807"},
        {"{'format':1,'row_version':1}", "tenant: missing"},
        {"{'format':1,'row_version':1,'tenant':'A'}", "tenant: has a wrong form"},
        {"{'format':1,'row_version':1,'tenant':'acme','number':'070'}", "number: has a wrong form"},
        {"{" HEAD "}", "kind: must be mobile or pbx"},
        {"{" HEAD ",'kind':'fax'}", "kind: must be mobile or pbx"},
        {"{" HEAD ",'kind':'mobile'}", "mobile: must be an object"},
        {"{" HEAD ",'kind':'mobile','mobile':{'forward_always':'070'}}",
         "mobile.forward_always: has a wrong form"},
        {"{" HEAD ",'kind':'mobile','mobile':{'forward_always':'+12345678901234567890'}}",
         "mobile.forward_always: has a wrong form"},
        {"{" HEAD ",'kind':'mobile','mobile':{'barring':'all'}}", "mobile.barring: must be a list"},
        {"{" HEAD ",'kind':'mobile','mobile':{'barring':['some']}}",
         "mobile.barring: must be of all, outgoing, incoming, international and premium"},
        {"{" HEAD ",'kind':'mobile','mobile':{'caller_id':{'presentation':'shy'}}}",
         "mobile.caller_id.presentation: must be allowed or restricted"},
        {"{" HEAD ",'kind':'mobile','mobile':{'caller_id':{'number':1}}}",
         "mobile.caller_id.number: has a wrong form"},
        {"{" HEAD ",'kind':'pbx','fallback_target':''}", "fallback_target: has a wrong form"},
        {"{" HEAD ",'kind':'pbx','flow':{}}", "flow.id: missing"},
        {"{" HEAD ",'kind':'pbx','flow':{'id':'main','version':0}}",
         "flow.version: must be an integer from 1 to 9223372036854775807"},
        {"{" HEAD ",'kind':'pbx','flow':{'id':'main','version':1}}", "flow.program: missing"},
        {"{" HEAD ",'kind':'pbx','flow':{'id':'main','version':1,'program':{}}}",
         "flow.program: version: missing"},
        {"[]", "format: missing"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = fixture_quote(rows[i].value);
        struct cc_json_reason reason = {""};
        struct cell_call_plan *plan = NULL;
        enum cc_error error =
            cell_call_plan_parse(cc_slice_of(text), fixture_zones(), &plan, &reason);
        ck_assert_msg(error == CC_INVALID, "%s: %s", text, cc_error_name(error));
        ck_assert_ptr_null(plan);
        ck_assert_str_eq(reason.text, rows[i].reason);
        ck_assert_int_eq(cell_call_plan_parse(cc_slice_of(text), fixture_zones(), &plan, NULL),
                         CC_INVALID);
        free(text);
    }
}
END_TEST

START_TEST(bytes_that_are_no_json_are_refused)
{
    struct cell_call_plan *plan = NULL;
    struct cc_json_reason reason;
    ck_assert_int_eq(cell_call_plan_parse(CC_SLICE_LITERAL("{\"format\":1"), NULL, &plan, &reason),
                     CC_INVALID);
    ck_assert_int_eq(cell_call_plan_parse(CC_SLICE_LITERAL(""), NULL, &plan, &reason), CC_INVALID);
    ck_assert_ptr_null(plan);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_full_mobile_plan,        a_bare_mobile_plan,
        every_bar_has_its_bit,     a_pbx_plan_with_its_flow,
        a_pbx_plan_without_a_flow, a_plan_in_use_outlives_its_eviction,
        bad_values_are_refused,    bytes_that_are_no_json_are_refused,
    };
    return fixture_run("call_plan", tests, sizeof(tests) / sizeof(tests[0]));
}
