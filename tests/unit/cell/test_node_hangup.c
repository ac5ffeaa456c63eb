#include "tests/unit/cell/fixture.h"

START_TEST(ends_the_call)
{
    struct cell_flow *flow =
        fixture_flow("{'version':1,'entry':'a','nodes':{'a':{'type':'hangup'}}}");
    struct fixture_walk walk = fixture_start(flow, "2026-01-01T00:00:00Z");
    ck_assert_int_eq(walk.outcome, CELL_FLOW_ENDED);
    ck_assert_str_eq(walk.actions, "[{'hangup':{}}]");
    cell_flow_free(flow);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {ends_the_call};
    return fixture_run("node_hangup", tests, sizeof(tests) / sizeof(tests[0]));
}
