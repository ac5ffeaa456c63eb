#include "control-plane/cli/status_ask.h"

#include <math.h>

#include "tests/unit/control-plane/suite.h"

static const char page[] = "# TYPE callcell_edge_answers_total counter\n"
                           "callcell_edge_answers_total{by=\"cell\"} 40\n"
                           "callcell_edge_answers_total{by=\"edge\"} 2\n"
                           "callcell_edge_clock_skew_seconds -600.000042\n"
                           "callcell_edge_certificate_expires_at 0\n";

START_TEST(a_series_is_summed_over_its_labels)
{
    ck_assert_double_eq(cp_series_sum(page, "callcell_edge_answers_total", NULL), 42);
    ck_assert_double_eq(cp_series_sum(page, "callcell_edge_answers_total", "by=\"edge\""), 2);
}
END_TEST

START_TEST(a_negative_value_is_one)
{
    ck_assert_double_eq(cp_series_sum(page, "callcell_edge_clock_skew_seconds", NULL), -600.000042);
    ck_assert_double_eq(cp_series_sum(page, "callcell_edge_certificate_expires_at", NULL), 0);
}
END_TEST

START_TEST(what_is_not_there_is_no_number)
{
    ck_assert(isnan(cp_series_sum(page, "callcell_edge_answers", NULL)));
    ck_assert(isnan(cp_series_sum(page, "callcell_edge_answers_total", "by=\"nobody\"")));
    ck_assert(isnan(cp_series_sum("", "callcell_edge_answers_total", NULL)));
}
END_TEST

SUITE_MAIN("status_ask", a_series_is_summed_over_its_labels, a_negative_value_is_one,
           what_is_not_there_is_no_number)
