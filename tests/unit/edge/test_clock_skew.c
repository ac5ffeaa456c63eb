#include <check.h>
#include <stdlib.h>

#include "edge/clock_skew.h"

START_TEST(the_median_of_the_last)
{
    struct edge_clock_skew skew = {{0}, 0};
    ck_assert_int_eq(edge_clock_skew_us(&skew), 0);
    edge_clock_skew_enter(&skew, -40);
    ck_assert_int_eq(edge_clock_skew_us(&skew), -40);
    edge_clock_skew_enter(&skew, 9000000);
    edge_clock_skew_enter(&skew, -50);
    ck_assert_int_eq(edge_clock_skew_us(&skew), -40);
    for (int i = 0; i < 3; i++)
        edge_clock_skew_enter(&skew, 600);
    ck_assert_int_eq(edge_clock_skew_us(&skew), 600);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/clock_skew");
    TCase *tests = tcase_create("clock_skew");
    tcase_add_test(tests, the_median_of_the_last);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
