#include "base/answer.h"

#include "tests/unit/base/suite.h"

static void assert_actions(const struct cc_action *actions, size_t count, const char *expected)
{
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cc_answer_render_actions(actions, count, &out);
    ASSERT_SLICE(cc_buffer_slice(&out), expected);
    cc_buffer_deinit(&out);
}

START_TEST(the_whole_body)
{
    struct cc_action hangup = cc_action_hangup();
    struct cc_answer answer = {.flow_id = CC_SLICE_LITERAL("main"),
                               .flow_version = 3,
                               .state = CC_SLICE_LITERAL("AQ"),
                               .actions = &hangup,
                               .action_count = 1};
    struct cc_buffer body;
    char id[CC_DECISION_ID_TEXT + 1];
    cc_buffer_init(&body, 0);
    ck_assert_int_eq(
        cc_answer_render(&answer, CC_SLICE_LITERAL("acme"), CC_SLICE_LITERAL("e-1"), 42, &body, id),
        CC_OK);
    /* The id is from Python's hashlib. */
    ck_assert_str_eq(id, "c494b6c88cb8c5d93957cf02bf656336");
    ASSERT_SLICE(
        cc_buffer_slice(&body),
        "{\"decision_id\":\"c494b6c88cb8c5d93957cf02bf656336\",\"flow\":{\"id\":\"main\","
        "\"version\":3},\"state\":\"AQ\",\"actions\":[{\"hangup\":{}}],\"on_timeout\":[]}");
    cc_buffer_deinit(&body);
}
END_TEST

static void render_id(const struct cc_answer *answer, const char *tenant, const char *event_id,
                      int64_t version, char *id)
{
    struct cc_buffer body;
    cc_buffer_init(&body, 0);
    ck_assert_int_eq(
        cc_answer_render(answer, cc_slice_of(tenant), cc_slice_of(event_id), version, &body, id),
        CC_OK);
    cc_buffer_deinit(&body);
}

START_TEST(the_id_depends_on_each_part_and_keeps_them_apart)
{
    struct cc_answer answer = {0};
    struct cc_answer other = {.state = CC_SLICE_LITERAL("AQ")};
    char ids[6][CC_DECISION_ID_TEXT + 1];
    char again[CC_DECISION_ID_TEXT + 1];
    render_id(&answer, "acme", "e1", 1, ids[0]);
    render_id(&answer, "acm", "ee1", 1, ids[1]);
    render_id(&answer, "acme", "e2", 1, ids[2]);
    render_id(&answer, "acme", "e1", 2, ids[3]);
    render_id(&other, "acme", "e1", 1, ids[4]);
    render_id(&answer, "acme", "e", 11, ids[5]);
    render_id(&answer, "acme", "e1", 1, again);
    ck_assert_str_eq(ids[0], again);
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(ids[i], ids[j]);
    }
}
END_TEST

START_TEST(an_empty_answer_has_nulls)
{
    struct cc_answer answer = {0};
    struct cc_buffer body;
    char id[CC_DECISION_ID_TEXT + 1];
    cc_buffer_init(&body, 0);
    ck_assert_int_eq(
        cc_answer_render(&answer, CC_SLICE_LITERAL("acme"), CC_SLICE_LITERAL("e"), 0, &body, id),
        CC_OK);
    struct cc_slice rest = cc_buffer_slice(&body);
    ck_assert_uint_gt(rest.length, 50);
    ASSERT_SLICE(cc_slice(rest.data + 50, rest.length - 50),
                 "\"flow\":null,\"state\":null,\"actions\":[],\"on_timeout\":[]}");
    cc_buffer_deinit(&body);
}
END_TEST

START_TEST(connect_in_full)
{
    struct cc_action action = cc_action_connect_e164(CC_SLICE_LITERAL("+461"));
    action.targets[0].timeout_s = 20;
    action.targets[0].caller_id = CC_SLICE_LITERAL("anonymous");
    action.targets[1] =
        (struct cc_target){.kind = CC_TARGET_SIP, .value = CC_SLICE_LITERAL("sip:a@b")};
    action.targets[2] =
        (struct cc_target){.kind = CC_TARGET_USER, .value = CC_SLICE_LITERAL("anna")};
    action.target_count = 3;
    action.strategy = CC_SLICE_LITERAL("sequential");
    action.timeout_s = 30;
    action.time_limit_s = 3600;
    action.reports = true;
    assert_actions(&action, 1,
                   "[{\"connect\":{\"targets\":[{\"e164\":\"+461\",\"timeout_s\":20,\"caller_id\":"
                   "\"anonymous\"},{\"sip\":\"sip:a@b\"},{\"user\":\"anna\"}],\"strategy\":"
                   "\"sequential\",\"timeout_s\":30,\"time_limit_s\":3600,\"on_busy\":\"event\","
                   "\"on_no_answer\":\"event\"}}]");
    action.target_count = 1;
    action.reports = false;
    assert_actions(&action, 1,
                   "[{\"connect\":{\"targets\":[{\"e164\":\"+461\",\"timeout_s\":20,\"caller_id\":"
                   "\"anonymous\"}],\"timeout_s\":30,\"time_limit_s\":3600}}]");
}
END_TEST

