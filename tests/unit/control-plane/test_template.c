#include "control-plane/templates/template.h"

#include <stdio.h>

#include "tests/unit/control-plane/suite.h"

#define HEAD                                                                                       \
    "workers: 2\nredis_megabytes: 64\npostgres_megabytes: 64\nspool_megabytes: 64\n"               \
    "call_plans_max: 10\n"
#define SE "countries:\n  se:\n    country_code: \"46\"\n    emergency: [\"112\"]\n"

enum { PAGES_MAX = 8 };

/* Templates in memory; what is not among them is looked for in the folder of the real ones. */
static struct {
    const char *name, *yaml;
} pages[PAGES_MAX];
static size_t page_count;

static struct cc_arena arena;
static struct cc_buffer errors, origins;
static struct cp_template template;

static enum cc_error read_page(void *context, const char *name, struct cc_slice *yaml,
                               const char **file)
{
    (void)context;
    struct cc_slice label = cc_arena_printf(&arena, "%s.yaml", name);
    *file = label.data;
    for (size_t i = 0; i < page_count; i++) {
        if (strcmp(pages[i].name, name) == 0) {
            *yaml = cc_slice_of(pages[i].yaml);
            return CC_OK;
        }
    }
    struct cc_slice path = cc_arena_printf(&arena, TEMPLATES "/%s.yaml", name);
    FILE *stream = fopen(path.data, "re");
    if (!stream)
        return CC_NOT_FOUND;
    char *text = cc_arena_alloc(&arena, CP_TEMPLATE_BYTES_MAX);
    *yaml = cc_slice(text, fread(text, 1, CP_TEMPLATE_BYTES_MAX, stream));
    ck_assert_int_eq(fclose(stream), 0);
    return CC_OK;
}

static bool zone_known(void *context, struct cc_slice zone)
{
    (void)context;
    return !cc_slice_is(zone, "Europe/Atlantis");
}

static void page(const char *name, const char *yaml)
{
    ck_assert_uint_lt(page_count, PAGES_MAX);
    pages[page_count].name = name;
    pages[page_count++].yaml = yaml;
}

static enum cc_error load(const char *name, const char *country)
{
    const struct cp_template_source source = {read_page, zone_known, NULL};
    cc_buffer_clear(&errors);
    cc_buffer_clear(&origins);
    enum cc_error error =
        cp_template_load(&source, name, country, &arena, &template, &origins, &errors);
    cc_buffer_append(&errors, cc_slice("", 1));
    cc_buffer_append(&origins, cc_slice("", 1));
    return error;
}

static void begin(void)
{
    cc_arena_init(&arena, (size_t)64 << 20);
    cc_buffer_init(&errors, 0);
    cc_buffer_init(&origins, 0);
    page_count = 0;
}

static void end(void)
{
    cc_arena_reset(&arena);
    cc_buffer_deinit(&errors);
    cc_buffer_deinit(&origins);
}

START_TEST(every_template_serves_six_countries)
{
    static const char *const names[] = {"demo", "small", "large"};
    static const char *const countries[] = {"se", "no", "dk", "fi", "de", "gb"};
    static const char *const codes[] = {"46", "47", "45", "358", "49", "44"};
    begin();
    for (size_t n = 0; n < 3; n++) {
        for (size_t i = 0; i < 6; i++) {
            ck_assert_msg(load(names[n], countries[i]) == CC_OK, "%s", errors.data);
            ck_assert(cc_slice_is(template.policy.country_code, codes[i]));
            bool has_112 = false;
            for (size_t e = 0; e < template.policy.emergency_count; e++)
                has_112 = has_112 || cc_slice_is(template.policy.emergency[e], "112");
            ck_assert(has_112);
            ck_assert_uint_gt(template.policy.barred_count, 0);
            ck_assert_uint_gt(template.holiday_count, 7);
            ck_assert(cc_slice_starts_with(template.zone, CC_SLICE_LITERAL("Europe/")));
        }
        ck_assert_int_eq(load(names[n], "zz"), CC_NOT_FOUND);
        ck_assert_int_eq(template.workers, 2);
    }
    end();
}
END_TEST

