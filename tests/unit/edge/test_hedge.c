#include <check.h>
#include <stdlib.h>

#include "edge/hedge.h"

enum { MS = 1000 };

static struct edge_hedge hedge;

static void set_up(void)
{
    hedge = (struct edge_hedge){0};
}

static void observe(int count, int64_t took_us)
{
    for (int i = 0; i < count; i++)
        edge_hedge_observe(&hedge, took_us);
}

START_TEST(a_guess_until_enough_is_known)
{
    ck_assert_int_eq(edge_hedge_delay_us(&hedge), EDGE_HEDGE_UNKNOWN_US);
    observe(10, 1 * MS);
    ck_assert_int_eq(edge_hedge_delay_us(&hedge), EDGE_HEDGE_UNKNOWN_US);
}
END_TEST

START_TEST(it_follows_the_99th_percentile)
{
    observe(980, 2 * MS);
    observe(20, 50 * MS);
    int64_t delay_us = edge_hedge_delay_us(&hedge);
    ck_assert_int_ge(delay_us, 50 * MS);
    ck_assert_int_le(delay_us, 63 * MS);
    observe(2000, 2 * MS); /* 20 of 3,000 are fewer than one in a hundred */
    ck_assert_int_eq(edge_hedge_delay_us(&hedge), EDGE_HEDGE_LEAST_US);
}
END_TEST

START_TEST(it_is_bounded)
{
    observe(1000, 0);
    ck_assert_int_eq(edge_hedge_delay_us(&hedge), EDGE_HEDGE_LEAST_US);
    observe(1000, INT32_MAX);
    ck_assert_int_eq(edge_hedge_delay_us(&hedge), EDGE_HEDGE_MOST_US);
    observe(1, -5);
}
END_TEST

START_TEST(old_times_are_forgotten)
{
    observe(100000, 80 * MS);
    ck_assert_int_ge(edge_hedge_delay_us(&hedge), 80 * MS);
    observe(20000, 1 * MS);
    ck_assert_int_eq(edge_hedge_delay_us(&hedge), EDGE_HEDGE_LEAST_US);
}
END_TEST

START_TEST(tokens_bound_the_share_of_hedges)
{
    int taken = 0;
    for (int i = 0; i < EDGE_HEDGE_TOKENS; i++)
        ck_assert(edge_hedge_take(&hedge));
    ck_assert(!edge_hedge_take(&hedge));
    for (int i = 0; i < 10000; i++) {
        edge_hedge_earn(&hedge);
        taken += edge_hedge_take(&hedge);
    }
    ck_assert_int_eq(taken, 500);
    for (int i = 0; i < 10000; i++)
        edge_hedge_earn(&hedge);
    for (int i = 0; i < EDGE_HEDGE_TOKENS; i++)
        ck_assert(edge_hedge_take(&hedge));
    ck_assert(!edge_hedge_take(&hedge));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/hedge");
    TCase *tests = tcase_create("hedge");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, a_guess_until_enough_is_known);
    tcase_add_test(tests, it_follows_the_99th_percentile);
    tcase_add_test(tests, it_is_bounded);
    tcase_add_test(tests, old_times_are_forgotten);
    tcase_add_test(tests, tokens_bound_the_share_of_hedges);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
