/*
 * What every unit test of base has: one Check suite from a list of tests, and comparing a slice.
 */
#ifndef TESTS_UNIT_BASE_SUITE_H
#define TESTS_UNIT_BASE_SUITE_H

#include <check.h>
#include <stdlib.h>

#include "base/slice.h"

static inline int suite_run(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, 30);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define SUITE_MAIN(name, ...)                                                                      \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return suite_run(name, tests, sizeof(tests) / sizeof(tests[0]));                           \
    }

#define ASSERT_SLICE(actual, expected)                                                             \
    do {                                                                                           \
        struct cc_slice slice_ = (actual);                                                         \
        const char *expected_ = (expected);                                                        \
        ck_assert_msg(cc_slice_is(slice_, expected_), "got \"%.*s\", expected \"%s\"",             \
                      (int)slice_.length, slice_.data ? slice_.data : "", expected_);              \
    } while (0)

#endif
