#include "tests/unit/cell/fixture.h"

#include <stdio.h>

#include "cell/model/clock.h"

enum { BOUND = 4, MANY = 40 };

struct item {
    struct cell_clock_node node;
    char key[16];
};

static struct item items[MANY];
static struct cell_clock clock;

static struct item *add(int i)
{
    snprintf(items[i].key, sizeof(items[i].key), "key-%d", i);
    struct cell_clock_node *left =
        cell_clock_add(&clock, &items[i].node, cc_slice_of(items[i].key));
    return (struct item *)(void *)left;
}

static bool holds(int i)
{
    return cell_clock_peek(&clock, cc_slice_of(items[i].key)) == &items[i].node;
}

static void set_up(void)
{
    memset(items, 0, sizeof(items));
    ck_assert_int_eq(cell_clock_init(&clock, BOUND), CC_OK);
}

START_TEST(who_leaves_is_given_back_and_the_bound_holds)
{
    set_up();
    for (int i = 0; i < MANY; i++) {
        struct item *left = add(i);
        ck_assert((left != NULL) == (i >= BOUND));
        ck_assert(!left || left == &items[i - BOUND]);
        ck_assert(holds(i));
    }
    ck_assert_uint_eq(cell_clock_count(&clock), BOUND);
    ck_assert_uint_eq(clock.evicted, MANY - BOUND);
    cell_clock_deinit(&clock);
}
END_TEST

START_TEST(who_was_found_is_spared_for_a_round_and_peeking_spares_nobody)
{
    set_up();
    for (int i = 0; i < BOUND; i++)
        add(i);
    ck_assert_ptr_nonnull(cell_clock_find(&clock, cc_slice_of("key-0")));
    ck_assert(holds(1));
    ck_assert_ptr_eq(add(BOUND), &items[1]);
    ck_assert_ptr_eq(add(BOUND + 1), &items[2]);
    ck_assert_ptr_eq(add(BOUND + 2), &items[3]);
    ck_assert_ptr_eq(add(BOUND + 3), &items[0]);
    cell_clock_deinit(&clock);
}
END_TEST

START_TEST(what_replaces_keeps_the_place)
{
    set_up();
    for (int i = 0; i < BOUND; i++)
        add(i);
    struct item next = {.key = "key-2"};
    cell_clock_replace(&clock, &items[2].node, &next.node, cc_slice_of(next.key));
    ck_assert_ptr_eq(cell_clock_at(&clock, 2), &next.node);
    ck_assert_ptr_eq(cell_clock_peek(&clock, cc_slice_of("key-2")), &next.node);
    ck_assert_uint_eq(cell_clock_count(&clock), BOUND);
    ck_assert(cc_slice_is(cell_clock_key(cell_clock_at(&clock, 1)), "key-1"));
    cell_clock_deinit(&clock);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        who_leaves_is_given_back_and_the_bound_holds,
        who_was_found_is_spared_for_a_round_and_peeking_spares_nobody,
        what_replaces_keeps_the_place,
    };
    return fixture_run("clock", tests, sizeof(tests) / sizeof(tests[0]));
}
