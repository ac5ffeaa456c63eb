#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/bench/sample.h"

static struct bench_plan plan_of(const struct bench_demand *demand)
{
    struct bench_calibration calibration = sample_calibration();
    struct bench_prices prices = sample_prices();
    struct bench_template template = sample_template();
    struct bench_plan plan;
    struct cc_json_reason reason = {""};
    ck_assert_int_eq(bench_plan_make(demand, &template, &calibration, &prices, &plan, &reason),
                     CC_OK);
    return plan;
}

static struct bench_demand demand_of(double users)
{
    struct bench_demand demand = bench_plan_defaults;
    demand.users = users;
    return demand;
}

START_TEST(a_line_is_found_again)
{
    struct bench_calibration calibration = sample_calibration();
    struct bench_line edge = bench_capacity_fit(&calibration.curves[BENCH_MOBILE], BENCH_EDGE);
    ck_assert_double_eq_tol(edge.us_per_webhook, 200, 1e-6);
    ck_assert_double_eq_tol(edge.base_cores, 0.02, 1e-9);
}
END_TEST

START_TEST(what_any_load_takes_is_not_put_on_webhooks)
{
    struct bench_calibration calibration = sample_calibration();
    struct bench_curve *curve = &calibration.curves[BENCH_MOBILE];
    for (size_t i = 1; i < curve->count; i++)
        curve->steps[i].cores[BENCH_EDGE] += 0.3;
    struct bench_line edge = bench_capacity_fit(curve, BENCH_EDGE);
    ck_assert_double_eq_tol(edge.us_per_webhook, 200, 1e-6);
    ck_assert_double_eq_tol(edge.base_cores, 0.32, 1e-9);
    for (size_t i = 1; i < curve->count; i++) /* falls with the load */
        curve->steps[i].cores[BENCH_EDGE] = 0.5 - 0.01 * (double)i;
    edge = bench_capacity_fit(curve, BENCH_EDGE);
    ck_assert_double_eq(edge.us_per_webhook, 0);
    ck_assert_double_eq_tol(edge.base_cores, 0.48, 0.02);
    curve->count = 2;
    curve->steps[1].cores[BENCH_EDGE] = 0.32;
    edge = bench_capacity_fit(curve, BENCH_EDGE);
    ck_assert_double_eq_tol(edge.us_per_webhook, 600, 1e-6);
    ck_assert_double_eq_tol(edge.base_cores, 0.02, 1e-9);
}
END_TEST

START_TEST(a_mix_costs_the_mean_of_its_webhooks)
{
    struct bench_calibration calibration = sample_calibration();
    struct bench_capacity capacity = bench_capacity_of(&calibration, 0.25);
    /* Of 10 webhooks 6 are mobile: 3 calls of 2; 4 are PBX: 1 call of 4. */
    ck_assert_double_eq_tol(capacity.webhooks_per_call, 2.5, 1e-9);
    ck_assert_double_eq_tol(capacity.parts[BENCH_EDGE].us_per_webhook, 280, 1e-6);
    ck_assert_double_eq_tol(bench_capacity_cores(&capacity, BENCH_EDGE, 1000), 0.30, 1e-9);
}
END_TEST

START_TEST(the_first_bottleneck_is_the_saturation)
{
    struct bench_calibration calibration = sample_calibration();
    struct bench_capacity of_machine = bench_capacity_of(&calibration, 0);
    /* 200 + 400 + 5 x 100 us; 0.09 cores idle. */
    ck_assert_double_eq_tol(of_machine.saturation_webhooks_s, (2 - 0.09) / 1100e-6, 1e-6);
    calibration.cores = 64;
    struct bench_capacity of_workers = bench_capacity_of(&calibration, 0);
    ck_assert_double_eq_tol(of_workers.saturation_webhooks_s, (2 - 0.02) / 400e-6, 1e-6);
}
END_TEST

START_TEST(the_demand_is_counted_out)
{
    struct bench_demand demand = demand_of(250000);
    struct bench_plan plan = plan_of(&demand);
    ck_assert_double_eq_tol(plan.calls_s, 69.444, 1e-3);
    ck_assert_double_eq_tol(plan.webhooks_s, 173.611, 1e-3);
    ck_assert_double_eq_tol(plan.peak_webhooks_s, 520.833, 1e-3);
    ck_assert_double_eq_tol(plan.records_day, 250000 * 2.5 / 0.12, 1);
    ck_assert_double_eq(plan.cells, 1);
    ck_assert_int_eq(plan.limit, BENCH_LIMIT_ONE);
    ck_assert_double_eq_tol(plan.directory_gb, 0.25, 1e-9);
    ck_assert_double_eq_tol(plan.records_gb, 250000 * 2.5 / 0.12 * 40 * 600 / 1e9, 1e-6);
    ck_assert_double_eq_tol(plan.node_disk_gb, (0.25 + plan.records_gb) * 3 + 8, 1e-9);
    ck_assert_double_eq_tol(plan.cost_user * 250000, plan.cost_month, 1e-9);
}
END_TEST