START_TEST(the_other_verbs)
{
    const struct cc_action actions[] = {
        {.kind = CC_ACTION_SAY,
         .prompt = {.say_text = CC_SLICE_LITERAL("Hej \"du\""),
                    .say_language = CC_SLICE_LITERAL("sv")}},
        {.kind = CC_ACTION_PLAY, .prompt = {.play_url = CC_SLICE_LITERAL("https://x/a.wav")}},
        {.kind = CC_ACTION_GATHER,
         .prompt = {.say_text = CC_SLICE_LITERAL("1?"), .say_language = CC_SLICE_LITERAL("en")},
         .minimum = 1,
         .maximum = 2,
         .finish_on_key = CC_SLICE_LITERAL("#"),
         .timeout_s = 5},
        {.kind = CC_ACTION_GATHER,
         .prompt = {.play_url = CC_SLICE_LITERAL("u"), .say_text = CC_SLICE_LITERAL("unused")}},
        cc_action_reject(480, 20, "unavailable"),
        cc_action_hangup()};
    assert_actions(
        actions, 6,
        "[{\"say\":{\"text\":\"Hej \\\"du\\\"\",\"language\":\"sv\"}},"
        "{\"play\":{\"url\":\"https://x/a.wav\"}},"
        "{\"gather\":{\"prompt\":{\"say\":{\"text\":\"1?\",\"language\":\"en\"}},\"min\":1,"
        "\"max\":2,\"finish_on_key\":\"#\",\"timeout_s\":5}},"
        "{\"gather\":{\"prompt\":{\"play\":{\"url\":\"u\"}}}},"
        "{\"reject\":{\"sip_code\":480,\"q850\":20,\"reason\":\"unavailable\"}},"
        "{\"hangup\":{}}]");
}
END_TEST

START_TEST(connect_as_dialled)
{
    struct cc_call_event event = {.to_e164 = CC_SLICE_LITERAL("+46112"),
                                  .to_dialled = CC_SLICE_LITERAL("112")};
    struct cc_action action = cc_action_connect_event(&event);
    assert_actions(&action, 1, "[{\"connect\":{\"targets\":[{\"e164\":\"+46112\"}]}}]");
    event.to_e164 = cc_slice(NULL, 0);
    action = cc_action_connect_event(&event);
    assert_actions(&action, 1, "[{\"connect\":{\"targets\":[{\"dialled\":\"112\"}]}}]");
    event.to_dialled = CC_SLICE_LITERAL("+4670");
    action = cc_action_connect_event(&event);
    assert_actions(&action, 1, "[{\"connect\":{\"targets\":[{\"dialled\":\"+4670\"}]}}]");
    action = cc_action_connect_dialled(CC_SLICE_LITERAL("+4670"));
    assert_actions(&action, 1, "[{\"connect\":{\"targets\":[{\"e164\":\"+4670\"}]}}]");
    action = cc_action_connect_dialled(CC_SLICE_LITERAL("112"));
    assert_actions(&action, 1, "[{\"connect\":{\"targets\":[{\"dialled\":\"112\"}]}}]");
}
END_TEST

START_TEST(a_body_beyond_the_bound_is_an_error)
{
    struct cc_answer answer = {0};
    struct cc_buffer body;
    char id[CC_DECISION_ID_TEXT + 1];
    cc_buffer_init(&body, 60);
    ck_assert_int_eq(
        cc_answer_render(&answer, CC_SLICE_LITERAL("acme"), CC_SLICE_LITERAL("e"), 0, &body, id),
        CC_TOO_LARGE);
    cc_buffer_deinit(&body);
}
END_TEST

SUITE_MAIN("answer", the_whole_body, the_id_depends_on_each_part_and_keeps_them_apart,
           an_empty_answer_has_nulls, connect_in_full, the_other_verbs, connect_as_dialled,
           a_body_beyond_the_bound_is_an_error)
