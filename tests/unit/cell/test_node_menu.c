#include "tests/unit/cell/fixture.h"

#include <stdio.h>

static struct cell_flow *menu(const char *members)
{
    char text[2048];
    (void)snprintf(text, sizeof(text),
                   "{'version':1,'entry':'menu','nodes':{'menu':{'type':'menu','prompt':{'say':{"
                   "'text':'Press.'}},%s},'one':{'type':'hangup'}}}",
                   members);
    return fixture_flow(text);
}

static struct cell_flow *full_menu(const char *members)
{
    char text[2048];
    (void)snprintf(text, sizeof(text),
                   "{'version':1,'entry':'menu','nodes':{'menu':{'type':'menu','prompt':{'say':{"
                   "'text':'Press.'}},%s'branches':{'1':'one','11':'eleven','invalid':'invalid',"
                   "'timeout':'timeout'}},"
                   "'one':{'type':'say','text':'one','next':'bye'},"
                   "'eleven':{'type':'say','text':'eleven','next':'bye'},"
                   "'invalid':{'type':'say','text':'invalid','next':'bye'},"
                   "'timeout':{'type':'say','text':'timeout','next':'bye'},"
                   "'bye':{'type':'hangup'}}}",
                   members);
    return fixture_flow(text);
}

/* bye 0, eleven 1, invalid 2, menu 3, one 4, timeout 5. */
enum { MENU = 3 };

static struct cc_call_event gathered(const char *digits, enum cc_result_reason reason)
{
    return (struct cc_call_event){.type = CC_EVENT_GATHER_COMPLETED,
                                  .kind = CC_CALL_PBX,
                                  .digits = cc_slice_of(digits),
                                  .reason = reason};
}

static struct fixture_walk press(const struct cell_flow *flow, uint8_t tries, const char *digits,
                                 enum cc_result_reason reason)
{
    struct cell_flow_position at = {.node = MENU, .tries = tries};
    struct cc_call_event event = gathered(digits, reason);
    return fixture_walk(flow, &at, &event);
}

static void check_said(struct fixture_walk walk, const char *text)
{
    char expected[128];
    (void)snprintf(expected, sizeof(expected),
                   "[{'say':{'text':'%s','language':'en'}},{'hangup':{}}]", text);
    ck_assert_int_eq(walk.outcome, CELL_FLOW_ENDED);
    ck_assert_str_eq(walk.actions, expected);
}

static void check_repeated(struct fixture_walk walk, uint8_t tries)
{
    ck_assert_int_eq(walk.outcome, CELL_FLOW_WAITING);
    ck_assert_uint_eq(walk.position.node, MENU);
    ck_assert_uint_eq(walk.position.tries, tries);
    ck_assert_msg(strncmp(walk.actions, "[{'gather':", 11) == 0, "%s", walk.actions);
    ck_assert_ptr_null(strstr(walk.actions, "},{"));
}

START_TEST(gathers_with_defaults_and_without)
{
    struct cell_flow *flow = menu("'branches':{'1':'one','123':'one'}");
    ck_assert_str_eq(fixture_start(flow, "2026-01-01T00:00:00Z").actions,
                     "[{'gather':{'prompt':{'say':{'text':'Press.','language':'en'}},'min':1,"
                     "'max':3,'finish_on_key':'#','timeout_s':5}}]");
    cell_flow_free(flow);
    flow = menu("'branches':{'1':'one'},'min':2,'max':4,'finish_on_key':'*','timeout_s':60");
    ck_assert_str_eq(fixture_start(flow, "2026-01-01T00:00:00Z").actions,
                     "[{'gather':{'prompt':{'say':{'text':'Press.','language':'en'}},'min':2,"
                     "'max':4,'finish_on_key':'*','timeout_s':60}}]");
    cell_flow_free(flow);
    flow = menu("'branches':{'1':'one'},'finish_on_key':''");
    ck_assert_ptr_null(strstr(fixture_start(flow, "2026-01-01T00:00:00Z").actions, "finish"));
    cell_flow_free(flow);
}
END_TEST

START_TEST(exact_digits_choose_the_branch)
{
    struct cell_flow *flow = full_menu("");
    check_said(press(flow, 0, "1", CC_REASON_DTMF), "one");
    check_said(press(flow, 0, "1", CC_REASON_NONE), "one");
    check_said(press(flow, 2, "11", CC_REASON_DTMF), "eleven");
    cell_flow_free(flow);
}
END_TEST

START_TEST(failed_tries_repeat_then_branch_after_what_the_last_was)
{
    struct cell_flow *flow = full_menu("");
    check_repeated(press(flow, 0, "9", CC_REASON_DTMF), 1);
    check_repeated(press(flow, 1, "", CC_REASON_TIMEOUT), 2);
    check_said(press(flow, 2, "111", CC_REASON_NONE), "invalid");
    check_said(press(flow, 2, "", CC_REASON_NONE), "timeout");
    check_said(press(flow, 2, "1", CC_REASON_TIMEOUT), "timeout");
    check_said(press(flow, 2, "1", CC_REASON_ERROR), "timeout");
    check_said(press(flow, 255, "9", CC_REASON_DTMF), "invalid");
    cell_flow_free(flow);
    flow = full_menu("'retries':0,");
    check_said(press(flow, 0, "9", CC_REASON_DTMF), "invalid");
    cell_flow_free(flow);
}
END_TEST

START_TEST(digits_of_a_wrong_form_are_an_invalid_try)
{
    struct cell_flow *flow = full_menu("'retries':0,");
    struct cell_flow_position at = {.node = MENU, .tries = 0};
    struct cc_call_event event = gathered("", CC_REASON_DTMF);
    event.digits_invalid = true;
    check_said(fixture_walk(flow, &at, &event), "invalid");
    cell_flow_free(flow);
}
END_TEST

START_TEST(without_the_branch_the_call_is_hung_up)
{
    struct cell_flow *flow = menu("'branches':{'1':'one'},'retries':0");
    struct cell_flow_position at = {.node = 0, .tries = 0};
    struct cc_call_event wrong = gathered("2", CC_REASON_DTMF);
    struct cc_call_event late = gathered("", CC_REASON_TIMEOUT);
    ck_assert_str_eq(fixture_walk(flow, &at, &wrong).actions, "[{'hangup':{}}]");
    ck_assert_int_eq(fixture_walk(flow, &at, &wrong).outcome, CELL_FLOW_ENDED);
    ck_assert_str_eq(fixture_walk(flow, &at, &late).actions, "[{'hangup':{}}]");
    cell_flow_free(flow);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        gathers_with_defaults_and_without,
        exact_digits_choose_the_branch,
        failed_tries_repeat_then_branch_after_what_the_last_was,
        digits_of_a_wrong_form_are_an_invalid_try,
        without_the_branch_the_call_is_hung_up,
    };
    return fixture_run("node_menu", tests, sizeof(tests) / sizeof(tests[0]));
}
