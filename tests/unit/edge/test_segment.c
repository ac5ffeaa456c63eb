#include <check.h>
#include <stdlib.h>

#include "edge/segment.h"

static bool is(const char *segment, const char *text)
{
    return edge_segment_is(cc_slice_of(segment), cc_slice_of(text));
}

START_TEST(percent_decoding)
{
    ck_assert(is("c-1", "c-1"));
    ck_assert(is("c%2F1", "c/1"));
    ck_assert(is("c%2f1", "c/1"));
    ck_assert(is("%63-1", "c-1"));
    ck_assert(is("100%", "100%"));
    ck_assert(is("%zz", "%zz"));
    ck_assert(is("a%2", "a%2"));
    ck_assert(!is("c-1", "c-10"));
    ck_assert(!is("c-10", "c-1"));
    ck_assert(!is("", "c"));
    ck_assert(!is("c%2F1", "c%2F1"));
}
END_TEST

START_TEST(what_needs_no_encoding)
{
    ck_assert(edge_segment_is_plain(CC_SLICE_LITERAL("aZ09-._~")));
    ck_assert(!edge_segment_is_plain(CC_SLICE_LITERAL("")));
    ck_assert(!edge_segment_is_plain(CC_SLICE_LITERAL("..")));
    ck_assert(!edge_segment_is_plain(CC_SLICE_LITERAL("a/b")));
    ck_assert(!edge_segment_is_plain(CC_SLICE_LITERAL("a?b")));
    ck_assert(!edge_segment_is_plain(CC_SLICE_LITERAL("a%b")));
    ck_assert(!edge_segment_is_plain(cc_slice("a\0b", 3)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/segment");
    TCase *tests = tcase_create("segment");
    tcase_add_test(tests, percent_decoding);
    tcase_add_test(tests, what_needs_no_encoding);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
