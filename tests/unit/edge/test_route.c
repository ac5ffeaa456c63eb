#include <check.h>
#include <stdlib.h>

#include "tests/unit/edge/fixture.h"

static struct edge_countries countries;
static struct edge_snapshot *country;
static struct cc_arena arena;

static void set_up(void)
{
    countries = (struct edge_countries){0};
    cc_arena_init(&arena, 0);
    country = fixture_country(&countries);
}

static void tear_down(void)
{
    cc_arena_reset(&arena);
    edge_countries_deinit(&countries);
}

static struct edge_target find(const char *tenant, const char *direction, const char *from,
                               const char *to)
{
    struct cc_call_event event;
    struct edge_target target;
    fixture_event(&arena, "pbx", direction, "call.initiated", from, to, "", &event);
    edge_route_find(country, cc_slice_of(tenant), &event, &target);
    return target;
}

START_TEST(by_number)
{
    struct edge_target target = find(NULL, "terminating", "+46700000009", "+46101234567");
    ck_assert(cc_slice_is(target.tenant, "acme"));
    ck_assert(cc_slice_is(target.cell->id, "se-1"));
    ck_assert(cc_slice_is(target.fallback_target, "+46700000001"));
    ck_assert(target.known_number);
    target = find(NULL, "originating", "+46701112244", "+46101234567");
    ck_assert(cc_slice_is(target.tenant, "globex"));
    ck_assert(cc_slice_is(target.cell->id, "se-2"));
}
END_TEST

START_TEST(by_tenant)
{
    struct edge_target target = find("globex", "terminating", "+46700000009", "+46701112244");
    ck_assert(cc_slice_is(target.cell->id, "se-2"));
    ck_assert(target.known_number);
    target = find("acme", "terminating", "+46700000009", "+46101234567");
    ck_assert(cc_slice_is(target.cell->id, "se-1"));
    ck_assert(cc_slice_is(target.fallback_target, "+46700000001"));
}
END_TEST

START_TEST(unknown_numbers)
{
    struct edge_target target = find(NULL, "terminating", "+46700000009", "+46109999999");
    ck_assert(!target.known_number);
    ck_assert_ptr_null(target.cell);
    target = find("acme", "terminating", "+46700000009", "+46109999999");
    ck_assert(!target.known_number);
    ck_assert(cc_slice_is(target.cell->id, "se-1"));
    target = find("globex", "terminating", "+46700000009", "+46101234567"); /* acme's number */
    ck_assert(!target.known_number);
    ck_assert_uint_eq(target.fallback_target.length, 0);
    ck_assert(cc_slice_is(target.tenant, "globex"));
}
END_TEST

START_TEST(no_tenant_of_that_form)
{
    struct edge_target target = find("ACME", "terminating", "+46700000009", "+46101234567");
    ck_assert_ptr_null(target.cell);
    ck_assert(!target.known_number);
    ck_assert_uint_eq(target.tenant.length, 0);
}
END_TEST

START_TEST(no_event_routes_by_tenant_only)
{
    struct edge_target target;
    edge_route_find(country, CC_SLICE_LITERAL("globex"), NULL, &target);
    ck_assert(cc_slice_is(target.cell->id, "se-2"));
    edge_route_find(country, (struct cc_slice){0}, NULL, &target);
    ck_assert_ptr_null(target.cell);
}
END_TEST

START_TEST(countries_and_tokens)
{
    ck_assert_ptr_null(edge_countries_find(&countries, CC_SLICE_LITERAL("no")));
    ck_assert_uint_eq(edge_countries_ready(&countries), 1);
    ck_assert(
        cc_slice_is(edge_route_cell_token(country, CC_SLICE_LITERAL("se-1")), "token-of-se-1"));
    ck_assert_uint_eq(edge_route_cell_token(country, CC_SLICE_LITERAL("se-9")).length, 0);
}
END_TEST

START_TEST(a_request_keeps_what_it_began_with)
{
    struct edge_snapshot *held = edge_snapshot_hold(country);
    struct cc_publication next = {.kind = CC_PUBLICATION_MAP, .country = "se", .epoch = 8};
    ck_assert_int_eq(edge_countries_put(&countries, &next, fixture_map(8)), CC_OK);
    struct edge_snapshot *now = edge_countries_find(&countries, CC_SLICE_LITERAL("se"));
    ck_assert_ptr_ne(now, held);
    ck_assert_int_eq(cc_route_map_epoch(held->map), 7);
    ck_assert_int_eq(cc_route_map_epoch(now->map), 8);
    ck_assert_ptr_eq(now->numbers, held->numbers);
    ck_assert_int_eq(now->held[CC_PUBLICATION_MAP].epoch, 8);
    ck_assert_int_eq(now->held[CC_PUBLICATION_NUMBERS].epoch, 7);
    ck_assert_uint_eq(countries.count, 1);
    edge_snapshot_release(held);
}
END_TEST

START_TEST(too_many_countries)
{
    char name[3] = "aa";
    for (size_t i = 1; i < EDGE_COUNTRIES_MAX; i++) {
        struct cc_publication next = {.kind = CC_PUBLICATION_NUMBERS, .epoch = 1};
        name[0] = (char)('a' + i / 26);
        name[1] = (char)('a' + i % 26);
        memcpy(next.country, name, sizeof(name));
        ck_assert_int_eq(edge_countries_put(&countries, &next, fixture_numbers()), CC_OK);
    }
    struct cc_publication last = {.kind = CC_PUBLICATION_NUMBERS, .country = "zz", .epoch = 1};
    ck_assert_int_eq(edge_countries_put(&countries, &last, fixture_numbers()), CC_FULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/route");
    TCase *tests = tcase_create("route");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, by_number);
    tcase_add_test(tests, by_tenant);
    tcase_add_test(tests, unknown_numbers);
    tcase_add_test(tests, no_tenant_of_that_form);
    tcase_add_test(tests, no_event_routes_by_tenant_only);
    tcase_add_test(tests, countries_and_tokens);
    tcase_add_test(tests, a_request_keeps_what_it_began_with);
    tcase_add_test(tests, too_many_countries);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
