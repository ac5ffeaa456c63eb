#include "base/err.h"

#include "tests/unit/base/suite.h"

START_TEST(names_are_the_list_in_lower_case)
{
    ck_assert_str_eq(cc_error_name(CC_OK), "ok");
    ck_assert_str_eq(cc_error_name(CC_NOT_FOUND), "not_found");
    ck_assert_str_eq(cc_error_name(CC_UNKNOWN_OUTCOME), "unknown_outcome");
    ck_assert_str_eq(cc_error_name(CC_UNSUPPORTED), "unsupported");
}
END_TEST

START_TEST(every_error_has_its_own_name_and_a_text)
{
    for (int i = 0; i < CC_ERROR_COUNT; i++) {
        ck_assert_uint_gt(strlen(cc_error_text((enum cc_error)i)), 0);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(cc_error_name((enum cc_error)i), cc_error_name((enum cc_error)j));
    }
}
END_TEST

START_TEST(a_number_outside_the_list_has_a_name_too)
{
    ck_assert_str_eq(cc_error_name(CC_ERROR_COUNT), "unknown");
    ck_assert_str_eq(cc_error_name((enum cc_error) - 1), "unknown");
    ck_assert_str_eq(cc_error_text((enum cc_error)9999), "unknown error");
}
END_TEST

SUITE_MAIN("err", names_are_the_list_in_lower_case, every_error_has_its_own_name_and_a_text,
           a_number_outside_the_list_has_a_name_too)
