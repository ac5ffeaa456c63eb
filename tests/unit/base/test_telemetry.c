#include "base/telemetry.h"

#include "tests/unit/base/suite.h"

#define LIST(X)                                                                                    \
    X(REQUESTS, COUNTER, "callcell_test_requests_total", "", "Requests received")                  \
    X(ANSWERS_CELL, COUNTER, "callcell_test_answers_total", "by=\"cell\"", "Answers by giver")     \
    X(IN_FLIGHT, GAUGE, "callcell_test_in_flight", "", "Requests under way")                       \
    X(ANSWERS_EDGE, COUNTER, "callcell_test_answers_total", "by=\"edge\"", "Answers by giver")     \
    X(LATENCY, HISTOGRAM, "callcell_test_latency_seconds", "path=\"calls\"", "Time to answer")

#define FAMILIES(X)                                                                                \
    X(EPOCH, FAMILY, "callcell_test_epoch", "country=\"..\"", "Epoch of the map")                  \
    X(SKEW, FAMILY, "callcell_test_skew_seconds", "", "How far the clock is off")

enum { LIST(CC_SERIES_ID) SERIES_COUNT };
static const struct cc_series series[] = {LIST(CC_SERIES_ROW)};
enum { FAMILIES(CC_SERIES_ID) FAMILY_COUNT };
static const struct cc_series families[] = {FAMILIES(CC_SERIES_ROW)};

START_TEST(the_text_is_prometheus)
{
    struct cc_telemetry telemetry;
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    ck_assert_int_eq(cc_telemetry_init(&telemetry, series, SERIES_COUNT), CC_OK);
    cc_telemetry_add(&telemetry, REQUESTS, 2);
    cc_telemetry_add(&telemetry, REQUESTS, 1);
    cc_telemetry_add(&telemetry, ANSWERS_EDGE, 1);
    cc_telemetry_set(&telemetry, IN_FLIGHT, -4);
    cc_telemetry_observe(&telemetry, LATENCY, 900);
    cc_telemetry_observe(&telemetry, LATENCY, 1500000);
    cc_telemetry_expose(&telemetry, &out);
    ASSERT_SLICE(cc_buffer_slice(&out),
                 "# HELP callcell_test_requests_total Requests received\n"
                 "# TYPE callcell_test_requests_total counter\n"
                 "callcell_test_requests_total 3\n"
                 "# HELP callcell_test_answers_total Answers by giver\n"
                 "# TYPE callcell_test_answers_total counter\n"
                 "callcell_test_answers_total{by=\"cell\"} 0\n"
                 "callcell_test_answers_total{by=\"edge\"} 1\n"
                 "# HELP callcell_test_in_flight Requests under way\n"
                 "# TYPE callcell_test_in_flight gauge\n"
                 "callcell_test_in_flight -4\n"
                 "# HELP callcell_test_latency_seconds Time to answer\n"
                 "# TYPE callcell_test_latency_seconds histogram\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.0005\"} 0\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.001\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.0025\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.005\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.01\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.025\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.05\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.1\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.25\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"0.5\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"1\"} 1\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"2.5\"} 2\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"5\"} 2\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"10\"} 2\n"
                 "callcell_test_latency_seconds_bucket{path=\"calls\",le=\"+Inf\"} 2\n"
                 "callcell_test_latency_seconds_sum{path=\"calls\"} 1.500900\n"
                 "callcell_test_latency_seconds_count{path=\"calls\"} 2\n");
    cc_buffer_deinit(&out);
    cc_telemetry_deinit(&telemetry);
}
END_TEST

START_TEST(values_can_be_read_back)
{
    struct cc_telemetry telemetry;
    ck_assert_int_eq(cc_telemetry_init(&telemetry, series, SERIES_COUNT), CC_OK);
    cc_telemetry_add(&telemetry, REQUESTS, 5);
    cc_telemetry_observe(&telemetry, LATENCY, 10);
    cc_telemetry_observe(&telemetry, REQUESTS, 10);
    cc_telemetry_add(&telemetry, SERIES_COUNT, 1);
    ck_assert_int_eq(cc_telemetry_value(&telemetry, REQUESTS), 5);
    ck_assert_int_eq(cc_telemetry_value(&telemetry, LATENCY), 1);
    ck_assert_int_eq(cc_telemetry_value(&telemetry, SERIES_COUNT), 0);
    cc_telemetry_deinit(&telemetry);
}
END_TEST

START_TEST(a_family_is_shown_by_its_owner_alone)
{
    struct cc_telemetry telemetry;
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    ck_assert_int_eq(cc_telemetry_init(&telemetry, families, FAMILY_COUNT), CC_OK);
    cc_telemetry_expose(&telemetry, &out);
    ck_assert_uint_eq(out.length, 0);
    cc_telemetry_expose_family(&telemetry, EPOCH, true, "country=\"no\"", 1, &out);
    cc_telemetry_expose_family(&telemetry, EPOCH, false, "country=\"se\"", 7, &out);
    cc_telemetry_expose_seconds(&telemetry, SKEW, INT64_C(-600000042), &out);
    ASSERT_SLICE(cc_buffer_slice(&out),
                 "# HELP callcell_test_epoch Epoch of the map\n"
                 "# TYPE callcell_test_epoch gauge\n"
                 "callcell_test_epoch{country=\"no\"} 1\n"
                 "callcell_test_epoch{country=\"se\"} 7\n"
                 "# HELP callcell_test_skew_seconds How far the clock is off\n"
                 "# TYPE callcell_test_skew_seconds gauge\n"
                 "callcell_test_skew_seconds -600.000042\n");
    cc_buffer_deinit(&out);
    cc_telemetry_deinit(&telemetry);
}
END_TEST

START_TEST(the_documentation_has_a_row_per_series)
{
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cc_telemetry_describe(series, 2, &out);
    ASSERT_SLICE(
        cc_buffer_slice(&out),
        "| Series | Kind | Labels | Meaning |\n|---|---|---|---|\n"
        "| `callcell_test_requests_total` | counter |  | Requests received |\n"
        "| `callcell_test_answers_total` | counter | `by=\"cell\"` | Answers by giver |\n");
    cc_buffer_deinit(&out);
}
END_TEST

SUITE_MAIN("telemetry", the_text_is_prometheus, values_can_be_read_back,
           a_family_is_shown_by_its_owner_alone, the_documentation_has_a_row_per_series)
