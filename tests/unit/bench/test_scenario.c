#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/scenario.h"

static void expect_errors(const char *yaml, const char *expected)
{
    struct bench_scenario scenario;
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    ck_assert_int_eq(bench_scenario_parse(cc_slice_of(yaml), "s.yaml", &scenario, &errors),
                     CC_INVALID);
    cc_buffer_append(&errors, cc_slice("", 1));
    ck_assert_str_eq(errors.data, expected);
    cc_buffer_deinit(&errors);
    bench_scenario_free(&scenario);
}

START_TEST(reads_a_scenario)
{
    struct bench_scenario scenario;
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    ck_assert_int_eq(
        bench_scenario_parse(
            CC_SLICE_LITERAL(
                "about: A failover.\ncountries: [se, dk]\ntenants: 3\npbx_percent: 25\n"
                "arrivals: poisson\nsteps: [\"20:5\", \"200:10\"]\n"
                "kill: [\"6:se-1-primary\"]\npause_ms: 1500\ncold: true\n"),
            "s.yaml", &scenario, &errors),
        CC_OK);
    ck_assert_uint_eq(scenario.population.country_count, 2);
    ck_assert_int_eq(scenario.population.tenants, 3);
    ck_assert_int_eq(scenario.population.mobiles, 100);
    ck_assert_int_eq(scenario.arrivals.kind, BENCH_POISSON);
    ck_assert_uint_eq(scenario.arrivals.step_count, 2);
    ck_assert_double_eq(scenario.arrivals.steps[1].rate, 200);
    ck_assert_str_eq(scenario.faults[0].part, "se-1-primary");
    ck_assert(scenario.cold && !scenario.first_only);
    bench_scenario_stretch(&scenario, 5 * 1000000);
    ck_assert_int_eq(scenario.faults[0].at_us, 2 * 1000000);
    ck_assert_int_le(llabs(bench_arrivals_length_us(&scenario.arrivals) - 5 * 1000000), 2);
    cc_buffer_deinit(&errors);
    bench_scenario_free(&scenario);
}
END_TEST

START_TEST(a_mistake_is_told_with_its_line_and_key)
{
    expect_errors("about: x\nsteps: [\"20:5\"]\nrate: 5\n", "s.yaml:3: rate: unknown key\n");
    expect_errors("steps: [\"20:5\"]\n", "s.yaml:1: about: is required\n");
    expect_errors("about: x\n\nsteps: [\"20\"]\n",
                  "s.yaml:3: steps: \"20\" is not CALLS_PER_SECOND:SECONDS\n");
    expect_errors("about: x\nsteps: [\"20:5\"]\narrivals: often\n",
                  "s.yaml:3: arrivals: must be constant, poisson or recorded, is \"often\"\n");
    expect_errors("about: x\narrivals: recorded\n",
                  "s.yaml:2: arrivals: recorded and recording go together\n");
    expect_errors("about: x\nsteps: [\"20:5\"]\ncountries: [se, xx]\n",
                  "s.yaml:3: countries: no numbers are known of \"xx\"\n");
    expect_errors("about: x\nsteps: [\"20:5\"]\nkill: [\"se-1-redis\"]\n",
                  "s.yaml:3: kill: \"se-1-redis\" is not SECONDS:SERVICE\n");
    expect_errors("about: x\nsteps: [\"20:5\"]\ntenants: 0\n",
                  "s.yaml:3: tenants: must be 1 to 1000, is 0\n");
}
END_TEST

static size_t read_text(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    size_t length = fread(out, 1, size - 1, file);
    fclose(file);
    out[length] = '\0';
    return length;
}

/* As `./dev bench` knows them. */
START_TEST(every_scenario_of_ours_is_one)
{
    static const char *const names[] = {
        "smoke",    "mobile",         "pbx",        "mixed",          "busy-hour", "flash-crowd",
        "failover", "one-hot-tenant", "cold-cache", "many-countries", "soak"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[512], text[8192];
        snprintf(path, sizeof(path), "%s/bench/scenarios/%s.yaml", ROOT, names[i]);
        size_t length = read_text(path, text, sizeof(text));
        struct bench_scenario scenario;
        struct cc_buffer errors;
        cc_buffer_init(&errors, 0);
        enum cc_error error =
            bench_scenario_parse(cc_slice(text, length), path, &scenario, &errors);
        ck_assert_msg(!error, "%.*s", (int)errors.length, errors.data);
        cc_buffer_deinit(&errors);
        bench_scenario_free(&scenario);
    }
}
END_TEST

START_TEST(every_key_is_documented)
{
    static char text[65536];
    struct cc_buffer keys;
    cc_buffer_init(&keys, 0);
    bench_scenario_describe(&keys);
    cc_buffer_append(&keys, cc_slice("", 1));
    read_text(ROOT "/docs/bench.md", text, sizeof(text));
    ck_assert_msg(strstr(text, keys.data) != NULL, "docs/bench.md lacks:\n%s", keys.data);
    cc_buffer_deinit(&keys);
}
END_TEST

/* Nine calls of ten for one of ten tenants, one of four for a switchboard. */
START_TEST(calls_are_drawn_in_the_shares_asked_for)
{
    const struct bench_population population = {.countries = {"se"},
                                                .country_count = 1,
                                                .tenants = 10,
                                                .mobiles = 7,
                                                .pbxs = 3,
                                                .pbx_percent = 25,
                                                .hot_percent = 90};
    uint64_t random = 1;
    int pbx = 0, hot = 0, draws = 20000;
    for (int i = 0; i < draws; i++) {
        struct bench_number number = bench_population_draw(&population, &random);
        pbx += strcmp(number.kind, "pbx") == 0;
        hot += strcmp(number.tenant, "bench-se-000") == 0;
        ck_assert_uint_eq(strlen(number.number), strlen("+467600000000"));
    }
    ck_assert_int_le(abs(pbx - draws / 4), draws / 50);
    ck_assert_int_le(abs(hot - draws * 91 / 100), draws / 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench scenario");
    TCase *tests = tcase_create("scenario");
    tcase_add_test(tests, reads_a_scenario);
    tcase_add_test(tests, a_mistake_is_told_with_its_line_and_key);
    tcase_add_test(tests, every_scenario_of_ours_is_one);
    tcase_add_test(tests, every_key_is_documented);
    tcase_add_test(tests, calls_are_drawn_in_the_shares_asked_for);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
