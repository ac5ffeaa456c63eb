#include "control-plane/templates/template.h"

#include <stdio.h>

#include "tests/unit/control-plane/suite.h"

#define HEAD                                                                                       \
    "workers: 2\nredis_megabytes: 64\npostgres_megabytes: 64\nspool_megabytes: 64\n"               \
    "call_plans_max: 10\n"

static struct cc_arena arena;
static struct cc_buffer errors;
static struct cp_template template;

static enum cc_error load(const char *yaml, const char *country)
{
    cc_arena_reset(&arena);
    cc_buffer_clear(&errors);
    enum cc_error error = cp_template_load(cc_slice_of(yaml), "t.yaml", cc_slice_of(country),
                                           &arena, &template, &errors);
    cc_buffer_append(&errors, cc_slice("", 1));
    return error;
}

static void begin(void)
{
    cc_arena_init(&arena, 0);
    cc_buffer_init(&errors, 0);
}

static void end(void)
{
    cc_arena_reset(&arena);
    cc_buffer_deinit(&errors);
}

static char *demo(void)
{
    FILE *file = fopen(TEMPLATES "/demo.yaml", "re");
    ck_assert_ptr_nonnull(file);
    char *text = calloc(1, CP_TEMPLATE_BYTES_MAX);
    ck_assert(fread(text, 1, CP_TEMPLATE_BYTES_MAX - 1, file) > 0);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

START_TEST(the_demo_template_serves_six_countries)
{
    static const char *const countries[] = {"se", "no", "dk", "fi", "de", "gb"};
    static const char *const codes[] = {"46", "47", "45", "358", "49", "44"};
    begin();
    char *yaml = demo();
    for (size_t i = 0; i < 6; i++) {
        ck_assert_msg(load(yaml, countries[i]) == CC_OK, "%s", errors.data);
        ck_assert(cc_slice_is(template.policy.country_code, codes[i]));
        bool has_112 = false;
        for (size_t e = 0; e < template.policy.emergency_count; e++)
            has_112 = has_112 || cc_slice_is(template.policy.emergency[e], "112");
        ck_assert(has_112);
        ck_assert_uint_gt(template.policy.barred_count, 0);
    }
    ck_assert_int_eq(load(yaml, "zz"), CC_NOT_FOUND);
    ck_assert_int_eq(template.workers, 2);
    free(yaml);
    end();
}
END_TEST

START_TEST(each_fault_is_named_with_file_line_and_key)
{
    begin();
    ck_assert_int_eq(load(HEAD "colour: red\ncountries:\n  se:\n    country_code: \"046\"\n"
                               "    emergency: [\"1x2\"]\n    barred_prefixes: [\"46900\"]\n",
                          "se"),
                     CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:6: colour: unknown key"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:9: countries.se.country_code"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:10: countries.se.emergency"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:11: countries.se.barred_prefixes"));
    end();
}
END_TEST

START_TEST(numbers_out_of_bounds_and_missing_keys_are_refused)
{
    begin();
    ck_assert_int_eq(load("workers: 9\n", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:1: workers: must be 1 to 2, is 9"));
    ck_assert_ptr_nonnull(strstr(errors.data, "needs workers"));
    ck_assert_int_eq(load("workers: 99999999999999999999\n", "se"), CC_INVALID);
    ck_assert_int_eq(load("", "se"), CC_INVALID);
    ck_assert_int_eq(load("a: [", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:"));
    end();
}
END_TEST

SUITE_MAIN("template", the_demo_template_serves_six_countries,
           each_fault_is_named_with_file_line_and_key,
           numbers_out_of_bounds_and_missing_keys_are_refused)
