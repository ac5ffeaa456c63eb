/* What pgBackRest says of its repository, and digests held against each other. */
#include "base/arena.h"
#include "control-plane/backup/digest_compare.h"
#include "control-plane/backup/info.h"
#include "tests/unit/control-plane/suite.h"

#define ENTRY(label, type, stop, error)                                                            \
    "{\"archive\":{\"start\":\"000000010000000000000002\",\"stop\":\"000000010000000000000003\"}," \
    "\"error\":" error ",\"info\":{\"delta\":10,\"repository\":{\"delta\":7,\"size\":9},"          \
    "\"size\":32},\"label\":\"" label "\",\"timestamp\":{\"start\":100,\"stop\":" stop "},"        \
    "\"type\":\"" type "\"}"

static struct cc_arena arena;
static struct cp_backup_list list;

static enum cc_error parse(const char *text)
{
    cc_arena_init(&arena, 1 << 20);
    return cp_backup_info_parse(cc_slice_of(text), &arena, &list);
}

START_TEST(backups_are_read_in_order)
{
    ck_assert_int_eq(parse("[{\"backup\":[" ENTRY("a", "full", "200", "false") "," ENTRY(
                         "b", "incr", "300", "true") "],\"name\":\"se-1\"}]"),
                     CC_OK);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(list.backups[0].label, "a");
    ck_assert_int_eq(list.backups[0].finished_at, 200);
    ck_assert_int_eq(list.backups[0].database_bytes, 32);
    ck_assert_int_eq(list.backups[0].repository_bytes, 7);
    ck_assert(!list.backups[0].failed && list.backups[1].failed);
    ck_assert_str_eq(cp_backup_newest(&list, false)->label, "b");
    ck_assert_str_eq(cp_backup_newest(&list, true)->label, "a");
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(a_stanza_without_backups_has_none)
{
    ck_assert_int_eq(parse("[{\"backup\":[],\"name\":\"se-1\"}]"), CC_OK);
    ck_assert_uint_eq(list.count, 0);
    ck_assert_ptr_null(cp_backup_newest(&list, false));
    cc_arena_reset(&arena);
}
END_TEST

START_TEST(what_is_no_list_is_refused)
{
    static const char *const texts[] = {
        "",
        "[",
        "[]",
        "{}",
        "[{\"backup\":[{}]}]",
        "[{\"backup\":[" ENTRY("a", "full", "\"x\"", "false") "]}]"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_int_eq(parse(texts[i]), CC_INVALID);
        cc_arena_reset(&arena);
    }
}
END_TEST

START_TEST(the_first_difference_is_named)
{
    char difference[64];
    ck_assert(cp_digest_equal(cc_slice_of("a\t1\nb\t2\n"), cc_slice_of("a\t1\nb\t2\n"), difference,
                              sizeof(difference)));
    ck_assert(!cp_digest_equal(cc_slice_of("a\t1\nb\t2\n"), cc_slice_of("a\t1\nb\t3\n"), difference,
                               sizeof(difference)));
    ck_assert_str_eq(difference, "expected b\t2, found b\t3");
    ck_assert(
        !cp_digest_equal(cc_slice_of("a\t1\n"), cc_slice_of(""), difference, sizeof(difference)));
    ck_assert_str_eq(difference, "expected a\t1, found nothing");
    ck_assert(
        !cp_digest_equal(cc_slice_of(""), cc_slice_of("a\t1\n"), difference, sizeof(difference)));
}
END_TEST

SUITE_MAIN("backup info", backups_are_read_in_order, a_stanza_without_backups_has_none,
           what_is_no_list_is_refused, the_first_difference_is_named)
