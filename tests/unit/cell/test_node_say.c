#include "tests/unit/cell/fixture.h"

START_TEST(says_and_plays_then_goes_on)
{
    struct cell_flow *flow = fixture_flow(
        "{'version':1,'entry':'a','nodes':{'a':{'type':'say','text':'Hej!','language':'sv-SE',"
        "'next':'b'},'b':{'type':'play','url':'https://x/y.wav','next':'c'},'c':{'type':'say',"
        "'text':'Bye.','next':'d'},'d':{'type':'hangup'}}}");
    struct fixture_walk walk = fixture_start(flow, "2026-01-01T00:00:00Z");
    ck_assert_int_eq(walk.outcome, CELL_FLOW_ENDED);
    ck_assert_str_eq(walk.actions, "[{'say':{'text':'Hej!','language':'sv-SE'}},"
                                   "{'play':{'url':'https://x/y.wav'}},"
                                   "{'say':{'text':'Bye.','language':'en'}},{'hangup':{}}]");
    cell_flow_free(flow);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {says_and_plays_then_goes_on};
    return fixture_run("node_say", tests, sizeof(tests) / sizeof(tests[0]));
}
