#include <check.h>
#include <stdlib.h>

#include "edge/upstream.h"

static const char *const A = "127.0.0.1:20101";
static const char *const B = "127.0.0.1:20102";
static const char *const STANDBY = "127.0.0.2:20101";

enum { NOW_US = 9000000, SECOND_US = 1000000 };

static struct edge_upstreams upstreams;
static struct edge_cell *cell;

static void set_up(void)
{
    edge_upstreams_init(&upstreams);
    cell = edge_upstreams_cell(&upstreams, CC_SLICE_LITERAL("se-1"), true);
    ck_assert_ptr_nonnull(cell);
    struct edge_endpoint endpoints[] = {
        {cc_slice_of(A), 0}, {cc_slice_of(B), 0}, {cc_slice_of(STANDBY), 1}};
    ck_assert(edge_cell_set(cell, endpoints, 3));
}

static void tear_down(void)
{
    edge_upstreams_deinit(&upstreams);
}

static const char *pick(const char *tried)
{
    struct cc_slice address = cc_slice_of(tried);
    const struct edge_worker *worker = edge_cell_pick(cell, &address, tried ? 1 : 0);
    return worker ? worker->address : "none";
}

static enum edge_health_change report(const char *address, enum edge_report what)
{
    return edge_cell_report(cell, cc_slice_of(address), what, NOW_US);
}

static void eject(const char *address)
{
    for (int i = 1; i < EDGE_EJECT_AFTER; i++)
        ck_assert_int_eq(report(address, EDGE_REPORT_FAILED), EDGE_HEALTH_SAME);
    ck_assert_int_eq(report(address, EDGE_REPORT_FAILED), EDGE_HEALTH_EJECTED);
}

static enum edge_health_change beat(const char *address)
{
    for (int i = 1; i < EDGE_SLOW_AFTER; i++)
        ck_assert_int_eq(report(address, EDGE_REPORT_BEATEN), EDGE_HEALTH_SAME);
    return report(address, EDGE_REPORT_BEATEN);
}

static const struct edge_worker *worker(const char *address)
{
    return edge_cell_worker(cell, cc_slice_of(address));
}

START_TEST(takes_turns_within_the_active_site)
{
    int times_a = 0, times_b = 0;
    for (int i = 0; i < 30; i++) {
        const char *address = pick(NULL);
        times_a += strcmp(address, A) == 0;
        times_b += strcmp(address, B) == 0;
    }
    ck_assert_int_eq(times_a + times_b, 30);
    ck_assert_int_ge(times_a, 10);
    ck_assert_int_ge(times_b, 10);
}
END_TEST

START_TEST(second_attempt_goes_elsewhere)
{
    for (int i = 0; i < 6; i++) {
        ck_assert_str_eq(pick(A), B);
        ck_assert_str_eq(pick(B), A);
    }
    eject(B);
    for (int i = 0; i < 6; i++)
        ck_assert_str_eq(pick(A), STANDBY);
}
END_TEST

START_TEST(second_attempts_do_not_take_turns)
{
    size_t found = 0;
    struct cc_slice file = CC_SLICE_LITERAL("127.0.0.1:20101\n127.0.0.1:20102\n");
    ck_assert(edge_cell_set_from_file(cell, file, &found));
    const char *first = pick(NULL);
    ck_assert_str_ne(pick(first), first);
    ck_assert_str_ne(pick(NULL), first);
}
END_TEST

START_TEST(ejected_ones_are_left_alone)
{
    eject(A);
    for (int i = 0; i < 6; i++)
        ck_assert_str_eq(pick(NULL), B);
    eject(B);
    for (int i = 0; i < 6; i++)
        ck_assert_str_eq(pick(NULL), STANDBY);
    eject(STANDBY);
    ck_assert_str_eq(pick(NULL), "none");
    ck_assert_int_eq(report(A, EDGE_REPORT_READY), EDGE_HEALTH_REINSTATED);
    ck_assert_str_eq(pick(NULL), A);
    ck_assert_str_eq(pick(A), "none");
}
END_TEST

START_TEST(only_consecutive_failures_eject)
{
    for (int i = 0; i < 20; i++) {
        bool fails = i % EDGE_EJECT_AFTER != 0;
        ck_assert_int_eq(report(A, fails ? EDGE_REPORT_FAILED : EDGE_REPORT_ANSWERED),
                         EDGE_HEALTH_SAME);
    }
}
END_TEST

