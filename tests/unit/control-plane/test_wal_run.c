/* Gaps in an archive of WAL, by the names of its segments. */
#include "control-plane/backup/wal_run.h"
#include "tests/unit/control-plane/suite.h"

static struct cp_wal_run run;

static void begin(const char *first, const char *last)
{
    ck_assert_int_eq(cp_wal_run_init(&run, first, last), CC_OK);
}

static void expect_whole(bool whole)
{
    ck_assert(cp_wal_run_is_whole(&run) == whole);
    cp_wal_run_deinit(&run);
}

START_TEST(each_segment_of_the_run_must_be_there)
{
    begin("0000000100000000000000FE", "000000010000000100000001");
    cp_wal_run_see(&run, "0000000100000000000000FE-0123.zst");
    cp_wal_run_see(&run, "0000000100000000000000FF-4567.zst");
    cp_wal_run_see(&run, "000000010000000100000000-89ab.zst"); /* no segment 100 in a log */
    ck_assert(!cp_wal_run_is_whole(&run));
    cp_wal_run_see(&run, "000000010000000100000001-cdef.zst");
    expect_whole(true);
}
END_TEST

START_TEST(one_that_is_missing_between_others_is_a_gap)
{
    begin("000000010000000000000002", "000000010000000000000004");
    cp_wal_run_see(&run, "000000010000000000000002-a");
    cp_wal_run_see(&run, "000000010000000000000002-b"); /* pushed twice */
    cp_wal_run_see(&run, "000000010000000000000004-c");
    expect_whole(false);
}
END_TEST

START_TEST(a_promotion_is_no_gap)
{
    begin("000000010000000000000002", "000000020000000000000004");
    cp_wal_run_see(&run, "000000010000000000000002-a");
    cp_wal_run_see(&run, "000000010000000000000003.partial-b");
    cp_wal_run_see(&run, "000000020000000000000004-c");
    cp_wal_run_see(&run, "00000002.history");
    ck_assert(!cp_wal_run_is_whole(&run)); /* a part of a segment is none */
    cp_wal_run_see(&run, "000000020000000000000003-d");
    expect_whole(true);
}
END_TEST

START_TEST(what_is_older_or_newer_or_no_segment_says_nothing)
{
    begin("000000010000000000000002", "000000010000000000000002");
    cp_wal_run_see(&run, "000000010000000000000001-a");
    cp_wal_run_see(&run, "000000010000000000000003-a");
    cp_wal_run_see(&run, "archive.info");
    cp_wal_run_see(&run, "00000001000000000000010G-aaaaaaaaaa");
    cp_wal_run_see(&run, "");
    expect_whole(false);
}
END_TEST

START_TEST(after_a_restore_to_an_earlier_moment_the_last_one_counts)
{
    begin("000000010000000000000009", "000000020000000000000004");
    cp_wal_run_see(&run, "000000020000000000000004-a");
    expect_whole(true);
    begin("", "000000020000000000000004"); /* no backup yet */
    cp_wal_run_see(&run, "000000020000000000000004-a");
    expect_whole(true);
}
END_TEST

START_TEST(a_run_that_is_too_long_is_its_last_million)
{
    begin("000000010000000000000000", "00000001FFFFFFFF000000FF");
    cp_wal_run_see(&run, "00000001FFFFFFFF000000FF-a");
    expect_whole(false);
}
END_TEST

START_TEST(a_history_file_is_no_last_segment)
{
    ck_assert_int_eq(cp_wal_run_init(&run, "000000010000000000000000", "00000002.history"),
                     CC_INVALID);
    ck_assert_int_eq(cp_wal_run_init(&run, "000000010000000000000000",
                                     "000000010000000000000004.00000028.backup"),
                     CC_INVALID);
    ck_assert_int_eq(cp_wal_run_init(&run, "000000010000000000000000", ""), CC_INVALID);
}
END_TEST

SUITE_MAIN("wal_run", each_segment_of_the_run_must_be_there,
           one_that_is_missing_between_others_is_a_gap, a_promotion_is_no_gap,
           what_is_older_or_newer_or_no_segment_says_nothing,
           after_a_restore_to_an_earlier_moment_the_last_one_counts,
           a_run_that_is_too_long_is_its_last_million, a_history_file_is_no_last_segment)
