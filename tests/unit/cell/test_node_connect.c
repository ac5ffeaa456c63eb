#include "tests/unit/cell/fixture.h"

#include <stdio.h>

/* Nodes in byte order: busy 0, bye 1, connect 2, failed 3, gone 4, next 5. */
static struct cell_flow *connect_all(void)
{
    return fixture_flow(
        "{'version':1,'entry':'connect','nodes':{'connect':{'type':'connect','targets':[{'e164':"
        "'+46700000001','timeout_s':15,'caller_id':'anonymous'},{'sip':'sip:a@x.org'},{'user':"
        "'anna'}],'strategy':'sequential','timeout_s':20,'time_limit_s':3600,'branches':{'busy':"
        "'busy','no_answer':'gone','failed':'failed'},'next':'next'},"
        "'busy':{'type':'say','text':'busy','next':'bye'},"
        "'gone':{'type':'say','text':'no_answer','next':'bye'},"
        "'failed':{'type':'say','text':'failed','next':'bye'},"
        "'next':{'type':'say','text':'next','next':'bye'},'bye':{'type':'hangup'}}}");
}

static struct fixture_walk dialled(const struct cell_flow *flow, uint16_t node,
                                   enum cc_result_status status)
{
    struct cell_flow_position at = {.node = node, .tries = 0};
    struct cc_call_event event = {
        .type = CC_EVENT_DIAL_COMPLETED, .kind = CC_CALL_PBX, .status = status};
    struct fixture_walk walk = fixture_walk(flow, &at, &event);
    ck_assert_int_eq(walk.outcome, CELL_FLOW_ENDED);
    return walk;
}

START_TEST(connects_and_waits)
{
    struct cell_flow *flow = connect_all();
    struct fixture_walk walk = fixture_start(flow, "2026-01-01T00:00:00Z");
    ck_assert_int_eq(walk.outcome, CELL_FLOW_WAITING);
    ck_assert_uint_eq(walk.position.node, 2);
    ck_assert_str_eq(
        walk.actions,
        "[{'connect':{'targets':[{'e164':'+46700000001','timeout_s':15,'caller_id':'anonymous'},"
        "{'sip':'sip:a@x.org'},{'user':'anna'}],'strategy':'sequential','timeout_s':20,"
        "'time_limit_s':3600,'on_busy':'event','on_no_answer':'event'}}]");
    cell_flow_free(flow);
}
END_TEST

START_TEST(defaults)
{
    struct cell_flow *flow =
        fixture_flow("{'version':1,'entry':'c','nodes':{'c':{'type':'connect','targets':[{'sip':"
                     "'sips:a@x.org'},{'user':'A.b_c-1'}]}}}");
    ck_assert_str_eq(fixture_start(flow, "2026-01-01T00:00:00Z").actions,
                     "[{'connect':{'targets':[{'sip':'sips:a@x.org'},{'user':'A.b_c-1'}],"
                     "'strategy':'simultaneous','timeout_s':30,'on_busy':'event',"
                     "'on_no_answer':'event'}}]");
    cell_flow_free(flow);
}
END_TEST

START_TEST(every_status_has_its_branch)
{
    static const struct {
        enum cc_result_status status;
        const char *text;
    } rows[] = {
        {CC_RESULT_COMPLETED, "'next'"},      {CC_RESULT_BUSY, "'busy'"},
        {CC_RESULT_NO_ANSWER, "'no_answer'"}, {CC_RESULT_FAILED, "'failed'"},
        {CC_RESULT_CANCELED, "[{'hangup'"},   {CC_RESULT_NONE, "[{'hangup'"},
    };
    struct cell_flow *flow = connect_all();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture_walk walk = dialled(flow, 2, rows[i].status);
        ck_assert_msg(strstr(walk.actions, rows[i].text) != NULL, "%s: %s", rows[i].text,
                      walk.actions);
    }
    cell_flow_free(flow);
}
END_TEST

START_TEST(without_the_branch_the_call_is_hung_up)
{
    struct cell_flow *flow = fixture_flow(
        "{'version':1,'entry':'c','nodes':{'c':{'type':'connect','targets':[{'user':'anna'}]}}}");
    for (int status = CC_RESULT_NONE; status <= CC_RESULT_CANCELED; status++)
        ck_assert_str_eq(dialled(flow, 0, (enum cc_result_status)status).actions,
                         "[{'hangup':{}}]");
    cell_flow_free(flow);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {connects_and_waits, defaults, every_status_has_its_branch,
                                  without_the_branch_the_call_is_hung_up};
    return fixture_run("node_connect", tests, sizeof(tests) / sizeof(tests[0]));
}