START_TEST(what_was_said_replaces_what_was_measured)
{
    struct bench_demand demand = demand_of(250000);
    demand.webhooks_per_call = 5;
    demand.attempts_per_user = 2;
    demand.peak = 1;
    struct bench_plan plan = plan_of(&demand);
    ck_assert_double_eq_tol(plan.peak_webhooks_s, 250000.0 * 2 / 3600 * 5, 1e-6);
}
END_TEST

START_TEST(more_users_never_cost_less)
{
    double before = 0, cells = 0;
    for (double users = 1000; users < 50e6; users *= 1.3) {
        struct bench_demand demand = demand_of(users);
        struct bench_plan plan = plan_of(&demand);
        ck_assert_double_ge(plan.cost_month, before);
        ck_assert_double_ge(plan.cells, cells);
        ck_assert_double_le(plan.users_per_cell, 250000);
        before = plan.cost_month;
        cells = plan.cells;
    }
}
END_TEST

START_TEST(a_zone_can_be_lost)
{
    for (double users = 1000; users < 50e6; users *= 1.7) {
        for (double zones = 2; zones <= 4; zones++) {
            struct bench_demand demand = demand_of(users);
            demand.zones = zones;
            struct bench_plan plan = plan_of(&demand);
            ck_assert_double_ge(plan.headroom, 1 / demand.utilisation - 1 - 1e-9);
            ck_assert_double_le(plan.busy_zone_lost, demand.utilisation + 1e-9);
            ck_assert_double_gt(plan.busy_zone_lost, plan.busy);
        }
    }
    struct bench_demand alone = demand_of(1000);
    alone.zones = 1;
    ck_assert_double_eq(plan_of(&alone).headroom, -1);
}
END_TEST

START_TEST(call_plans_and_workers_ask_for_cells)
{
    struct bench_demand demand = demand_of(250001);
    struct bench_plan plan = plan_of(&demand);
    ck_assert_double_eq(plan.cells, 2);
    ck_assert_int_eq(plan.limit, BENCH_LIMIT_PLANS);
    demand = demand_of(250000);
    demand.attempts_per_user = 10;
    plan = plan_of(&demand);
    /* 5,208 webhooks/s x 560 us at 70 %, one worker of two left. */
    ck_assert_double_eq(plan.cells, ceil(5208.34 * 560e-6 / 0.7));
    ck_assert_int_eq(plan.limit, BENCH_LIMIT_WORKERS);
}
END_TEST

START_TEST(a_country_has_only_so_many_slots)
{
    struct bench_calibration calibration = sample_calibration();
    struct bench_prices prices = sample_prices();
    struct bench_template template = sample_template();
    struct bench_demand demand = demand_of(5e9);
    struct bench_plan plan;
    struct cc_json_reason reason = {""};
    ck_assert_int_eq(bench_plan_make(&demand, &template, &calibration, &prices, &plan, &reason),
                     CC_INVALID);
    ck_assert_ptr_nonnull(strstr(reason.text, "16384"));
}
END_TEST

START_TEST(latency_is_what_was_measured_where_it_was_as_busy)
{
    struct bench_calibration calibration = sample_calibration();
    /* The steps are 0.045, 0.32 and 0.595 busy. */
    ck_assert_double_eq_tol(bench_capacity_p99_ms(&calibration, BENCH_MOBILE, 0.1), 5, 1e-9);
    ck_assert_double_eq_tol(bench_capacity_p99_ms(&calibration, BENCH_MOBILE, 0.4575), 7.5, 1e-6);
    ck_assert_double_eq_tol(bench_capacity_p99_ms(&calibration, BENCH_MOBILE, 0.99), 10, 1e-9);
}
END_TEST

