#include "base/held.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/base/suite.h"

enum { OVERHEAD_MAX = 64 };

static struct cc_held *held_of(int64_t maximum_bytes)
{
    struct cc_held *held = NULL;
    ck_assert_int_eq(cc_held_create(maximum_bytes, &held), CC_OK);
    return held;
}

static void append(struct cc_held *held, const char *record, int64_t now_us)
{
    ck_assert_int_eq(cc_held_append(held, cc_slice_of(record), now_us), CC_OK);
}

static void assert_first(const struct cc_held *held, const char *wanted)
{
    struct cc_slice first = {0};
    ck_assert(cc_held_first(held, &first));
    ASSERT_SLICE(first, wanted);
}

START_TEST(the_oldest_leaves_first)
{
    struct cc_held *held = held_of(4096);
    struct cc_slice none;
    ck_assert(!cc_held_first(held, &none));
    ck_assert_int_eq(cc_held_state(held).oldest_us, 0);
    append(held, "one", 11);
    append(held, "two", 12);
    ck_assert_uint_eq(cc_held_state(held).records, 2);
    ck_assert_int_eq(cc_held_state(held).oldest_us, 11);
    assert_first(held, "one");
    cc_held_drop_first(held);
    assert_first(held, "two");
    ck_assert_int_eq(cc_held_state(held).oldest_us, 12);
    cc_held_drop_first(held);
    ck_assert(!cc_held_first(held, &none));
    ck_assert_int_eq(cc_held_state(held).bytes, 0);
    append(held, "three", 13);
    assert_first(held, "three");
    cc_held_free(held);
    cc_held_free(NULL);
}
END_TEST

START_TEST(it_is_bounded_and_room_comes_back)
{
    struct cc_held *held = held_of(100);
    char record[100 - OVERHEAD_MAX / 2] = {0};
    struct cc_slice large = cc_slice(record, sizeof(record));
    ck_assert_int_eq(cc_held_append(held, large, 1), CC_OK);
    ck_assert_int_le(cc_held_state(held).bytes, 100);
    ck_assert_int_eq(cc_held_append(held, large, 1), CC_FULL);
    ck_assert_uint_eq(cc_held_state(held).records, 1);
    cc_held_drop_first(held);
    ck_assert_int_eq(cc_held_append(held, large, 1), CC_OK);
    struct cc_held *nothing = held_of(0);
    ck_assert_int_eq(cc_held_append(nothing, CC_SLICE_LITERAL(""), 1), CC_FULL);
    cc_held_free(nothing);
    cc_held_free(held);
}
END_TEST

START_TEST(what_is_lent_is_held_until_it_is_shipped)
{
    struct cc_held *held = held_of(4096);
    struct cc_slice lent[3];
    for (int64_t i = 1; i <= 3; i++)
        append(held, (const char *[]){"", "one", "two", "three"}[i], i);
    ck_assert_uint_eq(cc_held_lend(held, 2, 4096, lent), 2);
    ASSERT_SLICE(lent[0], "one");
    ASSERT_SLICE(lent[1], "two");
    assert_first(held, "three"); /* goes its way meanwhile */
    cc_held_drop_first(held);
    append(held, "four", 4);
    ck_assert_uint_eq(cc_held_state(held).records, 3);
    ck_assert_int_eq(cc_held_state(held).oldest_us, 1);
    cc_held_return(held, false);
    assert_first(held, "one");
    ck_assert_uint_eq(cc_held_lend(held, 3, 4096, lent), 3);
    ASSERT_SLICE(lent[1], "two");
    ASSERT_SLICE(lent[2], "four");
    cc_held_return(held, true);
    ck_assert_uint_eq(cc_held_state(held).records, 0);
    ck_assert_int_eq(cc_held_state(held).bytes, 0);
    ck_assert_uint_eq(cc_held_lend(held, 3, 4096, lent), 0);
    cc_held_return(held, true);
    cc_held_free(held);
}
END_TEST

START_TEST(a_loan_is_bounded_in_bytes_but_never_empty)
{
    struct cc_held *held = held_of(4096);
    struct cc_slice lent[3];
    append(held, "0123456789", 1);
    append(held, "0123456789", 2);
    ck_assert_uint_eq(cc_held_lend(held, 3, 1, lent), 1);
    cc_held_free(held); /* what is lent too */
}
END_TEST

SUITE_MAIN("held", the_oldest_leaves_first, it_is_bounded_and_room_comes_back,
           what_is_lent_is_held_until_it_is_shipped, a_loan_is_bounded_in_bytes_but_never_empty)
