#include "base/json_view.h"

#include "tests/fuzz/json_view_holds.h"
#include "tests/unit/base/suite.h"

#define EVENT                                                                                      \
    "{\"event_id\":\"e-1\",\"sequence\":12,\"event\":\"call.initiated\","                          \
    "\"occurred_at\":\"2026-11-23T09:00:00Z\",\"call\":{\"id\":\"c-1\",\"kind\":\"pbx\","          \
    "\"from\":{\"e164\":\"+46701112233\",\"name\":\"\\u00c5sa \xc3\xa5\"},\"trunk\":-1.5,"         \
    "\"forwarded_from\":[\"+46701\",\"+46702\"]},\"state\":null,\"more\":[true,{\"a\":[]}]}"

static bool holds(const char *text)
{
    return view_holds(cc_slice_of(text));
}

START_TEST(an_event_is_ordinary)
{
    struct cc_json_view view;
    ck_assert(holds(EVENT));
    ck_assert(cc_json_view_read(CC_SLICE_LITERAL(EVENT), &view));
    const struct cc_json_view_value *call =
        cc_json_view_find(&view, &view.values[0], CC_SLICE_LITERAL("call"));
    const struct cc_json_view_value *from =
        cc_json_view_find(&view, call, CC_SLICE_LITERAL("from"));
    const struct cc_json_view_value *number =
        cc_json_view_find(&view, from, CC_SLICE_LITERAL("e164"));
    ck_assert_ptr_nonnull(number);
    ASSERT_SLICE(number->text, "+46701112233");
    ck_assert_int_eq(cc_json_view_find(&view, from, CC_SLICE_LITERAL("name"))->kind,
                     CC_JSON_VIEW_ESCAPED);
    ck_assert_ptr_null(cc_json_view_find(&view, number, CC_SLICE_LITERAL("e164")));
    ck_assert_ptr_null(cc_json_view_find(&view, NULL, CC_SLICE_LITERAL("e164")));
    ck_assert_ptr_null(cc_json_view_find(&view, call, CC_SLICE_LITERAL("e164")));
}
END_TEST

/* All that jansson takes here is taken, with the same values. */
START_TEST(ordinary_documents)
{
    static const char *const documents[] = {
        "{}",
        " \t\r\n{ \"a\" : 1 , \"b\" : [ ] } \n",
        "{\"a\":0,\"b\":-0,\"c\":10,\"d\":-7,\"e\":999999999999999999}",
        "{\"a\":0.5,\"b\":-0.0,\"c\":12.250}",
        "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0020\\uFFFF\"}",
        "{\"\":{\"\":[[[1]]]},\"\x7f\":\"\xf4\x8f\xbf\xbf\"}",
        "{\"a\":[{\"b\":1},{\"b\":2}],\"b\":3}",
    };
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        ck_assert_msg(holds(documents[i]), "%s", documents[i]);
}
END_TEST

START_TEST(all_else_is_left_to_jansson)
{
    static const char *const documents[] = {
        "",
        " ",
        "[]",
        "1",
        "\"a\"",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1}{",
        "{\"a\":1}x",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":[1}",
        "{\"a\":1]",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e5}",
        "{\"a\":1.5e5}",
        "{\"a\":0x1}",
        "{\"a\":1a}",
        "{\"a\":1234567890123456789}",
        "{\"a\":1.0000000000000000000000000000000000}",
        "{\"a\":nul}",
        "{\"a\":nulll}",
        "{\"a\":True}",
        "{\"a\":truefalse}",
        "{\"a\":\"b}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud83d\\ude00\"}",
        "{\"a\":\"\\",
        "{\"\\u0061\":1}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}",
        "{\"a\":\"\xc3\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}",
        "\xef\xbb\xbf{}",
        "{\"a\":[[[[[[[[1]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        ck_assert_msg(!holds(documents[i]), "%s", documents[i]);
}
END_TEST

static bool array_of(size_t count)
{
    char text[3 * CC_JSON_VIEW_MAX + 16] = "{\"a\":[1";
    size_t length = strlen(text);
    for (size_t i = 1; i < count; i++) {
        memcpy(text + length, ",1", 2);
        length += 2;
    }
    memcpy(text + length, "]}", 3);
    return holds(text);
}

START_TEST(as_many_values_as_there_is_room_for)
{
    ck_assert(array_of(CC_JSON_VIEW_MAX - 2));
    ck_assert(!array_of(CC_JSON_VIEW_MAX - 1));
}
END_TEST

/* xorshift64: the same documents in every run. */
static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % below;
}

/* A byte is replaced by one that means something, taken away, or doubled. */
static size_t spoil(char *text, size_t length, uint64_t *state)
{
    static const char meant[] = "{}[]:,\"\\u0019-.eEntf a\x80\xc3\xed\x01";
    size_t at = draw(state, length);
    switch (draw(state, 3)) {
    case 0:
        text[at] = meant[draw(state, sizeof(meant) - 1)];
        return length;
    case 1:
        memmove(text + at, text + at + 1, length - at - 1);
        return length - 1;
    default:
        memmove(text + at + 1, text + at, length - at);
        return length + 1;
    }
}

START_TEST(spoilt_documents_are_taken_as_jansson_takes_them)
{
    enum { ROUNDS = 20000, SPOILT_MAX = 4 };
    uint64_t state = 88172645463325252u;
    size_t taken = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        char text[sizeof(EVENT) + SPOILT_MAX] = EVENT;
        size_t length = sizeof(EVENT) - 1;
        for (uint64_t left = 1 + draw(&state, SPOILT_MAX); left > 0; left--)
            length = spoil(text, length, &state);
        taken += view_holds(cc_slice(text, length));
    }
    ck_assert_uint_gt(taken, ROUNDS / 20);
    ck_assert_uint_lt(taken, ROUNDS);
}
END_TEST

SUITE_MAIN("json_view", an_event_is_ordinary, ordinary_documents, all_else_is_left_to_jansson,
           as_many_values_as_there_is_room_for, spoilt_documents_are_taken_as_jansson_takes_them)
