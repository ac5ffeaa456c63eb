#include "tests/unit/cell/fixture.h"

#include <stdio.h>

/* Which branch is taken shows in what is said. */
static void check_branch(struct cell_flow *flow, const char *time, const char *expected)
{
    struct fixture_walk walk = fixture_start(flow, time);
    ck_assert_int_eq(walk.outcome, CELL_FLOW_ENDED);
    ck_assert_msg(strstr(walk.actions, expected) != NULL, "%s: %s", time, walk.actions);
}

static struct cell_flow *hours(const char *zone, const char *weekly)
{
    char text[2048];
    (void)snprintf(text, sizeof(text),
                   "{'version':1,'entry':'h','nodes':{'h':{'type':'hours','zone':'%s',"
                   "'weekly':{%s},'branches':{'open':'o','closed':'c'}},"
                   "'o':{'type':'say','text':'open','next':'bye'},"
                   "'c':{'type':'say','text':'closed','next':'bye'},'bye':{'type':'hangup'}}}",
                   zone, weekly);
    return fixture_flow(text);
}

START_TEST(open_from_the_start_up_to_the_end)
{
    struct cell_flow *flow =
        hours("Europe/Stockholm", "'mon':[['08:00','12:00'],['13:00','17:00']]");
    check_branch(flow, "2026-11-23T06:59:59.999999Z", "closed");
    check_branch(flow, "2026-11-23T07:00:00Z", "open");
    check_branch(flow, "2026-11-23T10:59:59.999999Z", "open");
    check_branch(flow, "2026-11-23T11:00:00Z", "closed");
    check_branch(flow, "2026-11-23T12:00:00Z", "open");
    check_branch(flow, "2026-11-23T16:00:00Z", "closed");
    check_branch(flow, "2026-11-24T09:00:00Z", "closed"); /* a Tuesday */
    cell_flow_free(flow);
}
END_TEST

START_TEST(local_time_follows_the_clocks)
{
    struct cell_flow *flow = hours("Europe/Stockholm", "'sun':[['02:30','03:30']]");
    check_branch(flow, "2026-03-29T00:59:59Z", "closed"); /* 01:59:59, then 03:00 */
    check_branch(flow, "2026-03-29T01:00:00Z", "open");
    check_branch(flow, "2026-03-29T01:29:59Z", "open");
    check_branch(flow, "2026-03-29T01:30:00Z", "closed");
    check_branch(flow, "2026-10-25T00:30:00Z", "open");   /* 02:30 the first time */
    check_branch(flow, "2026-10-25T01:00:00Z", "closed"); /* 02:00 again */
    check_branch(flow, "2026-10-25T01:30:00Z", "open");
    cell_flow_free(flow);
}
END_TEST

START_TEST(the_day_is_the_local_day)
{
    struct cell_flow *flow = hours("Pacific/Auckland", "'mon':[['00:00','24:00']]");
    check_branch(flow, "2026-07-05T11:59:59Z", "closed"); /* still Sunday there */
    check_branch(flow, "2026-07-05T12:00:00Z", "open");
    check_branch(flow, "2026-07-06T11:59:59Z", "open");
    check_branch(flow, "2026-07-06T12:00:00Z", "closed");
    cell_flow_free(flow);
}
END_TEST

START_TEST(every_weekday_has_its_name)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (int day = 0; day < 7; day++) {
        char weekly[64], time[32];
        struct cell_flow *flow = NULL;
        (void)snprintf(weekly, sizeof(weekly), "'%s':[['00:00','24:00']]", names[day]);
        flow = hours("UTC", weekly);
        for (int other = 0; other < 7; other++) {
            (void)snprintf(time, sizeof(time), "2026-11-%02dT12:00:00Z", 23 + other);
            check_branch(flow, time, other == day ? "open" : "closed");
            (void)snprintf(time, sizeof(time), "1969-12-%02dT23:59:59.9Z", 22 + other);
            check_branch(flow, time, other == day ? "open" : "closed");
        }
        cell_flow_free(flow);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {open_from_the_start_up_to_the_end, local_time_follows_the_clocks,
                                  the_day_is_the_local_day, every_weekday_has_its_name};
    return fixture_run("node_hours", tests, sizeof(tests) / sizeof(tests[0]));
}
