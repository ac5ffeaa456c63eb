#include "tests/unit/cell/fixture.h"

#include <stdio.h>

#include "cell/flows/flow_cache.h"

#define FLOW "{'version':1,'entry':'bye','nodes':{'bye':{'type':'hangup'}}}"
enum { SMALL = 4 };

static void put(struct cell_flow_cache *cache, const char *key)
{
    struct cell_held_flow *held = cell_held_flow_create(fixture_flow(FLOW));
    ck_assert_int_eq(cell_flow_cache_put(cache, cc_slice_of(key), held), CC_OK);
    cell_held_flow_unref(held);
}

START_TEST(a_flow_in_use_outlives_its_eviction)
{
    char key[16];
    struct cell_flow_cache *cache = NULL;
    ck_assert_int_eq(cell_flow_cache_create(SMALL, &cache), CC_OK);
    put(cache, "first");
    struct cell_held_flow *held =
        cell_held_flow_ref(cell_flow_cache_find(cache, cc_slice_of("first")));
    for (int i = 0; i < 3 * SMALL; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        put(cache, key);
        ck_assert_ptr_nonnull(cell_flow_cache_find(cache, cc_slice_of(key)));
    }
    ck_assert_ptr_null(cell_flow_cache_find(cache, cc_slice_of("first")));
    ck_assert(cc_slice_is(cell_flow_node_id(held->flow, 0), "bye"));
    cell_held_flow_unref(held);
    cell_flow_cache_free(cache);
}
END_TEST

START_TEST(a_version_held_already_stays)
{
    struct cell_flow_cache *cache = NULL;
    ck_assert_int_eq(cell_flow_cache_create(SMALL, &cache), CC_OK);
    put(cache, "one");
    struct cell_held_flow *before = cell_flow_cache_find(cache, cc_slice_of("one"));
    put(cache, "one");
    ck_assert_ptr_eq(cell_flow_cache_find(cache, cc_slice_of("one")), before);
    cell_flow_cache_free(cache);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_flow_in_use_outlives_its_eviction,
        a_version_held_already_stays,
    };
    return fixture_run("flow_cache", tests, sizeof(tests) / sizeof(tests[0]));
}
