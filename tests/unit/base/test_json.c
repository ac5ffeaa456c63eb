#include "base/json.h"

#include <stdlib.h>

#include "tests/unit/base/suite.h"

static enum cc_error parse(struct cc_slice bytes)
{
    json_t *value = NULL;
    struct cc_json_reason reason = {""};
    enum cc_error error = cc_json_parse(bytes, 4096, &value, &reason);
    ck_assert((error == CC_OK) == (value != NULL));
    ck_assert((error == CC_OK) == (reason.text[0] == '\0'));
    json_decref(value);
    return error;
}

START_TEST(what_is_refused)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "1",
                                      "\"text\"",
                                      "{\"a\":1}x",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":01}",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "{\"a\":\"\xFF\"}",
                                      "{\"a\":\"\xED\xA0\x80\"}",
                                      "{\"a\":\"\\ud800\"}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":nan}",
                                      "[1,2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(parse(cc_slice_of(bad[i])) == CC_INVALID, "accepted %s", bad[i]);
    ck_assert_int_eq(parse(cc_slice("{}\0", 3)), CC_INVALID);
}
END_TEST

START_TEST(depth_32_is_the_last)
{
    char text[128];
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    ck_assert_int_eq(parse(cc_slice(text, 64)), CC_OK);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    ck_assert_int_eq(parse(cc_slice(text, 66)), CC_INVALID);
    ck_assert_int_eq(parse(CC_SLICE_LITERAL("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"]")),
                     CC_OK);
}
END_TEST

START_TEST(too_large_is_its_own_error)
{
    json_t *value = NULL;
    ck_assert_int_eq(cc_json_parse(CC_SLICE_LITERAL("{} "), 2, &value, NULL), CC_TOO_LARGE);
    ck_assert_int_eq(cc_json_parse(CC_SLICE_LITERAL("{}"), 2, &value, NULL), CC_OK);
    json_decref(value);
}
END_TEST

START_TEST(getters_name_the_field)
{
    json_t *root = NULL;
    struct cc_slice text;
    int64_t number = 0;
    struct cc_json_reason reason;
    ck_assert_int_eq(
        cc_json_parse(CC_SLICE_LITERAL("{\"a\":{\"b\":{\"c\":\"x\",\"n\":5,\"r\":5.0}}}"), 4096,
                      &root, NULL),
        CC_OK);
    ck_assert_int_eq(cc_json_string_at(root, "a.b.c", 1, &text, &reason), CC_OK);
    ASSERT_SLICE(text, "x");
    ck_assert_int_eq(cc_json_string_at(root, "a.b.d", 9, &text, &reason), CC_NOT_FOUND);
    ck_assert_str_eq(reason.text, "a.b.d: missing");
    ck_assert_int_eq(cc_json_string_at(root, "a.b.n", 9, &text, &reason), CC_INVALID);
    ck_assert_str_eq(reason.text, "a.b.n: must be a text of 1 to 9 bytes");
    ck_assert_int_eq(cc_json_string_at(root, "a.b.c.d", 9, &text, NULL), CC_NOT_FOUND);
    ck_assert_int_eq(cc_json_integer_at(root, "a.b.n", 5, 5, &number, &reason), CC_OK);
    ck_assert_int_eq(number, 5);
    ck_assert_int_eq(cc_json_integer_at(root, "a.b.n", 6, 9, &number, &reason), CC_INVALID);
    ck_assert_str_eq(reason.text, "a.b.n: must be an integer from 6 to 9");
    ck_assert_int_eq(cc_json_integer_at(root, "a.b.r", 0, 9, &number, &reason), CC_INVALID);
    json_decref(root);
}
END_TEST

START_TEST(canonical_text_is_independent_of_order_and_space)
{
    json_t *a = NULL;
    json_t *b = NULL;
    ck_assert_int_eq(cc_json_parse(CC_SLICE_LITERAL("{\"b\": [1, {\"y\":2,\"x\":1}], \"a\":null}"),
                                   4096, &a, NULL),
                     CC_OK);
    ck_assert_int_eq(
        cc_json_parse(CC_SLICE_LITERAL("{\"a\":null,\"b\":[1,{\"x\":1,\"y\":2}]}"), 4096, &b, NULL),
        CC_OK);
    char *text_a = cc_json_canonical(a);
    char *text_b = cc_json_canonical(b);
    ck_assert_str_eq(text_a, "{\"a\":null,\"b\":[1,{\"x\":1,\"y\":2}]}");
    ck_assert_str_eq(text_a, text_b);
    free(text_a);
    free(text_b);
    json_decref(a);
    json_decref(b);
}
END_TEST

SUITE_MAIN("json", what_is_refused, depth_32_is_the_last, too_large_is_its_own_error,
           getters_name_the_field, canonical_text_is_independent_of_order_and_space)
