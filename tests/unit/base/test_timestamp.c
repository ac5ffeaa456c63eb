#include "base/timestamp.h"

#include "tests/unit/base/suite.h"

static int64_t parsed(const char *text)
{
    int64_t time_us = 0;
    ck_assert_msg(cc_timestamp_parse(cc_slice_of(text), &time_us) == CC_OK, "refused %s", text);
    return time_us;
}

START_TEST(rfc_3339_examples)
{
    /* Section 5.8; the seconds are from date(1). */
    ck_assert_int_eq(parsed("1985-04-12T23:20:50.52Z"), INT64_C(482196050520000));
    ck_assert_int_eq(parsed("1996-12-19T16:39:57-08:00"), parsed("1996-12-20T00:39:57Z"));
    ck_assert_int_eq(parsed("1996-12-20T00:39:57Z"), INT64_C(851042397000000));
    ck_assert_int_eq(parsed("1990-12-31T23:59:60Z"), parsed("1990-12-31T23:59:59Z"));
    ck_assert_int_eq(parsed("1990-12-31T15:59:60-08:00"), parsed("1990-12-31T23:59:59Z"));
    ck_assert_int_eq(parsed("1937-01-01T12:00:27.87+00:20"), INT64_C(-1041337172130000));
}
END_TEST

START_TEST(forms_that_are_allowed)
{
    ck_assert_int_eq(parsed("1970-01-01T00:00:00Z"), 0);
    ck_assert_int_eq(parsed("1970-01-01t00:00:00z"), 0);
    ck_assert_int_eq(parsed("1970-01-01T00:00:00-00:00"), 0);
    ck_assert_int_eq(parsed("1970-01-01T00:00:00.1Z"), 100000);
    ck_assert_int_eq(parsed("1970-01-01T00:00:00.123456789Z"), 123456);
    ck_assert_int_eq(parsed("1969-12-31T23:59:59.999999Z"), -1);
    ck_assert_int_eq(parsed("2024-02-29T00:00:00Z"), INT64_C(1709164800000000));
    ck_assert_int_eq(parsed("0001-01-01T00:00:00Z"), INT64_C(-62135596800000000));
    ck_assert_int_eq(parsed("9999-12-31T23:59:59Z"), INT64_C(253402300799000000));
}
END_TEST

START_TEST(what_is_refused)
{
    static const char *const bad[] = {"",
                                      "2026-11-21",
                                      "2026-11-21T09:30:00",
                                      "2026-11-21 09:30:00Z",
                                      "2026-11-21T09:30Z",
                                      "2026-11-21T09:30:00.Z",
                                      "2026-11-21T09:30:00.1234567890Z",
                                      "2026-11-21T09:30:00,5Z",
                                      "2026-11-21T24:00:00Z",
                                      "2026-11-21T09:60:00Z",
                                      "2026-11-21T09:30:61Z",
                                      "2026-11-21T09:30:60Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "0000-01-01T00:00:00Z",
                                      "0001-01-01T00:00:00+00:01",
                                      "9999-12-31T23:59:59-00:01",
                                      "2026-11-21T09:30:00+24:00",
                                      "2026-11-21T09:30:00+01:60",
                                      "2026-11-21T09:30:00+0100",
                                      "2026-11-21T09:30:00+01",
                                      "2026-11-21T09:30:00Z ",
                                      " 2026-11-21T09:30:00Z",
                                      "+026-11-21T09:30:00Z",
                                      "2026-1-21T09:30:00Z",
                                      "20261-11-21T09:30:00Z"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t time_us = 7;
        ck_assert_msg(cc_timestamp_parse(cc_slice_of(bad[i]), &time_us) == CC_INVALID,
                      "accepted %s", bad[i]);
        ck_assert_int_eq(time_us, 0);
    }
}
END_TEST

START_TEST(format_and_parse_are_inverse)
{
    static const int64_t times_us[] = {0,
                                       -1,
                                       1,
                                       INT64_C(1795253400123456),
                                       INT64_C(-62135596800000000),
                                       INT64_C(253402300799999999)};
    for (size_t i = 0; i < sizeof(times_us) / sizeof(times_us[0]); i++) {
        char text[CC_TIMESTAMP_TEXT_MAX];
        cc_timestamp_format(times_us[i], text);
        ck_assert_uint_eq(strlen(text), CC_TIMESTAMP_TEXT_MAX - 1);
        ck_assert_int_eq(parsed(text), times_us[i]);
    }
    char text[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(INT64_C(1795253400123456), text);
    ck_assert_str_eq(text, "2026-11-21T09:30:00.123456Z");
}
END_TEST

START_TEST(format_is_bounded_to_four_digit_years)
{
    char text[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(INT64_MAX, text);
    ck_assert_str_eq(text, "9999-12-31T23:59:59.999999Z");
    cc_timestamp_format(INT64_MIN, text);
    ck_assert_str_eq(text, "0001-01-01T00:00:00.000000Z");
}
END_TEST

START_TEST(civil_dates_are_consecutive)
{
    ck_assert_int_eq(cc_days_from_civil(1970, 1, 1), 0);
    ck_assert_int_eq(cc_days_from_civil(2000, 3, 1), 11017);
    ck_assert_int_eq(cc_days_from_civil(1, 1, 1), -719162);
    int previous_day = 31;
    for (int64_t days = cc_days_from_civil(1, 1, 1); days <= cc_days_from_civil(2400, 12, 31);
         days++) {
        int year = 0;
        int month = 0;
        int day = 0;
        cc_civil_from_days(days, &year, &month, &day);
        bool is_next = day == previous_day + 1 || (day == 1 && previous_day >= 28);
        if (!is_next || cc_days_from_civil(year, month, day) != days)
            ck_abort_msg("%d-%d-%d after day %d", year, month, day, previous_day);
        previous_day = day;
    }
}
END_TEST

SUITE_MAIN("timestamp", rfc_3339_examples, forms_that_are_allowed, what_is_refused,
           format_and_parse_are_inverse, format_is_bounded_to_four_digit_years,
           civil_dates_are_consecutive)
