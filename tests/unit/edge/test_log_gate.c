#include <check.h>
#include <stdlib.h>

#include "edge/log_gate.h"

#define SECOND_US INT64_C(1000000)

START_TEST(so_many_a_second_are_written_and_the_rest_is_counted)
{
    struct edge_log_gate gate = {0};
    int64_t held_back = -1;
    for (int i = 0; i < 3; i++) {
        ck_assert(edge_log_gate_opens(&gate, 3, 5 * SECOND_US + i, &held_back));
        ck_assert_int_eq(held_back, 0);
    }
    for (int i = 0; i < 40; i++)
        ck_assert(!edge_log_gate_opens(&gate, 3, 5 * SECOND_US + 900000, &held_back));
    ck_assert(edge_log_gate_opens(&gate, 3, 6 * SECOND_US, &held_back));
    ck_assert_int_eq(held_back, 40);
    ck_assert(edge_log_gate_opens(&gate, 3, 6 * SECOND_US, &held_back));
    ck_assert_int_eq(held_back, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge log_gate");
    TCase *tcase = tcase_create("log_gate");
    tcase_add_test(tcase, so_many_a_second_are_written_and_the_rest_is_counted);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
