#include "tests/unit/cell/fixture.h"

#include <stdio.h>

#include "cell/calls/plan_cache.h"

enum { SMALL = 8, NUMBER_ROOM = 20 };

static struct cell_plan_cache *cache;
static struct cell_call_plan *plan;

static void set_up(void)
{
    ck_assert_int_eq(cell_plan_cache_create(SMALL, &cache), CC_OK);
    plan = fixture_plan("{'format':1,'row_version':1,'tenant':'acme','number':'+46701234567',"
                        "'kind':'mobile','mobile':{}}");
}

static void tear_down(void)
{
    cell_plan_cache_free(cache);
    cell_call_plan_unref(plan);
}

static struct cell_plan_news news_of(const char *number, int64_t version)
{
    return (struct cell_plan_news){.tenant = cc_slice_of("acme"),
                                   .number = cc_slice_of(number),
                                   .plan = plan,
                                   .row_version = version,
                                   .now_us = 1000};
}

static enum cc_error put(const char *number, int64_t version)
{
    struct cell_plan_news news = news_of(number, version);
    return cell_plan_cache_put(cache, &news);
}

static struct cell_plan_entry *find(const char *number)
{
    return cell_plan_cache_find(cache, cc_slice_of("acme"), cc_slice_of(number));
}

START_TEST(a_number_is_found_under_its_tenant_alone)
{
    set_up();
    ck_assert_int_eq(put("+461", 5), CC_OK);
    ck_assert_ptr_eq(find("+461")->plan, plan);
    ck_assert_int_eq(find("+461")->row_version, 5);
    ck_assert_ptr_null(find("+462"));
    ck_assert_ptr_null(cell_plan_cache_find(cache, cc_slice_of("other"), cc_slice_of("+461")));
    ck_assert_uint_gt(cell_plan_cache_bytes(cache), sizeof(struct cell_plan_entry));
    tear_down();
}
END_TEST

START_TEST(a_lower_version_never_replaces_a_higher_one)
{
    set_up();
    ck_assert_int_eq(put("+461", 5), CC_OK);
    ck_assert_int_eq(put("+461", 4), CC_STALE);
    ck_assert_int_eq(find("+461")->row_version, 5);
    ck_assert_int_eq(put("+461", 6), CC_OK);
    ck_assert_int_eq(find("+461")->row_version, 6);
    ck_assert_uint_eq(cell_plan_cache_count(cache), 1);
    tear_down();
}
END_TEST

START_TEST(no_more_than_the_bound_is_held_and_what_is_used_stays)
{
    char number[NUMBER_ROOM];
    set_up();
    put("+460", 1);
    for (int i = 1; i < 10 * SMALL; i++) {
        ck_assert_ptr_nonnull(find("+460"));
        snprintf(number, sizeof(number), "+46%d", i);
        ck_assert_int_eq(put(number, 1), CC_OK);
        ck_assert_ptr_nonnull(find(number));
        find(number)->_node._used = false;
        ck_assert_uint_le(cell_plan_cache_count(cache), SMALL);
    }
    ck_assert_ptr_nonnull(find("+460"));
    ck_assert_uint_eq(cell_plan_cache_evicted(cache), 10 * SMALL - SMALL);
    tear_down();
}
END_TEST

START_TEST(all_in_use_still_makes_room)
{
    char number[NUMBER_ROOM];
    set_up();
    for (int i = 0; i < 3 * SMALL; i++) {
        snprintf(number, sizeof(number), "+46%d", i);
        ck_assert_int_eq(put(number, 1), CC_OK);
        ck_assert_ptr_nonnull(find(number));
    }
    ck_assert_uint_eq(cell_plan_cache_count(cache), SMALL);
    tear_down();
}
END_TEST

