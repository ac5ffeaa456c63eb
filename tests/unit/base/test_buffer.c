#include "base/buffer.h"

#include <stdio.h>

#include "tests/unit/base/suite.h"

START_TEST(appends_one_after_another)
{
    struct cc_buffer buffer;
    cc_buffer_init(&buffer, 0);
    cc_buffer_text(&buffer, "a");
    cc_buffer_append(&buffer, cc_slice("bcd", 2));
    cc_buffer_printf(&buffer, "%d%s", 7, "x");
    cc_buffer_integer(&buffer, INT64_MIN);
    cc_buffer_text(&buffer, "");
    ck_assert_int_eq(buffer.error, CC_OK);
    ASSERT_SLICE(cc_buffer_slice(&buffer), "abc7x-9223372036854775808");
    cc_buffer_clear(&buffer);
    ck_assert_uint_eq(cc_buffer_slice(&buffer).length, 0);
    cc_buffer_deinit(&buffer);
}
END_TEST

START_TEST(grows_by_much_and_little)
{
    struct cc_buffer buffer;
    cc_buffer_init(&buffer, 0);
    for (int i = 0; i < 10000; i++)
        cc_buffer_printf(&buffer, "%04d", i);
    ck_assert_int_eq(buffer.error, CC_OK);
    ck_assert_uint_eq(buffer.length, 40000);
    ck_assert_mem_eq(buffer.data + 4 * 1234, "1234", 4);
    cc_buffer_deinit(&buffer);
}
END_TEST

START_TEST(an_error_sticks)
{
    struct cc_buffer buffer;
    cc_buffer_init(&buffer, 4);
    cc_buffer_text(&buffer, "1234");
    ck_assert_int_eq(buffer.error, CC_OK);
    cc_buffer_text(&buffer, "5");
    ck_assert_int_eq(buffer.error, CC_TOO_LARGE);
    cc_buffer_printf(&buffer, "%d", 6);
    ASSERT_SLICE(cc_buffer_slice(&buffer), "1234");
    cc_buffer_clear(&buffer);
    cc_buffer_text(&buffer, "9");
    ck_assert_int_eq(buffer.error, CC_OK);
    ASSERT_SLICE(cc_buffer_slice(&buffer), "9");
    cc_buffer_deinit(&buffer);
}
END_TEST

static void assert_json(struct cc_slice text, const char *expected)
{
    struct cc_buffer buffer;
    cc_buffer_init(&buffer, 0);
    cc_buffer_json_string(&buffer, text);
    ASSERT_SLICE(cc_buffer_slice(&buffer), expected);
    cc_buffer_deinit(&buffer);
}

START_TEST(json_strings_are_escaped)
{
    assert_json(cc_slice(NULL, 0), "\"\"");
    assert_json(CC_SLICE_LITERAL("plain"), "\"plain\"");
    assert_json(CC_SLICE_LITERAL("\"\\/"), "\"\\\"\\\\/\"");
    assert_json(CC_SLICE_LITERAL("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    assert_json(cc_slice("\0\x1f\x7f", 3), "\"\\u0000\\u001f\x7f\"");
}
END_TEST

START_TEST(utf8_passes_and_anything_else_becomes_the_replacement_character)
{
    assert_json(CC_SLICE_LITERAL("\xC3\xA5\xE2\x82\xAC\xF0\x9F\x93\x9E"),
                "\"\xC3\xA5\xE2\x82\xAC\xF0\x9F\x93\x9E\"");
    assert_json(CC_SLICE_LITERAL("a\xFF"
                                 "b"),
                "\"a\xEF\xBF\xBD"
                "b\"");
    assert_json(CC_SLICE_LITERAL("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    assert_json(CC_SLICE_LITERAL("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    assert_json(CC_SLICE_LITERAL("\xF4\x90\x80\x80"),
                "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    assert_json(CC_SLICE_LITERAL("x\xE2\x82"), "\"x\xEF\xBF\xBD\xEF\xBF\xBD\"");
}
END_TEST

/* What a byte becomes does not depend on where it stands: bytes are also looked at eight at once.
 */
START_TEST(each_byte_is_escaped_wherever_it_stands)
{
    for (int byte = 0; byte < 256; byte++) {
        struct cc_buffer alone;
        cc_buffer_init(&alone, 0);
        cc_buffer_json_string(&alone, cc_slice(&(char){(char)byte}, 1));
        int length = (int)alone.length - 2;
        for (int before = 0; before < 18; before++) {
            char text[36];
            char expected[64];
            memset(text, 'a', sizeof(text));
            text[before] = (char)byte;
            snprintf(expected, sizeof(expected), "\"%.*s%.*s%.*s\"", before, "aaaaaaaaaaaaaaaaaa",
                     length, alone.data + 1, 35 - before, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
            assert_json(cc_slice(text, sizeof(text)), expected);
        }
        cc_buffer_deinit(&alone);
    }
}
END_TEST

SUITE_MAIN("buffer", appends_one_after_another, grows_by_much_and_little, an_error_sticks,
           json_strings_are_escaped, each_byte_is_escaped_wherever_it_stands,
           utf8_passes_and_anything_else_becomes_the_replacement_character)
