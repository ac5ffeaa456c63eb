#include <check.h>
#include <stdlib.h>

#include "edge/trace.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static const uint8_t randomness[EDGE_TRACE_RANDOM_BYTES] = {
    1,  2,  3,  4,  5,    6,    7,    8,    9,    10,   11,   12,
    13, 14, 15, 16, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8};
static const char fresh[] = "00-0102030405060708090a0b0c0d0e0f10-a1a2a3a4a5a6a7a8-01";

static void expect(const char *header, const char *expected)
{
    char out[EDGE_TRACEPARENT_TEXT + 1];
    edge_trace_continue(cc_slice_of(header), randomness, out);
    ck_assert_str_eq(out, expected);
}

START_TEST(a_valid_trace_goes_on)
{
    expect("00-" TRACE "-" PARENT "-00", "00-" TRACE "-a1a2a3a4a5a6a7a8-00");
    expect("01-" TRACE "-" PARENT "-01-more", "00-" TRACE "-a1a2a3a4a5a6a7a8-01");
}
END_TEST

START_TEST(anything_else_begins_a_new_one)
{
    expect(NULL, fresh);
    expect("00-" TRACE "-" PARENT "-0", fresh);
    expect("00-" TRACE "-" PARENT "-00-more", fresh);
    expect("ff-" TRACE "-" PARENT "-00", fresh);
    expect("00-00000000000000000000000000000000-" PARENT "-00", fresh);
    expect("00-" TRACE "-0000000000000000-00", fresh);
    expect("00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-00", fresh);
    expect("00_" TRACE "-" PARENT "-00", fresh);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/trace");
    TCase *tests = tcase_create("trace");
    tcase_add_test(tests, a_valid_trace_goes_on);
    tcase_add_test(tests, anything_else_begins_a_new_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
