#include "control-plane/failover/tally.h"

#include <string.h>

#include "tests/unit/control-plane/suite.h"

static void expect(const struct cp_tally *before, const struct cp_tally *after, const char *said)
{
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cp_tally_say(before, after, "events shipped", "worker", &out);
    ck_assert_int_eq(out.error, CC_OK);
    ck_assert_uint_eq(out.length, strlen(said));
    ck_assert_msg(memcmp(out.data, said, out.length) == 0, "%.*s", (int)out.length, out.data);
    cc_buffer_deinit(&out);
}

START_TEST(what_was_counted_meanwhile_is_said)
{
    static const struct cp_tally before = {{{1, 100}, {2, 0}}, 2};
    static const struct cp_tally after = {{{2, 5}, {1, 107}}, 2};
    expect(&before, &after, "12 events shipped");
    expect(&before, &before, "0 events shipped");
}
END_TEST

START_TEST(one_that_began_anew_counts_from_its_beginning)
{
    static const struct cp_tally before = {{{1, 100}}, 1}, after = {{{1, 7}}, 1};
    expect(&before, &after, "7 events shipped");
}
END_TEST

START_TEST(who_was_not_heard_twice_adds_nothing_and_that_is_said)
{
    static const struct cp_tally before = {{{1, 100}, {2, -1}, {3, 4}}, 3};
    static const struct cp_tally after = {{{1, 107}, {2, 1000}, {3, -1}}, 3};
    expect(&before, &after, "at least 7 events shipped (1 of 3 workers says)");
    static const struct cp_tally first = {{{1, 100}}, 1};
    static const struct cp_tally more = {{{1, 101}, {2, 1000}}, 2};
    expect(&first, &more, "at least 1 events shipped (1 of 2 workers says)");
}
END_TEST

START_TEST(nothing_known_is_not_nothing)
{
    static const struct cp_tally none = {.count = 0}, silent = {{{1, -1}}, 1}, one = {{{1, 9}}, 1};
    expect(&none, &none, "events shipped: not known (no worker says)");
    expect(&silent, &one, "events shipped: not known (no worker says)");
    expect(&one, &silent, "events shipped: not known (no worker says)");
}
END_TEST

SUITE_MAIN("tally", what_was_counted_meanwhile_is_said,
           one_that_began_anew_counts_from_its_beginning,
           who_was_not_heard_twice_adds_nothing_and_that_is_said, nothing_known_is_not_nothing)
