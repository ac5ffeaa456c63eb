#include <check.h>
#include <stdlib.h>

#include "bench/simulate.h"

static struct bench_simulated simulate(const struct bench_simulation *simulation)
{
    struct bench_simulated out;
    ck_assert_int_eq(bench_simulate(simulation, &out), CC_OK);
    return out;
}

static struct bench_simulation of(enum bench_failure failure)
{
    struct bench_simulation simulation = bench_simulation_defaults;
    simulation.countries = 3;
    simulation.cells = 4;
    simulation.users = 3e6;
    simulation.failure = failure;
    return simulation;
}

static double rate(const struct bench_simulation *simulation)
{
    return simulation->users * simulation->webhooks_user_hour / 3600;
}

START_TEST(no_webhook_is_lost_or_doubled)
{
    for (enum bench_failure failure = 0; failure < BENCH_FAILURES; failure++) {
        for (int variant = 0; variant < 64; variant++) {
            struct bench_simulation simulation = of(failure);
            simulation.seed = (uint64_t)variant;
            simulation.silent = variant & 1;
            simulation.standby = variant & 2;
            simulation.second_edge_elsewhere = variant & 4;
            simulation.zones = variant & 8 ? 3 : 1;
            simulation.edge_headroom = variant & 16 ? 0.1 : 2;
            simulation.cell_headroom = variant & 32 ? 0 : 2;
            struct bench_simulated out = simulate(&simulation);
            ck_assert_double_eq_tol(out.by_cell + out.by_edge + out.unanswered, out.offered,
                                    out.offered * 1e-9);
        }
    }
}
END_TEST

START_TEST(without_a_failure_cells_answer_all)
{
    const enum bench_failure harmless[] = {BENCH_FAIL_NOTHING, BENCH_FAIL_CONTROL_PLANE};
    for (size_t i = 0; i < 2; i++) {
        struct bench_simulation simulation = of(harmless[i]);
        struct bench_simulated out = simulate(&simulation);
        ck_assert_double_eq_tol(out.by_cell, out.offered, 1e-6);
        ck_assert_double_eq(out.unanswered, 0);
        ck_assert_double_eq(out.cells_hit, 0);
    }
    for (enum bench_failure failure = 0; failure < BENCH_FAILURES; failure++) {
        struct bench_simulation simulation = of(failure);
        simulation.lasts_s = 0;
        ck_assert_double_eq(simulate(&simulation).unanswered, 0);
    }
}
END_TEST

START_TEST(a_dead_cell_is_answered_for_by_edges)
{
    struct bench_simulation simulation = of(BENCH_FAIL_CELL);
    simulation.size_spread = 0;
    simulation.return_s = 0.5;
    struct bench_simulated out = simulate(&simulation);
    ck_assert_double_eq(out.unanswered, 0);
    ck_assert_double_eq(out.cells_hit, 1);
    ck_assert_double_eq(out.countries_hit, 1);
    ck_assert_double_eq_tol(out.users_hit, 250000, 1e-3);
    /* One cell of twelve, for as long as it lasted and until its workers answer. */
    ck_assert_double_eq_tol(out.by_edge, rate(&simulation) / 12 * 60.5,
                            rate(&simulation) / 12 * 0.05);
    ck_assert_double_eq_tol(out.recovery_s, 0.5, 0.05);
    simulation.standby = true;
    ck_assert_double_eq(simulate(&simulation).by_edge, 0);
    simulation.silent = true;
    ck_assert_double_eq_tol(simulate(&simulation).by_edge, rate(&simulation) / 12 * 0.12,
                            rate(&simulation) / 12 * 0.05);
}
END_TEST

START_TEST(a_region_without_an_edge_elsewhere_is_unanswered)
{
    struct bench_simulation simulation = of(BENCH_FAIL_REGION);
    simulation.size_spread = 0;
    struct bench_simulated out = simulate(&simulation);
    ck_assert_double_eq_tol(out.unanswered, rate(&simulation) / 3 * 60, rate(&simulation) * 0.1);
    ck_assert_double_eq(out.cells_hit, 4);
    ck_assert_double_eq(out.cells_without_writes, 4);
    simulation.second_edge_elsewhere = true;
    out = simulate(&simulation);
    ck_assert_double_eq(out.unanswered, 0);
    ck_assert_double_gt(out.by_edge, rate(&simulation) / 3 * 59);
    simulation.standby = true;
    out = simulate(&simulation);
    ck_assert_double_eq(out.unanswered, 0);
    ck_assert_double_eq(out.by_edge, 0);
}
END_TEST

