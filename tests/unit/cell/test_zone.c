#include "tests/unit/cell/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct expected_offset {
    const char *zone;
    const char *time;
    int64_t offset_s;
};

static const struct cell_zone *zone_named(const char *name)
{
    const struct cell_zones *zones = fixture_zones();
    const struct cell_zone *zone = zones->find(zones->context, cc_slice_of(name));
    ck_assert_msg(zone != NULL, "no zone %s: is tzdata installed?", name);
    return zone;
}

static void check_offsets(const struct expected_offset *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t offset_s =
            cell_zone_offset_s(zone_named(expected[i].zone), fixture_time(expected[i].time));
        ck_assert_msg(offset_s == expected[i].offset_s, "%s %s: %lld", expected[i].zone,
                      expected[i].time, (long long)offset_s);
    }
}

START_TEST(clocks_change_in_stockholm)
{
    static const struct expected_offset expected[] = {
        {"Europe/Stockholm", "2026-03-29T00:59:59.999999Z", 3600},
        {"Europe/Stockholm", "2026-03-29T01:00:00Z", 7200},
        {"Europe/Stockholm", "2026-10-25T00:59:59.999999Z", 7200},
        {"Europe/Stockholm", "2026-10-25T01:00:00Z", 3600},
    };
    check_offsets(expected, sizeof(expected) / sizeof(expected[0]));
}
END_TEST

START_TEST(clocks_change_in_the_south)
{
    static const struct expected_offset expected[] = {
        {"Australia/Sydney", "2026-04-04T15:59:59Z", 39600},
        {"Australia/Sydney", "2026-04-04T16:00:00Z", 36000},
        {"Australia/Sydney", "2026-10-03T15:59:59Z", 36000},
        {"Australia/Sydney", "2026-10-03T16:00:00Z", 39600},
        {"Australia/Lord_Howe", "2026-01-01T00:00:00Z", 39600},
        {"Australia/Lord_Howe", "2026-07-01T00:00:00Z", 37800},
    };
    check_offsets(expected, sizeof(expected) / sizeof(expected[0]));
}
END_TEST

START_TEST(some_zones_never_change)
{
    static const struct expected_offset expected[] = {
        {"Asia/Kolkata", "2026-01-01T00:00:00Z", 19800},
        {"Asia/Kolkata", "2099-07-01T00:00:00Z", 19800},
        {"UTC", "0001-01-01T00:00:00Z", 0},
        {"UTC", "9999-12-31T23:59:59Z", 0},
        {"Asia/Kathmandu", "1985-12-31T18:29:59Z", 19800},
        {"Asia/Kathmandu", "1985-12-31T18:30:00Z", 20700},
    };
    check_offsets(expected, sizeof(expected) / sizeof(expected[0]));
}
END_TEST

START_TEST(the_footer_rules_after_the_last_transition)
{
    static const struct expected_offset expected[] = {
        {"Europe/Stockholm", "2050-03-27T00:59:59Z", 3600},
        {"Europe/Stockholm", "2050-03-27T01:00:00Z", 7200},
        {"Europe/Stockholm", "2050-10-30T00:59:59Z", 7200},
        {"Europe/Stockholm", "2050-10-30T01:00:00Z", 3600},
        {"Australia/Sydney", "2060-01-01T00:00:00Z", 39600},
        {"Australia/Sydney", "2060-07-01T00:00:00Z", 36000},
        {"Australia/Lord_Howe", "2061-07-01T00:00:00Z", 37800},
        {"Europe/Dublin", "2070-01-01T00:00:00Z", 0},
        {"Europe/Dublin", "2070-07-01T00:00:00Z", 3600},
        {"America/Santiago", "2051-01-01T00:00:00Z", -10800},
        {"America/Santiago", "2051-07-01T00:00:00Z", -14400},
    };
    check_offsets(expected, sizeof(expected) / sizeof(expected[0]));
}
END_TEST

START_TEST(the_first_type_rules_before_the_first_transition)
{
    static const struct expected_offset expected[] = {
        {"Europe/Stockholm", "1800-01-01T00:00:00Z", 4332}, /* local mean time */
    };
    check_offsets(expected, 1);
}
END_TEST

/* glibc reads the same files by other code. */
START_TEST(agrees_with_the_c_library)
{
    static const char *const names[] = {
        "Europe/Stockholm", "Europe/Dublin",    "America/New_York",    "America/St_Johns",
        "America/Santiago", "America/Asuncion", "Australia/Lord_Howe", "Pacific/Chatham",
        "Pacific/Apia",     "Asia/Tehran",      "Asia/Kolkata",        "Africa/Cairo",
        "Asia/Gaza",        "Asia/Jerusalem",   "America/Nuuk",        "Antarctica/Troll",
        "Etc/GMT+12",       "Africa/Monrovia",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct cell_zone *zone = zone_named(names[i]);
        ck_assert_int_eq(setenv("TZ", names[i], 1), 0);
        tzset();
        for (time_t at = -1000000000; at < 4000000000; at += 777777) {
            struct tm local;
            int64_t offset_s = cell_zone_offset_s(zone, at * CC_SECOND_US);
            ck_assert_ptr_nonnull(localtime_r(&at, &local));
            ck_assert_msg(offset_s == local.tm_gmtoff, "%s at %lld: %lld, not %ld", names[i],
                          (long long)at, (long long)offset_s, local.tm_gmtoff);
        }
    }
}
END_TEST

