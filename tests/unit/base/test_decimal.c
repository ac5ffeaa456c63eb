#include "base/decimal.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/base/suite.h"

START_TEST(as_printf_writes_it)
{
    static const int64_t values[] = {
        0, 1, -1, 9, 10, 99, -100, 12345678, 1000000000000, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char expected[32];
        char text[CC_DECIMAL_TEXT];
        snprintf(expected, sizeof(expected), "%" PRId64, values[i]);
        struct cc_slice got = cc_decimal(values[i], text);
        ASSERT_SLICE(got, expected);
        ck_assert_int_eq(got.data[got.length], '\0');
    }
}
END_TEST

SUITE_MAIN("decimal", as_printf_writes_it)
