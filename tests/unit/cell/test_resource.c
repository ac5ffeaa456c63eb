#include "tests/unit/cell/fixture.h"

#include <stdlib.h>

#include "cell/directory/resource.h"

static enum cc_error check(const char *quoted, char **out, struct cc_json_reason *reason)
{
    char *text = fixture_quote(quoted);
    json_t *body = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(body);
    const struct cc_call_policy policy = {.country_code = CC_SLICE_LITERAL("46"),
                                          .national_prefix = CC_SLICE_LITERAL("0")};
    enum cc_error error = cell_numbers_check(body, &policy, out, reason);
    json_decref(body);
    free(text);
    return error;
}

static void expect(const char *quoted, const char *wanted)
{
    struct cc_json_reason reason = {{0}};
    char *out = NULL;
    char *wanted_text = fixture_quote(wanted);
    ck_assert_msg(check(quoted, &out, &reason) == CC_OK, "%s", reason.text);
    ck_assert_str_eq(out, wanted_text);
    free(wanted_text);
    free(out);
}

static void expect_refused(const char *quoted, const char *wanted)
{
    struct cc_json_reason reason = {{0}};
    char *out = NULL;
    ck_assert_int_eq(check(quoted, &out, &reason), CC_INVALID);
    ck_assert_ptr_null(out);
    ck_assert_str_eq(reason.text, wanted);
}

START_TEST(a_mobile_number_gets_all_its_fields_in_one_form)
{
    expect("{'numbers':[{'number':'+46701','kind':'mobile'}]}",
           "[{'barring':[],'caller_id':{'number':null,'presentation':'allowed'},"
           "'forward_always':null,'kind':'mobile','number':'+46701'}]");
    expect("{'numbers':[{'kind':'mobile','number':'+46701','forward_always':'+46702',"
           "'barring':['premium','all','premium'],"
           "'caller_id':{'presentation':'restricted','number':'+468'}}]}",
           "[{'barring':['all','premium'],'caller_id':{'number':'+468',"
           "'presentation':'restricted'},'forward_always':'+46702','kind':'mobile',"
           "'number':'+46701'}]");
}
END_TEST

START_TEST(a_pbx_number_gets_all_its_fields_in_one_form)
{
    expect("{'numbers':[{'number':'+46101','kind':'pbx','flow':'main'}]}",
           "[{'fallback_target':null,'flow':'main','kind':'pbx','number':'+46101'}]");
    expect("{'numbers':[{'number':'+46101','kind':'pbx','fallback_target':'+46701'}]}",
           "[{'fallback_target':'+46701','flow':null,'kind':'pbx','number':'+46101'}]");
}
END_TEST

START_TEST(a_refusal_names_index_and_field)
{
    expect_refused("{}", "numbers: must be a list of 1 to 1000 numbers");
    expect_refused("{'numbers':[]}", "numbers: must be a list of 1 to 1000 numbers");
    expect_refused("{'numbers':[3]}", "numbers.0.number: must be an object");
    expect_refused("{'numbers':[{'number':'0701','kind':'mobile'}]}",
                   "numbers.0.number: must be E.164 (+ and 2 to 15 digits)");
    expect_refused("{'numbers':[{'number':'+46701','kind':'fax'}]}",
                   "numbers.0.kind: must be mobile or pbx");
    expect_refused("{'numbers':[{'number':'+46701'}]}", "numbers.0.kind: must be mobile or pbx");
    expect_refused("{'numbers':[{'number':'+46701','kind':'mobile'},"
                   "{'number':'+46702','kind':'mobile','flow':'main'}]}",
                   "numbers.1.flow: unknown field");
    expect_refused("{'numbers':[{'number':'+46701','kind':'mobile','barring':['x']}]}",
                   "numbers.0.barring: must be of all, outgoing, incoming, international and "
                   "premium");
    expect_refused("{'numbers':[{'number':'+46701','kind':'mobile','caller_id':"
                   "{'presentation':'x'}}]}",
                   "numbers.0.caller_id.presentation: must be allowed or restricted");
    expect_refused("{'numbers':[{'number':'+46701','kind':'mobile','caller_id':{'name':'x'}}]}",
                   "numbers.0.name: unknown field");
    expect_refused("{'numbers':[{'number':'+46101','kind':'pbx','flow':'Main'}]}",
                   "numbers.0.flow: must match [a-z][a-z0-9_-]{0,62} or be null");
    expect_refused("{'numbers':[{'number':'+46701','kind':'mobile'},"
                   "{'number':'+46701','kind':'pbx'}]}",
                   "numbers.1.number: stands there twice");
}
END_TEST

START_TEST(a_number_of_another_country_is_refused)
{
    struct cc_json_reason reason = {{0}};
    char *out = NULL;
    expect_refused("{'numbers':[{'number':'+46701','kind':'mobile'},"
                   "{'number':'+4712345678','kind':'mobile'}]}",
                   "numbers.1.number: must be a number of this country");
    expect_refused("{'numbers':[{'number':'+460701','kind':'mobile'}]}",
                   "numbers.0.number: must be a number of this country");
    json_t *body =
        json_loads("{\"numbers\":[{\"number\":\"+4712\",\"kind\":\"mobile\"}]}", 0, NULL);
    ck_assert_int_eq(cell_numbers_check(body, NULL, &out, &reason), CC_OK);
    json_decref(body);
    free(out);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_mobile_number_gets_all_its_fields_in_one_form,
        a_pbx_number_gets_all_its_fields_in_one_form,
        a_refusal_names_index_and_field,
        a_number_of_another_country_is_refused,
    };
    return fixture_run("resource", tests, sizeof(tests) / sizeof(tests[0]));
}
