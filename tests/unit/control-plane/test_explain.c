#include "control-plane/calls/explain.h"

#include <string.h>

#include "tests/unit/control-plane/suite.h"

static struct cc_buffer out;

static const char *words(const char *json)
{
    json_t *actions = json_loads(json, 0, NULL);
    ck_assert_ptr_nonnull(actions);
    cc_buffer_clear(&out);
    cp_explain_actions(actions, &out);
    cc_buffer_append(&out, cc_slice("", 1));
    json_decref(actions);
    return out.data;
}

START_TEST(actions_are_said_in_words)
{
    cc_buffer_init(&out, 0);
    ck_assert_str_eq(words("[]"), "nothing to do");
    ck_assert_str_eq(words("[{\"connect\":{\"targets\":[{\"e164\":\"+461\",\"caller_id\":\"+462\"},"
                           "{\"sip\":\"sip:a@b\"}],\"strategy\":\"sequential\","
                           "\"timeout_s\":20}}]"),
                     "connect to +461 showing +462, sip:a@b (sequential), ringing 20 s");
    ck_assert_str_eq(words("[{\"say\":{\"text\":\"Hello\"}},{\"reject\":{\"sip_code\":603,"
                           "\"q850\":21,\"reason\":\"barred\"}}]"),
                     "say \"Hello\"; then reject with SIP 603, Q.850 21 (barred)");
    ck_assert_str_eq(words("[{\"gather\":{\"prompt\":{\"play\":{\"url\":\"http://x\"}},\"min\":1,"
                           "\"max\":4,\"timeout_s\":5}},{\"hangup\":{}}]"),
                     "play http://x and take 1 to 4 digits within 5 s; then hang up");
    cc_buffer_deinit(&out);
}
END_TEST

static size_t odd_count(const json_t *events, size_t index)
{
    return json_array_size(json_object_get(json_array_get(events, index), "odd"));
}

START_TEST(what_is_odd_is_said)
{
    json_t *events = json_loads(
        "[{\"event_id\":\"1\",\"sequence\":1,\"source\":\"memory\",\"decision_id\":\"d\","
        "\"plan_version\":4,\"attempt\":1,\"processing_us\":900,\"actions\":[]},"
        "{\"event_id\":\"2\",\"sequence\":2,\"source\":\"edge\",\"decision_id\":\"e\","
        "\"plan_version\":0,\"attempt\":0,\"processing_us\":1,\"actions\":[]},"
        "{\"event_id\":\"2\",\"sequence\":2,\"source\":\"unknown\",\"decision_id\":\"unknown\","
        "\"plan_version\":3,\"attempt\":2,\"processing_us\":300000,\"actions\":[],"
        "\"where\":\"edges/edge-1\"}]",
        0, NULL);
    ck_assert_ptr_nonnull(events);
    cp_explain_events(events);
    ck_assert_uint_eq(odd_count(events, 0), 0);
    ck_assert_uint_eq(odd_count(events, 1), 1);
    /* unknown, second attempt, slow, sequence, twice, not in Postgres */
    ck_assert_uint_eq(odd_count(events, 2), 6);
    json_t *call = json_pack("{s:s, s:s, s:s, s:s, s:n, s:o}", "call", "c", "tenant", "acme",
                             "country", "se", "cell", "se-1", "number", "events", events);
    cc_buffer_init(&out, 0);
    cp_explain_text(call, &out);
    cc_buffer_append(&out, cc_slice("", 1));
    ck_assert_ptr_nonnull(strstr(out.data, "call c of tenant acme (se), cell se-1: 3 events\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "    ODD       answered by the edge itself"));
    ck_assert_ptr_nonnull(strstr(out.data, "    where     edges/edge-1\n"));
    cc_buffer_deinit(&out);
    json_decref(call);
}
END_TEST

/* As Postgres gives them, as spools hold them; the last two happened at once, by the carrier. */
START_TEST(the_oldest_comes_first)
{
    static const char *const expected[] = {"1", "2", "3", "4"};
    json_t *events = json_loads(
        "[{\"event_id\":\"4\",\"occurred_at\":\"2026-11-23T09:00:02+00:00\",\"sequence\":4},"
        "{\"event_id\":\"2\",\"occurred_at\":\"2026-11-23T10:00:00.5+01:00\",\"sequence\":9},"
        "{\"event_id\":\"3\",\"occurred_at\":\"2026-11-23T09:00:02.000000Z\",\"sequence\":3},"
        "{\"event_id\":\"1\",\"occurred_at\":\"2026-11-23T09:00:00Z\",\"sequence\":1}]",
        0, NULL);
    ck_assert_ptr_nonnull(events);
    cp_explain_events(events);
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(events, i), "event_id")),
                         expected[i]);
    ck_assert_uint_eq(json_array_size(events), 4);
    json_decref(events);
}
END_TEST

SUITE_MAIN("explain", the_oldest_comes_first, actions_are_said_in_words, what_is_odd_is_said)