START_TEST(a_calibration_is_read_as_it_was_written)
{
    struct bench_calibration calibration = sample_calibration(), again;
    struct cc_buffer text;
    struct cc_json_reason reason = {""};
    cc_buffer_init(&text, 0);
    bench_calibration_write(&calibration, &text);
    ck_assert_int_eq(bench_calibration_read(cc_buffer_slice(&text), &again, &reason), CC_OK);
    ck_assert_str_eq(again.machine, "sample");
    ck_assert_double_eq_tol(again.curves[BENCH_PBX].steps[2].cores[BENCH_WORKER], 0.82, 1e-6);
    ck_assert_double_eq_tol(again.redis_bytes_per_number, 400, 1e-9);
    cc_buffer_deinit(&text);
}
END_TEST

START_TEST(a_faulty_calibration_names_the_field)
{
    struct bench_calibration calibration = sample_calibration(), again;
    struct cc_buffer text;
    struct cc_json_reason reason = {""};
    cc_buffer_init(&text, 0);
    calibration.curves[BENCH_PBX].steps[2].webhooks_s = 3;
    bench_calibration_write(&calibration, &text);
    ck_assert_int_eq(bench_calibration_read(cc_buffer_slice(&text), &again, &reason), CC_INVALID);
    ck_assert_str_eq(reason.text, "pbx.steps[2]: webhooks_s must rise from step to step");
    ck_assert_int_eq(bench_calibration_read(CC_SLICE_LITERAL("{\"machine\":\"x\",\"date\":\"y\"}"),
                                            &again, &reason),
                     CC_INVALID);
    ck_assert_str_eq(reason.text, "cores: must be a number");
    cc_buffer_deinit(&text);
}
END_TEST

START_TEST(a_template_takes_from_the_one_it_extends)
{
    struct bench_template small, demo;
    struct cc_json_reason reason = {""};
    ck_assert_int_eq(
        bench_template_read(
            CC_SLICE_LITERAL("extends: demo\nredis_megabytes: 256\ncountries:\n  se:\n    a: b\n"),
            "small", &small, &reason),
        CC_OK);
    ck_assert_str_eq(small.extends, "demo");
    ck_assert_int_eq(bench_template_check(&small, &reason), CC_INVALID);
    ck_assert_str_eq(reason.text, "workers is not said");
    ck_assert_int_eq(bench_template_read(CC_SLICE_LITERAL("workers: 2\nredis_megabytes: 128\n"
                                                          "postgres_megabytes: 64\n"
                                                          "spool_megabytes: 256\n"
                                                          "call_plans_max: 100000\n"),
                                         "demo", &demo, &reason),
                     CC_OK);
    bench_template_inherit(&small, &demo);
    ck_assert_int_eq(bench_template_check(&small, &reason), CC_OK);
    ck_assert_int_eq(small.redis_megabytes, 256);
    ck_assert_int_eq(small.workers, 2);
    ck_assert_str_eq(small.extends, "");
    ck_assert_int_eq(bench_template_read(CC_SLICE_LITERAL("workers: two\n"), "x", &demo, &reason),
                     CC_INVALID);
    ck_assert_int_eq(bench_template_read(CC_SLICE_LITERAL("a: [\n"), "x", &demo, &reason),
                     CC_INVALID);
}
END_TEST

START_TEST(prices_are_all_said)
{
    struct bench_prices prices;
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    ck_assert_int_eq(bench_prices_read(CC_SLICE_LITERAL("name: x\n"), "p.yaml", &prices, &errors),
                     CC_INVALID);
    ck_assert_uint_gt(errors.length, 0);
    bench_prices_deinit(&prices);
    cc_buffer_deinit(&errors);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    tcase_add_test(tests, a_line_is_found_again);
    tcase_add_test(tests, what_any_load_takes_is_not_put_on_webhooks);
    tcase_add_test(tests, a_mix_costs_the_mean_of_its_webhooks);
    tcase_add_test(tests, the_first_bottleneck_is_the_saturation);
    tcase_add_test(tests, the_demand_is_counted_out);
    tcase_add_test(tests, what_was_said_replaces_what_was_measured);
    tcase_add_test(tests, more_users_never_cost_less);
    tcase_add_test(tests, a_zone_can_be_lost);
    tcase_add_test(tests, call_plans_and_workers_ask_for_cells);
    tcase_add_test(tests, a_country_has_only_so_many_slots);
    tcase_add_test(tests, latency_is_what_was_measured_where_it_was_as_busy);
    tcase_add_test(tests, a_calibration_is_read_as_it_was_written);
    tcase_add_test(tests, a_faulty_calibration_names_the_field);
    tcase_add_test(tests, a_template_takes_from_the_one_it_extends);
    tcase_add_test(tests, prices_are_all_said);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
