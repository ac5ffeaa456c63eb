#include "base/call_event.h"

#include <stdio.h>

#include "base/timestamp.h"
#include "tests/fuzz/call_event_holds.h"
#include "tests/unit/base/suite.h"

static struct cc_arena arena;
static struct cc_call_event event;
static struct cc_json_reason reason;

static enum cc_error parse(const char *text)
{
    cc_arena_reset(&arena);
    cc_arena_init(&arena, 0);
    reason.text[0] = '\0';
    (void)ordinary_holds(cc_slice_of(text));
    return cc_call_event_parse(cc_slice_of(text), &arena, &event, &reason);
}

#define HEAD                                                                                       \
    "\"event_id\":\"e-1\",\"event\":\"call.initiated\",\"occurred_at\":\"2026-11-23T09:00:00Z\""
#define CALL "\"id\":\"c-1\",\"kind\":\"pbx\",\"direction\":\"terminating\""
#define TO "\"to\":{\"e164\":\"+46101234567\"}"
#define MINIMAL(more, more_call) "{" HEAD ",\"call\":{" CALL "," TO more_call "}" more "}"

START_TEST(the_documented_example)
{
    ck_assert_int_eq(
        parse("{\"event_id\":\"e-1\",\"sequence\":1,\"event\":\"call.initiated\","
              "\"occurred_at\":\"2026-11-23T09:00:00Z\",\"deadline_ms\":1000,"
              "\"call\":{\"id\":\"c-1\",\"leg_id\":\"l-1\",\"kind\":\"pbx\","
              "\"direction\":\"terminating\",\"from\":{\"e164\":\"+46701112233\","
              "\"presentation\":\"restricted\"},\"to\":{\"e164\":\"+46101234567\","
              "\"dialled\":\"0101234567\"},\"forwarded_from\":[\"+46701\",\"+46702\"],"
              "\"country\":\"se\"},\"state\":\"AQID\",\"result\":{\"status\":\"no-answer\","
              "\"digits\":\"12*#D\",\"reason\":\"dtmf\"}}"),
        CC_OK);
    int64_t expected_us = 0;
    ck_assert_int_eq(cc_timestamp_parse(CC_SLICE_LITERAL("2026-11-23T09:00:00Z"), &expected_us),
                     CC_OK);
    ASSERT_SLICE(event.event_id, "e-1");
    ck_assert_int_eq(event.sequence, 1);
    ck_assert_int_eq(event.type, CC_EVENT_CALL_INITIATED);
    ck_assert_int_eq(event.occurred_at_us, expected_us);
    ck_assert_int_eq(event.deadline_ms, 1000);
    ASSERT_SLICE(event.call_id, "c-1");
    ASSERT_SLICE(event.leg_id, "l-1");
    ck_assert_int_eq(event.kind, CC_CALL_PBX);
    ck_assert_int_eq(event.direction, CC_CALL_TERMINATING);
    ASSERT_SLICE(event.from_e164, "+46701112233");
    ASSERT_SLICE(event.from_presentation, "restricted");
    ASSERT_SLICE(event.to_dialled, "0101234567");
    ck_assert_uint_eq(event.forwarded_count, 2);
    ASSERT_SLICE(event.forwarded_from[1], "+46702");
    ASSERT_SLICE(event.country, "se");
    ASSERT_SLICE(event.state, "AQID");
    ck_assert_int_eq(event.status, CC_RESULT_NO_ANSWER);
    ck_assert_int_eq(event.reason, CC_REASON_DTMF);
    ASSERT_SLICE(event.digits, "12*#D");
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(what_is_no_call_event)
{
    static const char *const bad[][2] = {
        {"{", ""},
        {"[]", "event_id: missing"},
        {"{\"event\":\"call.initiated\"}", "event_id: missing"},
        {"{\"event_id\":\"a b\"}", "event_id: must be printable ASCII without space, '\"' or '\\'"},
        {"{\"event_id\":1}", "event_id: must be a text of 1 to 128 bytes"},
        {"{\"event_id\":\"e\"}", "event: missing"},
        {"{\"event_id\":\"e\",\"event\":\"x\"}", "occurred_at: missing"},
        {"{\"event_id\":\"e\",\"event\":\"x\",\"occurred_at\":\"today\"}",
         "occurred_at: must be an RFC 3339 date and time"},
        {"{" HEAD "}", "call.id: missing"},
        {"{" HEAD ",\"call\":[]}", "call.id: missing"},
        {"{" HEAD ",\"call\":{\"id\":\"c\"}}", "call.kind: missing"},
        {"{" HEAD ",\"call\":{\"id\":\"c\",\"kind\":\"fax\"}}", "call.kind: must be mobile or pbx"},
        {"{" HEAD ",\"call\":{\"id\":\"c\",\"kind\":\"pbx\",\"direction\":\"up\"}}",
         "call.direction: must be originating or terminating"},
        {"{" HEAD ",\"call\":{" CALL "}}", "call.to: must have e164 or dialled"},
        {"{" HEAD ",\"call\":{" CALL ",\"to\":{}}}", "call.to: must have e164 or dialled"},
        {"{" HEAD ",\"call\":{" CALL ",\"to\":{\"e164\":\"46\"}}}",
         "call.to.e164: must be E.164 (+ and 2 to 15 digits)"},
        {"{" HEAD ",\"call\":{" CALL ",\"to\":{\"dialled\":\"bob\"}}}",
         "call.to.dialled: must be 1 to 64 of digits, +, *, # or urn:service:..."}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(parse(bad[i][0]) == CC_INVALID, "accepted %s", bad[i][0]);
        if (bad[i][1][0] != '\0')
            ck_assert_str_eq(reason.text, bad[i][1]);
        ck_assert_uint_gt(strlen(reason.text), 0);
    }
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(optional_fields_of_a_wrong_form_count_as_absent)
{
    ck_assert_int_eq(parse(MINIMAL(",\"sequence\":\"x\",\"deadline_ms\":-1,\"state\":{},"
                                   "\"result\":{\"status\":7,\"reason\":\"x\",\"digits\":null},"
                                   "\"unknown\":[1]",
                                   ",\"leg_id\":\"a b\",\"from\":{\"e164\":\"x\","
                                   "\"presentation\":\"maybe\"},\"country\":\"Sweden\","
                                   "\"forwarded_from\":[1,\"x\",\"+46701\"]")),
                     CC_OK);
    ck_assert_int_eq(event.sequence, 0);
    ck_assert_int_eq(event.deadline_ms, 0);
    ck_assert_uint_eq(event.state.length, 0);
    ck_assert(!event.state_oversized);
    ck_assert_int_eq(event.status, CC_RESULT_NONE);
    ck_assert_int_eq(event.reason, CC_REASON_NONE);
    ck_assert(!event.digits_invalid);
    ck_assert_uint_eq(event.leg_id.length + event.from_e164.length + event.country.length +
                          event.from_presentation.length,
                      0);
    ck_assert_uint_eq(event.forwarded_count, 1);
    ASSERT_SLICE(event.forwarded_from[0], "+46701");
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(a_number_or_a_nul_that_is_not_ours_costs_no_answer)
{
    static const char *const odd[] = {"99999999999999999999", "-99999999999999999999",
                                      "\"a\\u0000b\""};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text),
                       "{\"x\":%s,\"event_id\":\"e\",\"event\":\"call.initiated\","
                       "\"occurred_at\":\"2026-11-23T09:00:00Z\",\"call\":{\"id\":\"c\","
                       "\"kind\":\"mobile\",\"direction\":\"originating\","
                       "\"to\":{\"dialled\":\"112\"}}}",
                       odd[i]);
        ck_assert_int_eq(parse(text), CC_OK);
        ck_assert(cc_slice_is(event.to_dialled, "112"));
    }
}
END_TEST