START_TEST(a_raised_number_is_behind_until_it_is_new_enough)
{
    set_up();
    put("+461", 5);
    ck_assert(!cell_plan_entry_is_behind(find("+461")));
    cell_plan_cache_raise(cache, cc_slice_of("acme"), cc_slice_of("+461"), 7);
    cell_plan_cache_raise(cache, cc_slice_of("acme"), cc_slice_of("+461"), 6);
    ck_assert(cell_plan_entry_is_behind(find("+461")));
    put("+461", 6);
    ck_assert(cell_plan_entry_is_behind(find("+461")));
    put("+461", 7);
    ck_assert(!cell_plan_entry_is_behind(find("+461")));
    cell_plan_cache_raise(cache, cc_slice_of("acme"), cc_slice_of("+469"), 7);
    ck_assert_ptr_null(find("+469"));
    tear_down();
}
END_TEST

START_TEST(a_published_flow_raises_the_numbers_that_use_it)
{
    set_up();
    struct cell_plan_news news = news_of("+461", 5);
    news.flow_id = cc_slice_of("main");
    ck_assert_int_eq(cell_plan_cache_put(cache, &news), CC_OK);
    put("+462", 5);
    cell_plan_cache_raise_flow(cache, cc_slice_of("other"), cc_slice_of("main"), 9);
    ck_assert(!cell_plan_entry_is_behind(find("+461")));
    cell_plan_cache_raise_flow(cache, cc_slice_of("acme"), cc_slice_of("main"), 9);
    ck_assert(cell_plan_entry_is_behind(find("+461")));
    ck_assert(!cell_plan_entry_is_behind(find("+462")));
    tear_down();
}
END_TEST

START_TEST(that_there_is_no_such_number_is_knowledge_too)
{
    set_up();
    struct cell_plan_news news = news_of("+461", 0);
    news.plan = NULL;
    ck_assert_int_eq(cell_plan_cache_put(cache, &news), CC_OK);
    ck_assert_ptr_nonnull(find("+461"));
    ck_assert_ptr_null(find("+461")->plan);
    ck_assert_int_eq(put("+461", 3), CC_OK);
    ck_assert_int_eq(cell_plan_cache_put(cache, &news), CC_STALE);
    ck_assert_ptr_nonnull(find("+461")->plan);
    tear_down();
}
END_TEST

START_TEST(what_came_from_disk_is_so_until_a_source_says_the_same_or_better)
{
    set_up();
    struct cell_snapshot_value value = {.kind = CELL_SNAPSHOT_PLAN,
                                        .version = 5,
                                        .tenant = cc_slice_of("acme"),
                                        .name = cc_slice_of("+461"),
                                        .text = cc_slice_of("{}")};
    struct cell_plan_news news = news_of("+461", 5);
    news.plan = NULL;
    news.from_disk = true;
    news.item = cell_snapshot_item_create(&value);
    ck_assert_int_eq(cell_plan_cache_put(cache, &news), CC_OK);
    cell_snapshot_item_unref(news.item);
    ck_assert(find("+461")->from_disk && !find("+461")->gone);
    ck_assert_int_eq(put("+461", 4), CC_STALE);
    ck_assert(find("+461")->from_disk);
    uint64_t changes = cell_plan_cache_changes(cache);
    ck_assert_int_eq(put("+461", 5), CC_OK);
    ck_assert(!find("+461")->from_disk);
    ck_assert_uint_eq(cell_plan_cache_changes(cache), changes);
    cell_plan_cache_raise(cache, cc_slice_of("acme"), cc_slice_of("+461"), 6);
    ck_assert_uint_gt(cell_plan_cache_changes(cache), changes);
    tear_down();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_number_is_found_under_its_tenant_alone,
        a_lower_version_never_replaces_a_higher_one,
        no_more_than_the_bound_is_held_and_what_is_used_stays,
        all_in_use_still_makes_room,
        a_raised_number_is_behind_until_it_is_new_enough,
        a_published_flow_raises_the_numbers_that_use_it,
        that_there_is_no_such_number_is_knowledge_too,
        what_came_from_disk_is_so_until_a_source_says_the_same_or_better,
    };
    return fixture_run("plan_cache", tests, sizeof(tests) / sizeof(tests[0]));
}