START_TEST(a_frozen_one_is_ejected_at_once)
{
    ck_assert_int_eq(report(A, EDGE_REPORT_FROZEN), EDGE_HEALTH_EJECTED);
    ck_assert_int_eq(report(A, EDGE_REPORT_FROZEN), EDGE_HEALTH_SAME);
    ck_assert_int_eq(worker(A)->health, EDGE_OUT);
    ck_assert_int_eq(worker(A)->probe_at_us, NOW_US);
}
END_TEST

START_TEST(an_answer_reinstates)
{
    eject(A);
    ck_assert_int_eq(report(A, EDGE_REPORT_FAILED), EDGE_HEALTH_SAME);
    ck_assert_int_eq(report(A, EDGE_REPORT_ANSWERED), EDGE_HEALTH_REINSTATED);
    ck_assert_int_eq(report(A, EDGE_REPORT_ANSWERED), EDGE_HEALTH_SAME);
    ck_assert_uint_eq(worker(A)->ejections, 1);
    ck_assert_int_eq(report("127.0.0.9:1", EDGE_REPORT_FAILED), EDGE_HEALTH_SAME);
}
END_TEST

START_TEST(a_slow_one_is_asked_when_nobody_is_healthy)
{
    ck_assert_int_eq(beat(A), EDGE_HEALTH_EJECTED);
    ck_assert_int_eq(worker(A)->health, EDGE_SLOW);
    for (int i = 0; i < 6; i++)
        ck_assert_str_eq(pick(NULL), B);
    ck_assert_int_eq(beat(B), EDGE_HEALTH_SAME); /* the last healthy one of its site */
    eject(B);
    ck_assert_str_eq(pick(NULL), STANDBY);
    eject(STANDBY);
    ck_assert_str_eq(pick(NULL), A);
    ck_assert_int_eq(report(A, EDGE_REPORT_ANSWERED), EDGE_HEALTH_SAME); /* proves no speed */
    ck_assert_int_eq(report(A, EDGE_REPORT_FROZEN), EDGE_HEALTH_EJECTED);
    ck_assert_int_eq(worker(A)->health, EDGE_OUT);
}
END_TEST

START_TEST(slow_spells_grow_and_are_forgiven)
{
    for (int64_t spell_us = SECOND_US; spell_us <= 16 * SECOND_US; spell_us *= 2) {
        ck_assert_int_eq(beat(A), EDGE_HEALTH_EJECTED);
        ck_assert_int_eq(worker(A)->probe_at_us, NOW_US + spell_us);
        ck_assert_int_eq(report(A, EDGE_REPORT_READY), EDGE_HEALTH_REINSTATED);
    }
    for (int i = 0; i < 1000; i++)
        report(A, EDGE_REPORT_ANSWERED);
    ck_assert_int_eq(beat(A), EDGE_HEALTH_EJECTED);
    ck_assert_int_eq(worker(A)->probe_at_us, NOW_US + SECOND_US);
}
END_TEST

START_TEST(silence)
{
    ck_assert_int_eq(edge_worker_silent_us(worker(A), NOW_US), 0);
    edge_cell_asked(cell, cc_slice_of(A), NOW_US);
    edge_cell_asked(cell, cc_slice_of(A), NOW_US + 10);
    ck_assert_int_eq(edge_worker_silent_us(worker(A), NOW_US + 50), 50);
    edge_cell_ended(cell, cc_slice_of(A), true, NOW_US + 60);
    ck_assert_int_eq(edge_worker_silent_us(worker(A), NOW_US + 80), 20);
    edge_cell_ended(cell, cc_slice_of(A), false, NOW_US + 90);
    ck_assert_int_eq(edge_worker_silent_us(worker(A), NOW_US + 99), 0);
    edge_cell_ended(cell, cc_slice_of(A), false, NOW_US + 99); /* of before the last change */
    edge_cell_asked(cell, cc_slice_of(A), NOW_US + 100);
    ck_assert_int_eq(edge_worker_silent_us(worker(A), NOW_US + 105), 5);
}
END_TEST

