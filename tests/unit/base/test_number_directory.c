#include "base/number_directory.h"

#include <stdio.h>

#include "tests/unit/base/suite.h"

static struct cc_json_reason reason;

static enum cc_error parse(struct cc_slice payload, struct cc_number_directory **out)
{
    const struct cc_publication publication = {
        .kind = CC_PUBLICATION_NUMBERS, .epoch = 5, .payload = payload};
    return cc_number_directory_parse(&publication, out, &reason);
}

START_TEST(written_and_found)
{
    enum { COUNT = 1000 };
    struct cc_number_directory *directory = NULL;
    struct cc_number_entry entry;
    struct cc_buffer payload;
    char number[24];
    cc_buffer_init(&payload, 0);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(number, sizeof(number), "+4670%06d", 2 * i);
        entry = (struct cc_number_entry){.number = cc_slice_of(number),
                                         .tenant = CC_SLICE_LITERAL("acme"),
                                         .kind = i % 2 ? CC_CALL_PBX : CC_CALL_MOBILE};
        if (i % 3 == 0)
            entry.fallback_target = CC_SLICE_LITERAL("+46701");
        cc_number_directory_append(&payload, &entry);
    }
    ck_assert_int_eq(parse(cc_buffer_slice(&payload), &directory), CC_OK);
    cc_buffer_deinit(&payload);
    ck_assert_uint_eq(cc_number_directory_count(directory), COUNT);
    ck_assert_int_eq(cc_number_directory_epoch(directory), 5);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(number, sizeof(number), "+4670%06d", 2 * i);
        ck_assert_int_eq(cc_number_directory_find(directory, cc_slice_of(number), &entry), CC_OK);
        ASSERT_SLICE(entry.number, number);
        ASSERT_SLICE(entry.tenant, "acme");
        ck_assert_int_eq(entry.kind, i % 2 ? CC_CALL_PBX : CC_CALL_MOBILE);
        ASSERT_SLICE(entry.fallback_target, i % 3 == 0 ? "+46701" : "");
        (void)snprintf(number, sizeof(number), "+4670%06d", 2 * i + 1);
        ck_assert_int_eq(cc_number_directory_find(directory, cc_slice_of(number), &entry),
                         CC_NOT_FOUND);
        ck_assert_uint_eq(entry.tenant.length, 0);
    }
    cc_number_directory_free(directory);
}
END_TEST

START_TEST(no_numbers_is_a_directory)
{
    struct cc_number_directory *directory = NULL;
    struct cc_number_entry entry;
    ck_assert_int_eq(parse(cc_slice(NULL, 0), &directory), CC_OK);
    ck_assert_uint_eq(cc_number_directory_count(directory), 0);
    ck_assert_int_eq(cc_number_directory_find(directory, CC_SLICE_LITERAL("+461"), &entry),
                     CC_NOT_FOUND);
    cc_number_directory_free(directory);
}
END_TEST

START_TEST(a_prefix_is_another_number)
{
    struct cc_number_directory *directory = NULL;
    struct cc_number_entry entry;
    ck_assert_int_eq(
        parse(CC_SLICE_LITERAL("+461\taa\tpbx\t-\n+4610\tbb\tpbx\t-\n+462\tcc\tpbx\t-\n"),
              &directory),
        CC_OK);
    ck_assert_int_eq(cc_number_directory_find(directory, CC_SLICE_LITERAL("+4610"), &entry), CC_OK);
    ASSERT_SLICE(entry.tenant, "bb");
    ck_assert_int_eq(cc_number_directory_find(directory, CC_SLICE_LITERAL("+46"), &entry),
                     CC_NOT_FOUND);
    cc_number_directory_free(directory);
}
END_TEST

START_TEST(what_is_refused_and_where)
{
    static const char *const bad[][2] = {
        {"+461\tacme\tpbx\t-", "line 1: does not end with a line feed"},
        {"+461\tacme\tpbx\n", "line 1: must have four fields separated by tabs"},
        {"+461\tacme\tpbx\t-\n\n", "line 2: must have four fields separated by tabs"},
        {"461\tacme\tpbx\t-\n", "line 1: number must be E.164"},
        {"+461\tA\tpbx\t-\n", "line 1: tenant must match [a-z][a-z0-9-]{1,30}"},
        {"+461\tacme\tfax\t-\n", "line 1: kind must be mobile or pbx"},
        {"+461\tacme\tpbx\t\n", "line 1: fallback target must be E.164 or -"},
        {"+461\tacme\tpbx\t+4\tx\n", "line 1: fallback target must be E.164 or -"},
        {"+462\tacme\tpbx\t-\n+461\tacme\tpbx\t-\n",
         "line 2: number must be greater than the one before"},
        {"+461\tacme\tpbx\t-\n+461\tbeta\tpbx\t-\n",
         "line 2: number must be greater than the one before"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cc_number_directory *directory = NULL;
        ck_assert_int_eq(parse(cc_slice_of(bad[i][0]), &directory), CC_INVALID);
        ck_assert_str_eq(reason.text, bad[i][1]);
        ck_assert_ptr_null(directory);
    }
}
END_TEST

SUITE_MAIN("number_directory", written_and_found, no_numbers_is_a_directory,
           a_prefix_is_another_number, what_is_refused_and_where)