START_TEST(a_zone_is_carried_by_the_others)
{
    struct bench_simulation simulation = of(BENCH_FAIL_ZONE);
    simulation.silent = true;
    struct bench_simulated out = simulate(&simulation);
    ck_assert_double_eq(out.unanswered, 0);
    ck_assert_double_eq(out.by_edge, 0);
    ck_assert_double_eq(out.cells_without_writes, 2);
    ck_assert_double_gt(out.repeated, 0);
    /* Without room in the other zone's edges the queue grows beyond what carriers wait. */
    simulation.edge_headroom = 0.5;
    ck_assert_double_gt(simulate(&simulation).unanswered, 0);
}
END_TEST

START_TEST(a_storm_is_answered_by_edges_until_they_are_full)
{
    struct bench_simulation simulation = of(BENCH_FAIL_RETRY_STORM);
    simulation.edge_headroom = 20;
    simulation.storm = 10;
    struct bench_simulated out = simulate(&simulation);
    ck_assert_double_eq(out.unanswered, 0);
    ck_assert_double_gt(out.by_edge, 0);
    ck_assert_double_lt(out.recovery_s, 1);
    simulation.edge_headroom = 1.5;
    out = simulate(&simulation);
    ck_assert_double_gt(out.unanswered, 0);
    ck_assert_double_gt(out.repeated, 0);
    ck_assert_double_gt(out.recovery_s, 0.5);
    ck_assert(out.recovered);
    /* Repeats alone keep edges full that have hardly any room. */
    simulation.edge_headroom = 0.1;
    ck_assert(!simulate(&simulation).recovered);
}
END_TEST

START_TEST(a_longer_failure_never_costs_less)
{
    for (enum bench_failure failure = 0; failure < BENCH_FAILURES; failure++) {
        double unanswered = 0, missed = 0;
        for (double lasts_s = 0; lasts_s < 40; lasts_s += 3) {
            struct bench_simulation simulation = of(failure);
            simulation.lasts_s = lasts_s;
            simulation.edge_headroom = 0.3;
            struct bench_simulated out = simulate(&simulation);
            ck_assert_double_ge(out.unanswered, unanswered - 1e-6);
            ck_assert_double_ge(out.unanswered + out.by_edge, missed - 1e-6);
            unanswered = out.unanswered;
            missed = out.unanswered + out.by_edge;
        }
    }
}
END_TEST

START_TEST(the_same_seed_gives_the_same_figures)
{
    struct bench_simulation simulation = of(BENCH_FAIL_CELL);
    struct bench_simulated one = simulate(&simulation), other = simulate(&simulation);
    ck_assert_double_eq(one.by_edge, other.by_edge);
    simulation.seed = 2;
    ck_assert_double_ne(one.by_edge, simulate(&simulation).by_edge);
}
END_TEST

START_TEST(the_largest_world_is_simulated)
{
    struct bench_simulation simulation = of(BENCH_FAIL_CELL);
    simulation.countries = 50;
    simulation.cells = 200;
    simulation.users = 100e6;
    simulation.failed = 10000;
    simulation.lasts_s = 3;
    struct bench_simulated out = simulate(&simulation);
    ck_assert_double_eq(out.cells_hit, 10000);
    ck_assert_double_eq_tol(out.users_hit, 100e6, 1);
    ck_assert_double_eq(out.unanswered, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("simulate");
    TCase *tests = tcase_create("simulate");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, no_webhook_is_lost_or_doubled);
    tcase_add_test(tests, without_a_failure_cells_answer_all);
    tcase_add_test(tests, a_dead_cell_is_answered_for_by_edges);
    tcase_add_test(tests, a_region_without_an_edge_elsewhere_is_unanswered);
    tcase_add_test(tests, a_zone_is_carried_by_the_others);
    tcase_add_test(tests, a_storm_is_answered_by_edges_until_they_are_full);
    tcase_add_test(tests, a_longer_failure_never_costs_less);
    tcase_add_test(tests, the_same_seed_gives_the_same_figures);
    tcase_add_test(tests, the_largest_world_is_simulated);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
