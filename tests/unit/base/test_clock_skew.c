#include "base/clock_skew.h"

#include "tests/unit/base/suite.h"

enum { SECOND_US = 1000 * 1000, ASKED_US = 7 * SECOND_US };

/* Told in the middle of a round trip of 100 ms. */
static struct cc_clock_reading reading(int64_t ahead_us)
{
    const int64_t ours_us = INT64_C(1795253400000000);
    return (struct cc_clock_reading){.asked_us = ASKED_US,
                                     .heard_us = ASKED_US + 100000,
                                     .ours_us = ours_us,
                                     .theirs_us = ours_us - 50000 - ahead_us};
}

static void enter(struct cc_clock_skew *skew, int64_t ahead_us)
{
    struct cc_clock_reading one = reading(ahead_us);
    ck_assert(cc_clock_skew_enter(skew, &one));
}

static void expect_skew(const struct cc_clock_skew *skew, int64_t expected_us)
{
    int64_t ahead_us = INT64_MIN;
    ck_assert(cc_clock_skew_at(skew, ASKED_US, &ahead_us));
    ck_assert_int_eq(ahead_us, expected_us);
}

START_TEST(the_middle_of_the_round_trip_counts)
{
    struct cc_clock_skew skew = {0};
    enter(&skew, -600 * INT64_C(1000000));
    expect_skew(&skew, -600 * INT64_C(1000000));
}
END_TEST

START_TEST(it_is_the_median_of_the_last_five)
{
    struct cc_clock_skew skew = {0};
    enter(&skew, -40);
    enter(&skew, 9000000);
    enter(&skew, -50);
    expect_skew(&skew, -40);
    enter(&skew, 600);
    enter(&skew, 600);
    expect_skew(&skew, 600);
    enter(&skew, -60); /* the first one's place */
    expect_skew(&skew, 600);
    enter(&skew, -60); /* 9,000,000's */
    expect_skew(&skew, -50);
}
END_TEST

START_TEST(nothing_heard_is_not_zero)
{
    struct cc_clock_skew skew = {0};
    int64_t ahead_us = 1;
    ck_assert(!cc_clock_skew_at(&skew, ASKED_US, &ahead_us));
    ck_assert_int_eq(ahead_us, 1);
}
END_TEST

START_TEST(only_short_round_trips_count)
{
    struct cc_clock_skew skew = {0};
    int64_t ahead_us = 0;
    struct cc_clock_reading one = reading(5);
    one.heard_us = one.asked_us - 1;
    ck_assert(!cc_clock_skew_enter(&skew, &one));
    one.heard_us = one.asked_us + CC_CLOCK_ROUND_TRIP_MAX_US + 1;
    ck_assert(!cc_clock_skew_enter(&skew, &one));
    ck_assert(!cc_clock_skew_at(&skew, ASKED_US, &ahead_us));
    one.heard_us--;
    ck_assert(cc_clock_skew_enter(&skew, &one));
    ck_assert(cc_clock_skew_at(&skew, ASKED_US, &ahead_us));
}
END_TEST

START_TEST(an_old_reading_is_forgotten)
{
    struct cc_clock_skew skew = {0};
    int64_t ahead_us = 0;
    struct cc_clock_reading later = reading(70);
    later.asked_us += SECOND_US;
    later.heard_us += SECOND_US;
    enter(&skew, 30);
    ck_assert(cc_clock_skew_enter(&skew, &later));
    ck_assert(cc_clock_skew_at(&skew, later.heard_us + CC_CLOCK_READING_AGE_MAX_US, &ahead_us));
    ck_assert_int_eq(ahead_us, 70);
    ck_assert(
        !cc_clock_skew_at(&skew, later.heard_us + CC_CLOCK_READING_AGE_MAX_US + 1, &ahead_us));
}
END_TEST

SUITE_MAIN("clock_skew", the_middle_of_the_round_trip_counts, it_is_the_median_of_the_last_five,
           nothing_heard_is_not_zero, only_short_round_trips_count, an_old_reading_is_forgotten)
