#include "tests/unit/cell/fixture.h"

#include <stdio.h>

/* Nodes in byte order: bye 0, hello 1, menu 2, sales 3. */
static struct cell_flow *dialogue(void)
{
    return fixture_flow(
        "{'version':1,'entry':'hello','nodes':{"
        "'hello':{'type':'say','text':'Hello.','next':'menu'},"
        "'menu':{'type':'menu','prompt':{'play':{'url':'http://x/m.wav'}},'retries':1,"
        "'branches':{'1':'sales','2':'hello'}},"
        "'sales':{'type':'connect','targets':[{'user':'anna'}],'branches':{'busy':'bye'}},"
        "'bye':{'type':'hangup'}}}");
}

#define MENU_GATHER                                                                                \
    "{'gather':{'prompt':{'play':{'url':'http://x/m.wav'}},'min':1,'max':1,'finish_on_key':'#',"   \
    "'timeout_s':5}}"
#define HELLO "{'say':{'text':'Hello.','language':'en'}}"

static struct cc_call_event event_of(enum cc_call_event_type type)
{
    return (struct cc_call_event){.type = type, .kind = CC_CALL_PBX};
}

START_TEST(a_new_call_starts_at_the_entry_and_gathers_actions)
{
    struct cell_flow *flow = dialogue();
    struct fixture_walk walk = fixture_start(flow, "2026-01-01T00:00:00Z");
    ck_assert_int_eq(walk.outcome, CELL_FLOW_WAITING);
    ck_assert_str_eq(walk.actions, "[" HELLO "," MENU_GATHER "]");
    ck_assert_uint_eq(walk.position.node, 2);
    ck_assert_uint_eq(walk.position.tries, 0);
    cell_flow_free(flow);
}
END_TEST

START_TEST(a_result_goes_on_through_nodes_that_do_not_wait)
{
    struct cell_flow *flow = dialogue();
    struct cell_flow_position at = {.node = 2, .tries = 1};
    struct cc_call_event event = event_of(CC_EVENT_GATHER_COMPLETED);
    struct fixture_walk walk;
    event.digits = CC_SLICE_LITERAL("2");
    walk = fixture_walk(flow, &at, &event);
    ck_assert_int_eq(walk.outcome, CELL_FLOW_WAITING);
    ck_assert_str_eq(walk.actions, "[" HELLO "," MENU_GATHER "]");
    ck_assert_uint_eq(walk.position.node, 2);
    ck_assert_uint_eq(walk.position.tries, 0); /* the menu is entered anew */
    cell_flow_free(flow);
}
END_TEST

START_TEST(events_without_a_result_change_nothing)
{
    static const enum cc_call_event_type types[] = {
        CC_EVENT_CALL_ANSWERED,    CC_EVENT_PLAY_COMPLETED,     CC_EVENT_QUEUE_WAIT,
        CC_EVENT_RECORD_COMPLETED, CC_EVENT_TRANSFER_COMPLETED, CC_EVENT_UNKNOWN};
    struct cell_flow *flow = dialogue();
    struct cell_flow_position at = {.node = 2, .tries = 1};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct cc_call_event event = event_of(types[i]);
        struct fixture_walk walk = fixture_walk(flow, &at, &event);
        ck_assert_int_eq(walk.outcome, CELL_FLOW_WAITING);
        ck_assert_str_eq(walk.actions, "[]");
        ck_assert_uint_eq(walk.position.node, 2);
        ck_assert_uint_eq(walk.position.tries, 1);
    }
    cell_flow_free(flow);
}
END_TEST

START_TEST(a_completed_call_ends)
{
    struct cell_flow *flow = dialogue();
    struct cell_flow_position at = {.node = 3, .tries = 0};
    struct cc_call_event event = event_of(CC_EVENT_CALL_COMPLETED);
    struct fixture_walk walk = fixture_walk(flow, &at, &event);
    ck_assert_int_eq(walk.outcome, CELL_FLOW_ENDED);
    ck_assert_str_eq(walk.actions, "[]");
    cell_flow_free(flow);
}
END_TEST

START_TEST(another_nodes_result_does_not_fit)
{
    struct cell_flow *flow = dialogue();
    struct cell_flow_position menu = {.node = 2, .tries = 0};
    struct cell_flow_position sales = {.node = 3, .tries = 0};
    struct cc_call_event gathered = event_of(CC_EVENT_GATHER_COMPLETED);
    struct cc_call_event dialled = event_of(CC_EVENT_DIAL_COMPLETED);
    ck_assert_int_eq(fixture_walk(flow, &menu, &dialled).outcome, CELL_FLOW_UNFIT);
    ck_assert_int_eq(fixture_walk(flow, &sales, &gathered).outcome, CELL_FLOW_UNFIT);
    cell_flow_free(flow);
}
END_TEST

START_TEST(a_position_where_nobody_waits_does_not_fit)
{
    static const uint16_t nodes[] = {0, 1, 4, UINT16_MAX};
    struct cell_flow *flow = dialogue();
    struct cc_call_event event = event_of(CC_EVENT_GATHER_COMPLETED);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        struct cell_flow_position at = {.node = nodes[i], .tries = 0};
        struct fixture_walk walk = fixture_walk(flow, &at, &event);
        ck_assert_int_eq(walk.outcome, CELL_FLOW_UNFIT);
        ck_assert_str_eq(walk.actions, "[]");
    }
    cell_flow_free(flow);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_new_call_starts_at_the_entry_and_gathers_actions,
        a_result_goes_on_through_nodes_that_do_not_wait,
        events_without_a_result_change_nothing,
        a_completed_call_ends,
        another_nodes_result_does_not_fit,
        a_position_where_nobody_waits_does_not_fit,
    };
    return fixture_run("flow", tests, sizeof(tests) / sizeof(tests[0]));
}