START_TEST(one_good_form_of_to_is_enough)
{
    ck_assert_int_eq(
        parse("{" HEAD ",\"call\":{" CALL ",\"to\":{\"e164\":\"\",\"dialled\":\"112\"}}}"), CC_OK);
    ck_assert_uint_eq(event.to_e164.length, 0);
    ASSERT_SLICE(cc_call_event_dialled(&event), "112");
    ck_assert_uint_eq(cc_call_event_served(&event).length, 0);
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(digits_are_dtmf_or_invalid)
{
    ck_assert_int_eq(parse(MINIMAL(",\"result\":{\"digits\":\"12x\"}", "")), CC_OK);
    ck_assert(event.digits_invalid && event.digits.length == 0);
    ck_assert_int_eq(parse(MINIMAL(",\"result\":{\"digits\":12}", "")), CC_OK);
    ck_assert(event.digits_invalid);
    ck_assert_int_eq(parse(MINIMAL(",\"result\":{\"digits\":\"\"}", "")), CC_OK);
    ck_assert(!event.digits_invalid && event.digits.length == 0);
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(an_oversized_state_is_not_ours)
{
    char text[2048];
    for (int length = 600; length <= 601; length++) {
        (void)snprintf(text, sizeof(text),
                       "{" HEAD ",\"state\":\"%0*d\",\"call\":{" CALL "," TO "}}", length, 0);
        ck_assert_int_eq(parse(text), CC_OK);
        ck_assert_int_eq(event.state_oversized, length > 600);
        ck_assert_uint_eq(event.state.length, length > 600 ? 0 : 600);
    }
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(bounds_of_lists_and_ids)
{
    ck_assert_int_eq(parse(MINIMAL("", ",\"forwarded_from\":[\"+4601\",\"+4602\",\"+4603\","
                                       "\"+4604\",\"+4605\",\"+4606\",\"+4607\",\"+4608\","
                                       "\"+4609\",\"+4610\",\"+4611\",\"+4612\"]")),
                     CC_OK);
    ck_assert_uint_eq(event.forwarded_count, CC_FORWARDED_MAX);
    ASSERT_SLICE(event.forwarded_from[9], "+4610");
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(types_have_their_names)
{
    ck_assert_int_eq(parse("{\"event_id\":\"e\",\"event\":\"call.teleported\",\"occurred_at\":"
                           "\"2026-11-23T09:00:00Z\",\"call\":{" CALL "," TO "}}"),
                     CC_OK);
    ck_assert_int_eq(event.type, CC_EVENT_UNKNOWN);
    ASSERT_SLICE(event.type_text, "call.teleported");
    ck_assert_str_eq(cc_call_event_type_name(CC_EVENT_DIAL_COMPLETED), "dial.completed");
    ck_assert_str_eq(cc_call_event_type_name(CC_EVENT_UNKNOWN), "unknown");
    ck_assert_str_eq(cc_call_kind_name(CC_CALL_PBX), "pbx");
    ck_assert_str_eq(cc_call_direction_name(CC_CALL_ORIGINATING), "originating");
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(served_and_dialled)
{
    struct cc_call_event call = {.direction = CC_CALL_ORIGINATING,
                                 .from_e164 = CC_SLICE_LITERAL("+461"),
                                 .to_e164 = CC_SLICE_LITERAL("+462"),
                                 .to_dialled = CC_SLICE_LITERAL("02")};
    ASSERT_SLICE(cc_call_event_served(&call), "+461");
    call.direction = CC_CALL_TERMINATING;
    ASSERT_SLICE(cc_call_event_served(&call), "+462");
    ASSERT_SLICE(cc_call_event_dialled(&call), "+462");
    call.to_e164 = cc_slice(NULL, 0);
    call.to_dialled = CC_SLICE_LITERAL("+4699");
    ASSERT_SLICE(cc_call_event_served(&call), "+4699");
    ck_assert(cc_call_event_is_first(&call));
    call.type = CC_EVENT_CALL_ANSWERED;
    ck_assert(!cc_call_event_is_first(&call));
}
END_TEST

START_TEST(an_arena_that_is_full_is_no_fault_of_the_carrier)
{
    cc_arena_init(&arena, 8);
    ck_assert_int_eq(cc_call_event_parse(cc_slice_of(MINIMAL("", "")), &arena, &event, &reason),
                     CC_NO_MEMORY);
    cc_arena_reset(&arena);
}
END_TEST

/* Which of them cost the dearer parse. */
START_TEST(only_odd_bodies_need_a_tree)
{
    static const char *const ordinary[] = {
        MINIMAL("", ""),
        MINIMAL(",\"state\":null,\"result\":null,\"more\":{\"a\":[1,2.5,true]}", ""),
        MINIMAL("", ",\"from\":{\"e164\":\"+46701\",\"name\":\"\\u00c5sa\"}"),
        MINIMAL("", ",\"forwarded_from\":[\"+46701\",\"x\",3,\"+46702\"]"),
    };
    static const char *const odd[] = {
        MINIMAL(",\"sequence\":9223372036854775808", ""),
        MINIMAL(",\"more\":\"\\u0000\"", ""),
        MINIMAL(",\"state\":\"A\\u0042\"", ""),
        MINIMAL("", ",\"from\":{\"e164\":\"+46701\",\"name\":\"\\ud83d\\ude00\"}"),
        "{\"event\":\"call.initiated\"}",
    };
    for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++)
        ck_assert_msg(ordinary_holds(cc_slice_of(ordinary[i])), "%s", ordinary[i]);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        ck_assert_msg(!ordinary_holds(cc_slice_of(odd[i])), "%s", odd[i]);
    ck_assert_int_eq(parse(odd[2]), CC_OK);
    ASSERT_SLICE(event.state, "AB");
    cc_arena_reset(&arena);
}
END_TEST

SUITE_MAIN("call_event", the_documented_example, what_is_no_call_event,
           optional_fields_of_a_wrong_form_count_as_absent,
           a_number_or_a_nul_that_is_not_ours_costs_no_answer, one_good_form_of_to_is_enough,
           digits_are_dtmf_or_invalid, an_oversized_state_is_not_ours, bounds_of_lists_and_ids,
           types_have_their_names, served_and_dialled,
           an_arena_that_is_full_is_no_fault_of_the_carrier, only_odd_bodies_need_a_tree)