START_TEST(each_fault_is_named_with_file_line_and_key)
{
    begin();
    page("t", HEAD "colour: red\ncountries:\n  se:\n    country_code: \"046\"\n"
                   "    emergency: [\"1x2\"]\n    barred_prefixes: [\"46900\"]\n"
                   "    zone: Europe/Atlantis\n    holidays: [\"02-30 Never\", \"12-25\"]\n"
                   "  sweden: {}\nworkers: 1\n");
    ck_assert_int_eq(load("t", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:6: colour: unknown key"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:9: countries.se.country_code: must be 1 to"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:10: countries.se.emergency: each must be"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:11: countries.se.barred_prefixes"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:8: countries.se.zone: no time zone"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:13: countries.se.holidays"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:14: countries.sweden: a country is two"));
    ck_assert_ptr_nonnull(strstr(errors.data, "t.yaml:15: workers: stands there twice"));
    end();
}
END_TEST

START_TEST(numbers_out_of_bounds_and_missing_keys_are_refused)
{
    begin();
    page("few", "workers: 9\n");
    page("huge", "workers: 99999999999999999999\n");
    page("empty", "");
    page("broken", "a: [");
    page("list", "[]");
    page("nobody", HEAD "countries: {se: {country_code: \"46\", emergency: []}}\n");
    ck_assert_int_eq(load("few", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "few.yaml:1: workers: must be 1 to 2, is 9"));
    ck_assert_ptr_nonnull(strstr(errors.data, "few.yaml:1: redis_megabytes: must be said"));
    ck_assert_int_eq(load("huge", "se"), CC_INVALID);
    ck_assert_int_eq(load("empty", "se"), CC_INVALID);
    ck_assert_int_eq(load("broken", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "broken.yaml:"));
    ck_assert_int_eq(load("list", "se"), CC_INVALID);
    ck_assert_int_eq(load("nobody", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "emergency: must not be empty"));
    ck_assert_int_eq(load("nothing", "se"), CC_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(errors.data, "there is no template nothing"));
    end();
}
END_TEST

START_TEST(what_extends_is_written_over_what_it_extends)
{
    begin();
    page("base", HEAD SE "    barred_prefixes: [\"+46900\"]\n    zone: Europe/Stockholm\n");
    page("middle", "extends: base\nredis_megabytes: 128\n"
                   "countries: {se: {emergency: [\"911\"]}, dk: {country_code: \"45\", "
                   "emergency: [\"112\"]}}\n");
    page("top", "workers: 1\nextends: middle\n");
    ck_assert_msg(load("top", "se") == CC_OK, "%s", errors.data);
    ck_assert_int_eq(template.workers, 1);
    ck_assert_int_eq(template.redis_megabytes, 128);
    ck_assert_int_eq(template.call_plans_max, 10);
    ck_assert_uint_eq(template.policy.emergency_count, 1);
    ck_assert(cc_slice_is(template.policy.emergency[0], "911"));
    ck_assert_uint_eq(template.policy.barred_count, 1);
    ck_assert_ptr_nonnull(strstr(origins.data, "workers\t1\ttop.yaml:1\n"));
    ck_assert_ptr_nonnull(strstr(origins.data, "redis_megabytes\t128\tmiddle.yaml:2\n"));
    ck_assert_ptr_nonnull(strstr(origins.data, "call_plans_max\t10\tbase.yaml:5\n"));
    ck_assert_ptr_nonnull(strstr(origins.data, "country.emergency\t[\"911\"]\tmiddle.yaml:3\n"));
    ck_assert_msg(load("top", "dk") == CC_OK, "%s", errors.data);
    ck_assert(cc_slice_is(template.zone, "UTC"));
    ck_assert_ptr_nonnull(strstr(origins.data, "country.zone\t\"UTC\"\tdefault\n"));
    ck_assert_int_eq(load("top", NULL), CC_OK);
    end();
}
END_TEST

START_TEST(circles_and_endless_chains_are_refused)
{
    begin();
    page("egg", "extends: hen\n" HEAD SE);
    page("hen", "extends: egg\n" HEAD SE);
    page("self", HEAD SE "extends: self\n");
    page("orphan", HEAD SE "extends: nobody\n");
    ck_assert_int_eq(load("egg", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "hen.yaml:1: extends: goes round in a circle: egg"));
    ck_assert_int_eq(load("self", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "self.yaml:10: extends: goes round"));
    ck_assert_int_eq(load("orphan", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "orphan.yaml:10: extends: there is no template"));
    page_count = 0;
    page("a1", "extends: a2\n");
    page("a2", "extends: a3\n");
    page("a3", "extends: a4\n");
    page("a4", "extends: a5\n");
    page("a5", HEAD SE);
    ck_assert_int_eq(load("a2", "se"), CC_OK);
    ck_assert_int_eq(load("a1", "se"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors.data, "a4.yaml:1: extends: more than four"));
    end();
}
END_TEST

START_TEST(a_holiday_is_a_rule_and_a_name)
{
    static const char *const good[] = {
        "12-25 Christmas Day",  "2028-02-29 Leap day",   "easter E",
        "easter-2 Good Friday", "easter+49 Whit Sunday", "fri:06-19..06-25 Midsummer Eve"};
    static const char *const bad[] = {"12-25",
                                      "13-01 x",
                                      "02-30 x",
                                      "2027-02-29 x",
                                      "easter2 x",
                                      "easter+1000 x",
                                      "fr1:06-19..06-25 x",
                                      "fri:06-19.06-25 x",
                                      " x",
                                      "12-25 "};
    begin();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) + sizeof(bad) / sizeof(bad[0]); i++) {
        size_t count = sizeof(good) / sizeof(good[0]);
        const char *text = i < count ? good[i] : bad[i - count];
        struct cc_slice yaml = cc_arena_printf(&arena, HEAD SE "    holidays: [\"%s\"]\n", text);
        page_count = 0;
        page("t", yaml.data);
        ck_assert_msg((load("t", "se") == CC_OK) == (i < count), "%s: %s", text, errors.data);
    }
    end();
}
END_TEST

SUITE_MAIN("template", every_template_serves_six_countries,
           each_fault_is_named_with_file_line_and_key,
           numbers_out_of_bounds_and_missing_keys_are_refused,
           what_extends_is_written_over_what_it_extends, circles_and_endless_chains_are_refused,
           a_holiday_is_a_rule_and_a_name)
