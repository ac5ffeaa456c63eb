#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/live.h"
#include "bench/planner_options.h"

enum { WORDS_MAX = 12 };

/* Parses the words; gives what was said about a mistake, "" for none. */
static const char *parse(const char *words, struct bench_planner_options *out)
{
    static char copy[512], said[256];
    char *argv[WORDS_MAX + 1] = {"callcell-bench"}, *rest = copy;
    int argc = 1;
    struct cc_buffer problem;
    ck_assert_uint_lt(strlen(words), sizeof(copy));
    memcpy(copy, words, strlen(words) + 1);
    for (char *word; argc < WORDS_MAX && (word = strsep(&rest, " ")) != NULL;)
        argv[argc++] = word;
    cc_buffer_init(&problem, 0);
    enum cc_error error = bench_planner_parse(argc, argv, out, &problem);
    snprintf(said, sizeof(said), "%.*s", (int)problem.length, problem.length ? problem.data : "");
    ck_assert_int_eq(error, *said ? CC_INVALID : CC_OK);
    cc_buffer_deinit(&problem);
    return said;
}

START_TEST(options_are_taken)
{
    struct bench_planner_options options;
    ck_assert_str_eq(
        parse("plan --users 5000 --profile pbx --zones 3 --json --calibration c", &options), "");
    ck_assert_double_eq(options.demand.users, 5000);
    ck_assert_double_eq(options.demand.pbx_share, 1);
    ck_assert_double_eq(options.demand.zones, 3);
    ck_assert(options.json);
    ck_assert_str_eq(
        parse("plan --users 1 --pbx-share 0.4 --profile pbx --calibration c", &options), "");
    ck_assert_double_eq(options.demand.pbx_share, 0.4);
    ck_assert_str_eq(parse("simulate --failure zone --countries 7 --seed 9", &options), "");
    ck_assert_int_eq(options.simulation.failure, BENCH_FAIL_ZONE);
    ck_assert_double_eq(options.simulation.countries, 7);
    ck_assert_uint_eq(options.simulation.seed, 9);
}
END_TEST

START_TEST(mistakes_are_told_in_one_line)
{
    const struct {
        const char *words, *said;
    } cases[] = {
        {"plan", "plan needs --users N"},
        {"plan --users", "--users needs a value"},
        {"plan --users 1.5", "--users: \"1.5\" is not a whole number from 1 to 10000000000"},
        {"plan --users 5x", "--users: \"5x\" is not a whole number from 1 to 10000000000"},
        {"plan --users nan", "--users: \"nan\" is not a whole number from 1 to 10000000000"},
        {"plan --users 1 --zones 9", "--zones: \"9\" is not a whole number from 1 to 8"},
        {"plan --users 1 --profile fax", "--profile: \"fax\" is none of mobile pbx mixed"},
        {"plan --users 1 --storm 3", "plan has no option --storm (see callcell-bench plan --help)"},
        {"plan --users 1 extra", "plan has no option extra (see callcell-bench plan --help)"},
        {"plan --users 1 --from-live",
         "--from-live needs --telemetry HOST:PORT,... and --live-users N"},
        {"plan --users 1 --live-users 3", "--telemetry and --live-users go with --from-live"},
        {"plan --users 1", "plan needs --calibration FILE (callcell-bench calibrate writes it)"},
        {"plan --check --home x", "--check needs --home and --edge"},
        {"calibrate --home a --edge b --secret-file c --numbers d", "calibrate needs --out FILE"},
        {"simulate --seed 1", "simulate needs --failure (see callcell-bench simulate --help)"},
        {"simulate --failure cell --cells 3 --failed 4", "--failed: there are only 3 cells"},
        {"simulate --failure zone --failed 2", "--failed: there are only 1 countries"},
        {"simulate --failure zone --seed -1", "--seed: \"-1\" is not a whole number"},
        {"simulate --failure zone --countries 1000 --cells 10000",
         "--countries times --cells is above 1,000,000 cells"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench_planner_options options;
        ck_assert_str_eq(parse(cases[i].words, &options), cases[i].said);
    }
}
END_TEST

START_TEST(live_counters_become_a_demand)
{
    static const char edge[] = "# HELP x\ncallcell_edge_requests_total 1000\n";
    static const char worker[] = "callcell_cell_decisions_total{decision=\"connect\"} 250\n"
                                 "callcell_cell_decisions_total{decision=\"forward\"} 50\n"
                                 "callcell_cell_decisions_total{decision=\"flow\"} 300\n"
                                 "callcell_cell_decisions_total{decision=\"nothing\"} 400\n";
    struct bench_live before = {0}, after = {0};
    struct bench_demand demand = bench_plan_defaults;
    bench_live_add(&after, cc_slice_of(edge));
    bench_live_add(&after, cc_slice_of(worker));
    ck_assert_int_eq(bench_live_demand(&before, &after, 10, 72000, &demand), CC_OK);
    ck_assert_double_eq_tol(demand.webhooks_per_call, 2.5, 1e-9);
    ck_assert_double_eq_tol(demand.attempts_per_user, 2, 1e-9);
    ck_assert_double_eq_tol(demand.pbx_share, 0.25, 1e-9);
    ck_assert_int_eq(bench_live_demand(&after, &after, 10, 72000, &demand), CC_NOT_FOUND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("planner_options");
    TCase *tests = tcase_create("planner_options");
    tcase_add_test(tests, options_are_taken);
    tcase_add_test(tests, mistakes_are_told_in_one_line);
    tcase_add_test(tests, live_counters_become_a_demand);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
