#include "tests/unit/cell/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define BYE "'bye':{'type':'hangup'}"
#define HOURS(open, closed)                                                                        \
    "{'type':'hours','zone':'UTC','weekly':{},'branches':{'open':'" open "','closed':'" closed "'" \
    "}"                                                                                            \
    "}"
#define SAY(next) "{'type':'say','text':'x','next':'" next "'}"
#define MENU(digit) "{'type':'menu','prompt':{'say':{'text':'x'}},'branches':{'1':'" digit "'}}"
#define FLOW(nodes) "{'version':1,'entry':'a','nodes':{" nodes "}}"

START_TEST(unreachable_nodes_are_refused)
{
    fixture_flow_refused(FLOW("'a':{'type':'hangup'}," BYE),
                         "nodes.bye: cannot be reached from entry");
    fixture_flow_refused(FLOW("'a':{'type':'hangup'},'b':" MENU("c") ",'c':" MENU("b")),
                         "nodes.b: cannot be reached from entry");
}
END_TEST

START_TEST(circles_that_ask_nobody_are_refused)
{
    fixture_flow_refused(FLOW("'a':" SAY("a")),
                         "nodes.a: stands in a circle in which the caller is never asked");
    fixture_flow_refused(FLOW("'a':" SAY("b") ",'b':" HOURS("bye", "c") ",'c':" SAY("b") "," BYE),
                         "nodes.b: stands in a circle in which the caller is never asked");
    fixture_flow_refused(FLOW("'a':" MENU("b") ",'b':" SAY("c") ",'c':" SAY("b")),
                         "nodes.b: stands in a circle in which the caller is never asked");
}
END_TEST

START_TEST(circles_that_ask_are_fine)
{
    cell_flow_free(fixture_flow(FLOW("'a':" MENU("a"))));
    cell_flow_free(
        fixture_flow(FLOW("'a':" SAY("b") ",'b':" HOURS("c", "bye") ",'c':" MENU("a") "," BYE)));
}
END_TEST

START_TEST(ways_that_meet_again_are_no_circle)
{
    cell_flow_free(fixture_flow(
        FLOW("'a':" HOURS("b", "c") ",'b':" SAY("d") ",'c':" SAY("d") ",'d':" SAY("bye") "," BYE)));
}
END_TEST

/* n nodes of one type in a row, then a hangup. */
static char *row_of(int count, bool says)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(out);
    (void)fprintf(out, "{'version':1,'entry':'n1','nodes':{'n0':{'type':'hangup'}");
    for (int i = 1; i <= count; i++) {
        int next = i < count ? i + 1 : 0;
        if (says)
            (void)fprintf(out, ",'n%d':{'type':'say','text':'x','next':'n%d'}", i, next);
        else
            (void)fprintf(out,
                          ",'n%d':{'type':'hours','zone':'UTC','weekly':{},"
                          "'branches':{'open':'n0','closed':'n%d'}}",
                          i, next);
    }
    (void)fprintf(out, "}}");
    (void)fclose(out);
    return text;
}

START_TEST(an_answer_has_at_most_16_actions)
{
    char *fits = row_of(15, true);
    char *too_long = row_of(16, true);
    struct cell_flow *flow = fixture_flow(fits);
    struct fixture_walk walk = fixture_start(flow, "2026-01-01T00:00:00Z");
    ck_assert_int_eq(walk.outcome, CELL_FLOW_ENDED);
    fixture_flow_refused(too_long, "nodes.n1: more than 16 actions would follow in one answer");
    cell_flow_free(flow);
    free(fits);
    free(too_long);
}
END_TEST

START_TEST(an_answer_walks_at_most_100_nodes)
{
    char *fits = row_of(99, false);
    char *too_long = row_of(100, false);
    struct cell_flow *flow = fixture_flow(fits);
    struct fixture_walk walk = fixture_start(flow, "2026-01-01T00:00:00Z");
    ck_assert_int_eq(walk.outcome, CELL_FLOW_ENDED);
    fixture_flow_refused(too_long, "nodes.n1: more than 100 nodes would be walked for one answer");
    cell_flow_free(flow);
    free(fits);
    free(too_long);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        unreachable_nodes_are_refused,    circles_that_ask_nobody_are_refused,
        circles_that_ask_are_fine,        ways_that_meet_again_are_no_circle,
        an_answer_has_at_most_16_actions, an_answer_walks_at_most_100_nodes,
    };
    return fixture_run("check", tests, sizeof(tests) / sizeof(tests[0]));
}
