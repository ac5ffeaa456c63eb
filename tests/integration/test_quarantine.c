#include "base/io/quarantine.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];
static struct cc_loop *loop;

static void set_up(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/callcell-quarantine-XXXXXX");
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    close(file);
    ck_assert_int_eq(cc_loop_create(&loop), CC_OK);
}

static void tear_down(void)
{
    cc_loop_free(loop);
    unlink(path);
}

static void holds(const char *expected)
{
    char text[256] = {0};
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    (void)fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    ck_assert_str_eq(text, expected);
}

START_TEST(records_are_lines_until_the_bound)
{
    ck_assert_int_eq(cc_quarantine_append(loop, path, 12, CC_SLICE_LITERAL("{\"a\":1}")), CC_OK);
    ck_assert_int_eq(cc_quarantine_append(loop, path, 12, CC_SLICE_LITERAL("{\"b\":2}")), CC_OK);
    ck_assert_int_eq(cc_quarantine_append(loop, path, 12, CC_SLICE_LITERAL("{\"c\":3}")),
                     CC_TOO_LARGE);
    holds("{\"a\":1}\n{\"b\":2}\n");
}
END_TEST

START_TEST(a_full_disk_leaves_no_half_line)
{
    struct rlimit limit = {12, 12};
    ck_assert_int_eq(cc_quarantine_append(loop, path, 1000, CC_SLICE_LITERAL("{\"a\":1}")), CC_OK);
    ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(cc_quarantine_append(loop, path, 1000, CC_SLICE_LITERAL("{\"b\":2}")),
                     CC_FULL);
    holds("{\"a\":1}\n");
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_said)
{
    ck_assert_int_eq(cc_quarantine_append(loop, "/nowhere/at/all", 1000, CC_SLICE_LITERAL("{}")),
                     CC_IO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quarantine");
    TCase *tc = tcase_create("quarantine");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, records_are_lines_until_the_bound);
    tcase_add_test(tc, a_full_disk_leaves_no_half_line);
    tcase_add_test(tc, a_folder_that_is_not_there_is_said);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
