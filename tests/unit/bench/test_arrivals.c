#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "bench/arrivals.h"

static struct bench_arrivals of_steps(const char *text, enum bench_arrivals_kind kind)
{
    struct bench_arrivals arrivals = {.kind = kind, .random = 7};
    ck_assert_int_eq(bench_arrivals_steps(text, &arrivals), CC_OK);
    return arrivals;
}

static size_t count(struct bench_arrivals *arrivals, size_t per_step[BENCH_STEPS_MAX])
{
    struct bench_arrival arrival;
    size_t all = 0;
    int64_t last_us = 0;
    for (; bench_arrivals_next(arrivals, &arrival); all++) {
        ck_assert_int_ge(arrival.offset_us, last_us);
        last_us = arrival.offset_us;
        per_step[arrival.step]++;
    }
    return all;
}

START_TEST(even_ones_are_where_they_should_be)
{
    struct bench_arrivals arrivals = of_steps("3:1", BENCH_EVEN);
    struct bench_arrival arrival;
    const int64_t expected_us[] = {0, 333333, 666666};
    for (size_t i = 0; i < 3; i++) {
        ck_assert(bench_arrivals_next(&arrivals, &arrival));
        ck_assert_int_eq(arrival.offset_us, expected_us[i]);
    }
    ck_assert(!bench_arrivals_next(&arrivals, &arrival));
}
END_TEST

START_TEST(steps_follow_one_another)
{
    struct bench_arrivals arrivals = of_steps("20:5,200:10,20:5", BENCH_EVEN);
    size_t per_step[BENCH_STEPS_MAX] = {0};
    ck_assert_int_eq(bench_arrivals_length_us(&arrivals), 20 * 1000000);
    ck_assert_uint_eq(count(&arrivals, per_step), 2200);
    ck_assert_uint_eq(per_step[0], 100);
    ck_assert_uint_eq(per_step[1], 2000);
    ck_assert_uint_eq(per_step[2], 100);
}
END_TEST

START_TEST(stretched_to_a_length)
{
    struct bench_arrivals arrivals = of_steps("20:5,200:15", BENCH_EVEN);
    size_t per_step[BENCH_STEPS_MAX] = {0};
    bench_arrivals_stretch(&arrivals, 4 * 1000000);
    ck_assert_uint_eq(count(&arrivals, per_step), 620);
    ck_assert_uint_eq(per_step[0], 20);
}
END_TEST

/* Gaps of a Poisson process have a mean of 1 / rate and as large a deviation. */
START_TEST(poisson_gaps_are_exponential)
{
    struct bench_arrivals arrivals = of_steps("1000:100", BENCH_POISSON);
    struct bench_arrival arrival;
    double last = 0, sum = 0, squares = 0;
    size_t all = 0;
    for (; bench_arrivals_next(&arrivals, &arrival); all++) {
        double gap = (double)arrival.offset_us - last;
        sum += gap;
        squares += gap * gap;
        last = (double)arrival.offset_us;
    }
    double mean = sum / (double)all;
    double deviation = sqrt(squares / (double)all - mean * mean);
    ck_assert(all > 99000 && all < 101000);
    ck_assert_double_eq_tol(mean, 1000, 15);
    ck_assert_double_eq_tol(deviation, 1000, 20);
}
END_TEST

START_TEST(recorded_ones_come_as_written)
{
    struct bench_arrivals arrivals = {0};
    struct bench_arrival arrival;
    size_t line = 0;
    ck_assert_int_eq(
        bench_arrivals_recorded(CC_SLICE_LITERAL("0\n0.5\n0.5\n2.25"), &arrivals, &line), CC_OK);
    const int64_t expected_us[] = {0, 500000, 500000, 2250000};
    for (size_t i = 0; i < 4; i++) {
        ck_assert(bench_arrivals_next(&arrivals, &arrival));
        ck_assert_int_eq(arrival.offset_us, expected_us[i]);
    }
    ck_assert(!bench_arrivals_next(&arrivals, &arrival));
    bench_arrivals_stretch(&arrivals, 1000000);
    ck_assert_uint_eq(arrivals.offset_count, 3);
    bench_arrivals_deinit(&arrivals);
}
END_TEST

START_TEST(what_is_no_recording_names_its_line)
{
    const struct {
        struct cc_slice text;
        size_t line;
    } wrong[] = {{CC_SLICE_LITERAL(""), 1},      {CC_SLICE_LITERAL("0\n1\n0.5\n"), 3},
                 {CC_SLICE_LITERAL("0\n\n"), 2}, {CC_SLICE_LITERAL("0\n-1\n"), 2},
                 {CC_SLICE_LITERAL("0 s\n"), 1}, {CC_SLICE_LITERAL("nan\n"), 1}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct bench_arrivals arrivals = {0};
        size_t line = 0;
        ck_assert_int_eq(bench_arrivals_recorded(wrong[i].text, &arrivals, &line), CC_INVALID);
        ck_assert_uint_eq(line, wrong[i].line);
        bench_arrivals_deinit(&arrivals);
    }
}
END_TEST

START_TEST(what_is_no_step_is_refused)
{
    struct bench_arrivals arrivals = {0};
    const char *const wrong[] = {"", "20", "20:", ":5", "0:5", "20:0", "20:5,", "20:5 s", "-1:5"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_int_eq(bench_arrivals_steps(wrong[i], &arrivals), CC_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench arrivals");
    TCase *tests = tcase_create("arrivals");
    tcase_add_test(tests, even_ones_are_where_they_should_be);
    tcase_add_test(tests, steps_follow_one_another);
    tcase_add_test(tests, stretched_to_a_length);
    tcase_add_test(tests, poisson_gaps_are_exponential);
    tcase_add_test(tests, recorded_ones_come_as_written);
    tcase_add_test(tests, what_is_no_recording_names_its_line);
    tcase_add_test(tests, what_is_no_step_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
