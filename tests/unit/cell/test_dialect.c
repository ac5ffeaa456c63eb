#include "cell/calls/dialect/dialect.h"
#include "tests/unit/cell/fixture.h"

#include <stdlib.h>

START_TEST(dialects_are_found_by_name)
{
    ck_assert_ptr_eq(cell_dialect_find(CC_SLICE_LITERAL("native")), &cell_dialect_native);
    ck_assert_ptr_null(cell_dialect_find(CC_SLICE_LITERAL("Native")));
    ck_assert_ptr_null(cell_dialect_find(cc_slice(NULL, 0)));
}
END_TEST

START_TEST(native_reads_and_writes_json)
{
    char *body = fixture_quote("{'event_id':'e-1','event':'call.initiated','occurred_at':"
                               "'2026-11-23T09:00:00Z','call':{'id':'c-1','kind':'pbx',"
                               "'direction':'terminating','to':{'e164':'+46101234567'}}}");
    const struct cell_dialect *native = &cell_dialect_native;
    struct cc_answer answer = {.state = CC_SLICE_LITERAL("abc")};
    struct cc_call_event event;
    struct cc_json_reason reason;
    struct cc_arena arena;
    struct cc_buffer out;
    char decision_id[CC_DECISION_ID_TEXT + 1];
    cc_arena_init(&arena, 0);
    cc_buffer_init(&out, 0);
    ck_assert_int_eq(native->read(cc_slice_of(body), &arena, &event, &reason), CC_OK);
    ck_assert(cc_slice_is(event.call_id, "c-1"));
    ck_assert_int_eq(native->read(CC_SLICE_LITERAL("{}"), &arena, &event, &reason), CC_INVALID);
    ck_assert_int_eq(native->write(&answer, CC_SLICE_LITERAL("acme"), CC_SLICE_LITERAL("e-1"), 7,
                                   &out, decision_id),
                     CC_OK);
    ck_assert_uint_eq(strlen(decision_id), CC_DECISION_ID_TEXT);
    ck_assert_ptr_nonnull(
        memmem(out.data, out.length, "\"state\":\"abc\"", strlen("\"state\":\"abc\"")));
    ck_assert_str_eq(native->content_type, "application/json");
    cc_buffer_deinit(&out);
    cc_arena_reset(&arena);
    free(body);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {dialects_are_found_by_name, native_reads_and_writes_json};
    return fixture_run("dialect", tests, sizeof(tests) / sizeof(tests[0]));
}
