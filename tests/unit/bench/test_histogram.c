#include <check.h>
#include <stdlib.h>

#include "bench/histogram.h"

/* Three significant digits, from a microsecond to an hour. */
START_TEST(a_value_comes_back_to_one_in_a_thousand)
{
    struct bench_histogram *histogram = malloc(sizeof(*histogram));
    for (int64_t value_us = 1; value_us < INT64_C(3600000000); value_us += 1 + value_us / 37) {
        *histogram = (struct bench_histogram){0};
        bench_histogram_add(histogram, value_us);
        bench_histogram_add(histogram, INT64_C(3600000000));
        int64_t found_us = bench_histogram_quantile(histogram, 0.5);
        ck_assert_int_ge(found_us, value_us);
        ck_assert_int_le(found_us - value_us, value_us / 1000);
    }
    free(histogram);
}
END_TEST

START_TEST(quantiles_are_of_rank)
{
    struct bench_histogram *histogram = calloc(1, sizeof(*histogram));
    ck_assert_int_eq(bench_histogram_quantile(histogram, 0.99), 0);
    for (int64_t value_us = 1; value_us <= 1000; value_us++)
        bench_histogram_add(histogram, value_us);
    ck_assert_int_eq(bench_histogram_quantile(histogram, 0.001), 1);
    ck_assert_int_eq(bench_histogram_quantile(histogram, 0.5), 500);
    ck_assert_int_eq(bench_histogram_quantile(histogram, 0.99), 990);
    ck_assert_int_eq(bench_histogram_quantile(histogram, 0.9991), 1000);
    ck_assert_int_eq(bench_histogram_quantile(histogram, 1), 1000);
    ck_assert_double_eq_tol(bench_histogram_mean_us(histogram), 500.5, 1e-9);
    free(histogram);
}
END_TEST

START_TEST(what_is_beyond_its_range_is_counted)
{
    struct bench_histogram *histogram = calloc(1, sizeof(*histogram));
    bench_histogram_add(histogram, -5);
    bench_histogram_add(histogram, INT64_MAX);
    ck_assert_int_eq(bench_histogram_quantile(histogram, 0.5), 0);
    ck_assert_int_eq(bench_histogram_quantile(histogram, 1), INT64_MAX);
    free(histogram);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench histogram");
    TCase *tests = tcase_create("histogram");
    tcase_add_test(tests, a_value_comes_back_to_one_in_a_thousand);
    tcase_add_test(tests, quantiles_are_of_rank);
    tcase_add_test(tests, what_is_beyond_its_range_is_counted);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
