#include "tests/unit/cell/fixture.h"

#include <stdio.h>

#include "cell/model/table.h"

enum { MANY = 1000 };

struct item {
    struct cell_table_node node;
    char key[16];
    int seen;
};

static struct item items[MANY];
static struct cell_table table;

static void fill(size_t expected)
{
    ck_assert_int_eq(cell_table_init(&table, expected), CC_OK);
    memset(items, 0, sizeof(items));
    for (int i = 0; i < MANY; i++) {
        snprintf(items[i].key, sizeof(items[i].key), "key-%d", i);
        cell_table_add(&table, &items[i].node, cc_slice_of(items[i].key));
    }
}

START_TEST(what_was_added_is_found_also_in_crowded_buckets)
{
    fill(1);
    ck_assert_uint_eq(table.count, MANY);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(cell_table_find(&table, cc_slice_of(items[i].key)), &items[i].node);
    ck_assert_ptr_null(cell_table_find(&table, cc_slice_of("key-")));
    ck_assert_ptr_null(cell_table_find(&table, cc_slice(NULL, 0)));
    cell_table_deinit(&table);
}
END_TEST

START_TEST(what_was_removed_is_gone_and_the_rest_stays)
{
    fill(64);
    for (int i = 0; i < MANY; i += 2)
        cell_table_remove(&table, &items[i].node);
    cell_table_remove(&table, &items[0].node);
    ck_assert_uint_eq(table.count, MANY / 2);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(cell_table_find(&table, cc_slice_of(items[i].key)) != NULL, i % 2 == 1);
    cell_table_deinit(&table);
}
END_TEST

static void see_and_remove(struct cell_table_node *node, void *context)
{
    ((struct item *)(void *)node)->seen++;
    cell_table_remove(context, node);
}

START_TEST(each_is_visited_once_and_may_leave)
{
    fill(64);
    cell_table_each(&table, see_and_remove, &table);
    ck_assert_uint_eq(table.count, 0);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(items[i].seen, 1);
    cell_table_deinit(&table);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_was_added_is_found_also_in_crowded_buckets,
        what_was_removed_is_gone_and_the_rest_stays,
        each_is_visited_once_and_may_leave,
    };
    return fixture_run("table", tests, sizeof(tests) / sizeof(tests[0]));
}