START_TEST(the_file_names_the_standby_site)
{
    size_t found = 0;
    struct cc_slice file = CC_SLICE_LITERAL("127.0.0.1:20151 standby\n127.0.0.1:20101\n"
                                            "127.0.0.1:20152\tstandby # b\n127.0.0.1:20103 x\n");
    ck_assert(edge_cell_set_from_file(cell, file, &found));
    ck_assert_uint_eq(found, 3);
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(pick(NULL), A);
    ck_assert_int_eq(worker("127.0.0.1:20152")->site, 1);
}
END_TEST

START_TEST(a_new_list_keeps_what_is_known)
{
    size_t found = 0;
    eject(B);
    struct cc_slice file = CC_SLICE_LITERAL("# active\n127.0.0.1:20102 # second\r\n\n"
                                            "  127.0.0.1:20109\n127.0.0.1:20109\nnonsense\n");
    ck_assert(edge_cell_set_from_file(cell, file, &found));
    ck_assert_uint_eq(found, 3);
    ck_assert_uint_eq(cell->worker_count, 2);
    ck_assert(cell->discovered);
    ck_assert_int_eq(cell->workers[0].health, EDGE_OUT);
    ck_assert_str_eq(pick(NULL), "127.0.0.1:20109");
    ck_assert(!edge_cell_set_from_file(cell, file, &found));
}
END_TEST

START_TEST(an_empty_file_says_nothing)
{
    size_t found = 9;
    ck_assert(!edge_cell_set_from_file(cell, CC_SLICE_LITERAL("# none\n\n"), &found));
    ck_assert_uint_eq(found, 0);
    ck_assert_uint_eq(cell->worker_count, 3);
    ck_assert(!cell->discovered);
}
END_TEST

START_TEST(the_map_names_all_sites)
{
    struct cc_map_cell map_cell = {
        .id = CC_SLICE_LITERAL("se-1"),
        .sites = {{.endpoints = {CC_SLICE_LITERAL("127.0.0.1:1")}, .endpoint_count = 1},
                  {.endpoints = {CC_SLICE_LITERAL("127.0.0.1:2")}, .endpoint_count = 1}},
        .site_count = 2};
    cell->discovered = true;
    ck_assert(edge_cell_set_from_map(cell, &map_cell));
    ck_assert(!cell->discovered);
    ck_assert_uint_eq(cell->worker_count, 2);
    ck_assert_int_eq(cell->workers[1].site, 1);
    ck_assert(!edge_cell_set_from_map(cell, &map_cell));
}
END_TEST

START_TEST(cells_are_found_and_bad_names_refused)
{
    ck_assert_ptr_eq(edge_upstreams_cell(&upstreams, CC_SLICE_LITERAL("se-1"), true), cell);
    ck_assert_ptr_null(edge_upstreams_cell(&upstreams, CC_SLICE_LITERAL("se-2"), false));
    ck_assert_ptr_null(edge_upstreams_cell(&upstreams, CC_SLICE_LITERAL("../etc"), true));
    struct edge_cell *second = edge_upstreams_cell(&upstreams, CC_SLICE_LITERAL("se-2"), true);
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_null(edge_cell_pick(second, NULL, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/upstream");
    TCase *tests = tcase_create("upstream");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, takes_turns_within_the_active_site);
    tcase_add_test(tests, second_attempt_goes_elsewhere);
    tcase_add_test(tests, second_attempts_do_not_take_turns);
    tcase_add_test(tests, ejected_ones_are_left_alone);
    tcase_add_test(tests, only_consecutive_failures_eject);
    tcase_add_test(tests, a_frozen_one_is_ejected_at_once);
    tcase_add_test(tests, an_answer_reinstates);
    tcase_add_test(tests, a_slow_one_is_asked_when_nobody_is_healthy);
    tcase_add_test(tests, slow_spells_grow_and_are_forgiven);
    tcase_add_test(tests, silence);
    tcase_add_test(tests, the_file_names_the_standby_site);
    tcase_add_test(tests, a_new_list_keeps_what_is_known);
    tcase_add_test(tests, an_empty_file_says_nothing);
    tcase_add_test(tests, the_map_names_all_sites);
    tcase_add_test(tests, cells_are_found_and_bad_names_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
