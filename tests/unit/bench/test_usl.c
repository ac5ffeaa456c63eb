#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "bench/usl.h"

enum { POINTS = 8 };

static void points_on(const struct bench_usl *usl, double noise, struct bench_usl_point *out)
{
    for (int i = 0; i < POINTS; i++) {
        out[i].n = 0.5 * (1 << i);
        out[i].throughput = bench_usl_throughput(usl, out[i].n) * (1 + (i % 2 ? noise : -noise));
    }
}

static struct bench_usl fitted(const struct bench_usl *usl, double noise)
{
    struct bench_usl_point points[POINTS];
    struct bench_usl found;
    points_on(usl, noise, points);
    ck_assert_int_eq(bench_usl_fit(points, POINTS, &found), CC_OK);
    return found;
}

START_TEST(finds_the_curve_it_is_given)
{
    const struct bench_usl curve = {.lambda = 995.65, .sigma = 0.02671, .kappa = 0.000769};
    struct bench_usl found = fitted(&curve, 0);
    ck_assert_double_eq_tol(found.lambda, curve.lambda, 1e-6);
    ck_assert_double_eq_tol(found.sigma, curve.sigma, 1e-9);
    ck_assert_double_eq_tol(found.kappa, curve.kappa, 1e-9);
    ck_assert_double_eq_tol(found.n_peak, sqrt((1 - 0.02671) / 0.000769), 1e-6);
    ck_assert_double_eq_tol(found.throughput_peak, bench_usl_throughput(&curve, found.n_peak),
                            1e-6);
    ck_assert_double_le(found.error, 1e-9);
}
END_TEST

START_TEST(noise_moves_it_little)
{
    const struct bench_usl curve = {.lambda = 500, .sigma = 0.1, .kappa = 0.001};
    struct bench_usl found = fitted(&curve, 0.02);
    ck_assert_double_eq_tol(found.lambda, 500, 500 * 0.05);
    ck_assert_double_eq_tol(found.throughput_peak, fitted(&curve, 0).throughput_peak,
                            0.05 * found.throughput_peak);
    ck_assert(found.error > 0.005 && found.error < 0.03);
}
END_TEST

START_TEST(one_queue_tends_to_its_bound)
{
    const struct bench_usl curve = {.lambda = 100, .sigma = 0.25};
    struct bench_usl found = fitted(&curve, 0);
    ck_assert_double_eq_tol(found.sigma, 0.25, 1e-9);
    ck_assert_double_eq_tol(found.throughput_peak, found.kappa > 0 ? found.throughput_peak : 400,
                            1e-3);
    ck_assert_double_ge(found.throughput_peak, 399);
}
END_TEST

/* Better than linear is noise to this law: no parameter falls below 0. */
START_TEST(no_parameter_is_below_0)
{
    const struct bench_usl_point points[] = {{1, 100}, {2, 210}, {4, 430}, {8, 900}};
    struct bench_usl found;
    ck_assert_int_eq(bench_usl_fit(points, 4, &found), CC_OK);
    ck_assert_double_eq(found.sigma, 0);
    ck_assert_double_eq(found.kappa, 0);
    ck_assert(isinf(found.throughput_peak));
    ck_assert_double_eq_tol(found.lambda, 106, 3);
}
END_TEST

START_TEST(too_few_points_and_points_that_are_none)
{
    struct bench_usl found;
    const struct bench_usl_point points[] = {{1, 100}, {2, 190}, {0, 270}};
    ck_assert_int_eq(bench_usl_fit(points, 2, &found), CC_NOT_FOUND);
    ck_assert_int_eq(bench_usl_fit(points, 3, &found), CC_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench usl");
    TCase *tests = tcase_create("usl");
    tcase_add_test(tests, finds_the_curve_it_is_given);
    tcase_add_test(tests, noise_moves_it_little);
    tcase_add_test(tests, one_queue_tends_to_its_bound);
    tcase_add_test(tests, no_parameter_is_below_0);
    tcase_add_test(tests, too_few_points_and_points_that_are_none);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
