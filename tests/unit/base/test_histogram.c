#include "base/histogram.h"

#include "tests/unit/base/suite.h"

static const int64_t HOUR_US = INT64_C(3600000000);

START_TEST(the_error_is_at_most_one_64th)
{
    for (int64_t value_us = 1; value_us <= HOUR_US; value_us += 1 + value_us / 97) {
        static struct cc_histogram histogram;
        memset(&histogram, 0, sizeof(histogram));
        cc_histogram_add(&histogram, value_us);
        cc_histogram_add(&histogram, HOUR_US);
        int64_t edge_us = cc_histogram_quantile(&histogram, 0.5);
        ck_assert_int_ge(edge_us, value_us);
        ck_assert_int_le((edge_us - value_us) * 64, value_us);
    }
}
END_TEST

START_TEST(quantiles_of_a_known_set)
{
    static struct cc_histogram histogram;
    for (int64_t i = 1; i <= 50; i++)
        cc_histogram_add(&histogram, i);
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 0.5), 25);
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 0.02), 1);
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 0.98), 49);
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 1.0), 50);
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 0.0001), 1);
    ck_assert_uint_eq(histogram.sum_us, 1275);
}
END_TEST

START_TEST(the_edges_of_the_range)
{
    static struct cc_histogram histogram;
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 0.99), 0);
    cc_histogram_add(&histogram, -5);
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 1.0), 0);
    cc_histogram_add(&histogram, INT64_MAX);
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 1.0), INT64_MAX);
    ck_assert_uint_eq(histogram.total, 2);
}
END_TEST

START_TEST(a_quantile_never_exceeds_the_maximum)
{
    static struct cc_histogram histogram;
    cc_histogram_add(&histogram, 1000001);
    ck_assert_int_eq(cc_histogram_quantile(&histogram, 0.99), 1000001);
}
END_TEST

START_TEST(at_most_counts_to_the_bucket)
{
    static struct cc_histogram histogram;
    for (int64_t i = 0; i < 100; i++)
        cc_histogram_add(&histogram, i * 1000);
    ck_assert_uint_eq(cc_histogram_at_most(&histogram, -1), 0);
    ck_assert_uint_eq(cc_histogram_at_most(&histogram, 0), 1);
    ck_assert_uint_eq(cc_histogram_at_most(&histogram, 50000), 51);
    ck_assert_uint_eq(cc_histogram_at_most(&histogram, HOUR_US), 100);
}
END_TEST

START_TEST(merging_adds)
{
    static struct cc_histogram a;
    static struct cc_histogram b;
    cc_histogram_add(&a, 10);
    cc_histogram_add(&b, 20);
    cc_histogram_add(&b, 30);
    cc_histogram_merge(&a, &b);
    ck_assert_uint_eq(a.total, 3);
    ck_assert_uint_eq(a.sum_us, 60);
    ck_assert_int_eq(a.maximum_us, 30);
    ck_assert_int_eq(cc_histogram_quantile(&a, 0.5), 20);
}
END_TEST

SUITE_MAIN("histogram", the_error_is_at_most_one_64th, quantiles_of_a_known_set,
           the_edges_of_the_range, a_quantile_never_exceeds_the_maximum,
           at_most_counts_to_the_bucket, merging_adds)
