/* The edge's own answers, row by row of the policy in docs/api/calls.md; and what is an emergency.
 */
#include <check.h>
#include <stdlib.h>

#include "edge/emergency.h"
#include "edge/fallback.h"
#include "tests/unit/edge/fixture.h"

static struct cc_route_map *map;
static struct cc_arena arena;
static struct cc_buffer body;

static void set_up(void)
{
    cc_arena_init(&arena, 0);
    cc_buffer_init(&body, 0);
    map = fixture_map(7);
}

static void tear_down(void)
{
    cc_route_map_free(map);
    cc_buffer_deinit(&body);
    cc_arena_reset(&arena);
}

struct row {
    const char *kind, *direction, *event, *to, *state, *fallback;
    bool unknown;
    const char *actions; /* as rendered */
    const char *name;
};

static const struct row rows[] = {
    {"mobile", "originating", "call.initiated", "112", "", NULL, false,
     "[{\"connect\":{\"targets\":[{\"dialled\":\"112\"}]}}]", "emergency"},
    {"mobile", "terminating", "call.initiated", "+46701112233", "", NULL, false,
     "[{\"connect\":{\"targets\":[{\"e164\":\"+46701112233\"}]}}]", "connect_dialled"},
    {"mobile", "originating", "call.initiated", "+46900123456", "", NULL, false,
     "[{\"reject\":{\"sip_code\":603,\"q850\":21,\"reason\":\"barred\"}}]", "barred"},
    {"mobile", "originating", "dial.completed", "+46701112233", "", NULL, false, "[]", "nothing"},
    {"pbx", "terminating", "call.initiated", "+46101234567", "", "+46700000001", false,
     "[{\"connect\":{\"targets\":[{\"e164\":\"+46700000001\"}]}}]", "fallback_target"},
    {"pbx", "terminating", "call.initiated", "+46101234568", "", NULL, false,
     "[{\"reject\":{\"sip_code\":480,\"q850\":20,\"reason\":\"unavailable\"}}]", "busy"},
    {"pbx", "terminating", "gather.completed", "+46101234568", "c3RhdGU", NULL, false,
     "[{\"hangup\":{}}]", "hangup"},
    {"pbx", "terminating", "gather.completed", "+46101234567", "c3RhdGU", "+46700000001", false,
     "[{\"connect\":{\"targets\":[{\"e164\":\"+46700000001\"}]}}]", "fallback_target"},
    {"pbx", "terminating", "call.answered", "+46101234567", "c3RhdGU", "+46700000001", false, "[]",
     "nothing"},
    {"pbx", "terminating", "call.invented", "+46101234567", "", NULL, false, "[]", "nothing"},
    {"mobile", "terminating", "call.initiated", "+46101111111", "", NULL, true,
     "[{\"reject\":{\"sip_code\":404,\"q850\":1,\"reason\":\"unknown number\"}}]",
     "unknown_number"},
    {"pbx", "terminating", "gather.completed", "+46101111111", "", NULL, true, "[{\"hangup\":{}}]",
     "hangup"},
};

static void expect_field(const char *format, const char *value)
{
    struct cc_slice text = cc_arena_printf(&arena, "%s%s", format, value);
    cc_buffer_append(&body, cc_slice("", 1)); /* NUL for strstr */
    ck_assert_msg(strstr(body.data, text.data) != NULL, "%s lacks %s", body.data, text.data);
    body.length--;
}

START_TEST(policy)
{
    const struct row *row = &rows[_i];
    struct cc_call_event event;
    struct edge_fallback fallback;
    struct edge_target target = {.tenant = CC_SLICE_LITERAL("acme"),
                                 .known_number = !row->unknown,
                                 .fallback_target = cc_slice_of(row->fallback)};
    fixture_event(&arena, row->kind, row->direction, row->event, "+46701112244", row->to,
                  row->state, &event);
    ck_assert_int_eq(edge_fallback_answer(map, &event, &target, &body, &fallback), CC_OK);
    expect_field("\"actions\":", row->actions);
    expect_field("\"decision_id\":\"", fallback.decision_id);
    expect_field(row->state[0] ? "\"state\":\"" : "\"state\":null", row->state);
    expect_field("\"flow\":", "null");
    ck_assert_str_eq(edge_fallback_name(fallback.row), row->name);
    ck_assert_int_eq(fallback.plan_version, 7);
    ck_assert_uint_eq(strlen(fallback.decision_id), CC_DECISION_ID_TEXT);
}
END_TEST

static enum edge_body read_body(const char *text, struct cc_json_reason *reason)
{
    struct cc_call_event event;
    return edge_emergency_read(cc_slice_of(text), cc_route_map_policy(map), &arena, &event, reason);
}

#define BODY(direction, to)                                                                        \
    "{\"event_id\":\"e\",\"event\":\"call.initiated\",\"occurred_at\":\"2026-11-23T09:00:00Z\","   \
    "\"call\":{\"id\":\"c\",\"kind\":\"mobile\",\"direction\":\"" direction "\",\"to\":{" to "}}}"

START_TEST(emergencies)
{
    struct cc_json_reason reason = {""};
    ck_assert_int_eq(read_body(BODY("originating", "\"dialled\":\"112\""), &reason),
                     EDGE_BODY_EMERGENCY);
    ck_assert_int_eq(
        read_body(BODY("originating", "\"dialled\":\"urn:service:sos.fire\""), &reason),
        EDGE_BODY_EMERGENCY);
    ck_assert_int_eq(read_body(BODY("terminating", "\"dialled\":\"112\""), &reason),
                     EDGE_BODY_EVENT);
    ck_assert_int_eq(read_body(BODY("originating", "\"dialled\":\"1122\""), &reason),
                     EDGE_BODY_EVENT);
    ck_assert_int_eq(read_body("{\"event_id\":\"e\"}", &reason), EDGE_BODY_NONE);
    ck_assert_ptr_nonnull(strstr(reason.text, "event"));
    ck_assert_int_eq(read_body("112", &reason), EDGE_BODY_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/fallback");
    TCase *tests = tcase_create("fallback");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, policy, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tests, emergencies);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