/* A version 2 file with one type (UTC+1), `leaps` leap seconds, and a footer. */
static struct cc_slice make_file(char *room, size_t capacity, char version, uint8_t leaps,
                                 const char *footer)
{
    static const char type[] = {0, 0, 0x0e, 0x10, 0, 0, 'X', 'X', 'X', 0};
    size_t length = 0;
    for (int block = 0; block < 2; block++) {
        memset(room + length, 0, 44);
        memcpy(room + length, "TZif", 4);
        room[length + 4] = version;
        room[length + 31] = (char)leaps;
        room[length + 39] = 1;
        room[length + 43] = 4;
        memcpy(room + length + 44, type, sizeof(type));
        length += 44 + sizeof(type);
        memset(room + length, 0, (size_t)(block ? 12 : 8) * leaps);
        length += (size_t)(block ? 12 : 8) * leaps;
    }
    length += (size_t)snprintf(room + length, capacity - length, "\n%s\n", footer);
    return cc_slice(room, length);
}

static int64_t offset_by_footer(const char *footer, const char *time)
{
    char room[512];
    struct cell_zone *zone = NULL;
    int64_t offset_s = 0;
    ck_assert_msg(cell_zone_parse(make_file(room, sizeof(room), '2', 0, footer), &zone) == CC_OK,
                  "%s", footer);
    offset_s = cell_zone_offset_s(zone, fixture_time(time));
    cell_zone_free(zone);
    return offset_s;
}

START_TEST(footers_of_every_form)
{
    static const struct expected_offset expected[] = {
        {"", "2026-01-01T00:00:00Z", 3600},
        {"<+0330>-3:30", "2026-01-01T00:00:00Z", 12600},
        {"ABC1:02:03", "2026-01-01T00:00:00Z", -3723},
        {"XXX3EDT4,0/0,J365/23", "2026-07-01T00:00:00Z", -14400},
        {"XXX3EDT4,0/0,J365/23", "2026-01-01T03:00:00Z", -14400},
        {"AAA0BBB,J60/0,J300/0", "2024-02-29T23:59:59Z", 0},
        {"AAA0BBB,J60/0,J300/0", "2024-03-01T00:00:00Z", 3600},
        {"AAA0BBB,59/0,300/0", "2024-02-28T23:59:59Z", 0},
        {"AAA0BBB,59/0,300/0", "2024-02-29T00:00:00Z", 3600},
        {"AAA0BBB,M2.5.4/+26,M12.1.0/-1", "2024-03-01T01:59:59Z", 0},
        {"AAA0BBB,M2.5.4/+26,M12.1.0/-1", "2024-03-01T02:00:00Z", 3600},
        {"AAA0BBB,M2.5.4/+26,M12.1.0/-1", "2024-11-30T21:59:59Z", 3600},
        {"AAA0BBB,M2.5.4/+26,M12.1.0/-1", "2024-11-30T22:00:00Z", 0},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int64_t offset_s = offset_by_footer(expected[i].zone, expected[i].time);
        ck_assert_msg(offset_s == expected[i].offset_s, "%s %s: %lld", expected[i].zone,
                      expected[i].time, (long long)offset_s);
    }
}
END_TEST

START_TEST(bad_footers_are_refused)
{
    static const char *const footers[] = {
        "AB1",
        "ABC",
        "ABC25",
        "ABC1DEF",
        "ABC1DEF,M3.5.0",
        "<ABC1",
        "ABC1:60",
        "ABC1DEF,M13.5.0,M10.5.0",
        "ABC1DEF,M3.6.0,M10.5.0",
        "ABC1 ",
        "ABC1DEF,J0,J5",
        "ABC1DEF,366,J5",
        "ABC1DEF,J1/168,J5",
        "ABC1DEF,J1,J5x",
        "ABC1DEF,M3.5.7,M10.5.0",
    };
    char room[512];
    for (size_t i = 0; i < sizeof(footers) / sizeof(footers[0]); i++) {
        struct cell_zone *zone = NULL;
        enum cc_error error =
            cell_zone_parse(make_file(room, sizeof(room), '2', 0, footers[i]), &zone);
        ck_assert_msg(error == CC_INVALID, "%s: %s", footers[i], cc_error_name(error));
        ck_assert_ptr_null(zone);
    }
}
END_TEST

START_TEST(version_1_and_leap_seconds_are_not_supported)
{
    char room[512];
    struct cell_zone *zone = NULL;
    ck_assert_int_eq(cell_zone_parse(make_file(room, sizeof(room), '\0', 0, ""), &zone),
                     CC_UNSUPPORTED);
    ck_assert_int_eq(cell_zone_parse(make_file(room, sizeof(room), '2', 1, ""), &zone),
                     CC_UNSUPPORTED);
    ck_assert_int_eq(cell_zone_parse(CC_SLICE_LITERAL(""), &zone), CC_INVALID);
    ck_assert_int_eq(cell_zone_parse(CC_SLICE_LITERAL("TZjf"), &zone), CC_INVALID);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct cc_slice bytes = fixture_file("/usr/share/zoneinfo/Europe/Stockholm");
    ck_assert_uint_gt(bytes.length, 100);
    for (size_t length = 0; length < bytes.length; length++) {
        char *copy = malloc(length + 1);
        struct cell_zone *zone = NULL;
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, bytes.data, length);
        ck_assert_int_eq(cell_zone_parse(cc_slice(copy, length), &zone), CC_INVALID);
        free(copy);
    }
    free((char *)(uintptr_t)bytes.data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        clocks_change_in_stockholm,
        clocks_change_in_the_south,
        some_zones_never_change,
        the_footer_rules_after_the_last_transition,
        the_first_type_rules_before_the_first_transition,
        agrees_with_the_c_library,
        footers_of_every_form,
        bad_footers_are_refused,
        version_1_and_leap_seconds_are_not_supported,
        every_truncation_is_refused,
    };
    return fixture_run("zone", tests, sizeof(tests) / sizeof(tests[0]));
}
