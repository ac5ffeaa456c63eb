#include "tests/unit/cell/fixture.h"

#include "cell/model/shared.h"

static struct cell_shared_value value;

START_TEST(a_plan_comes_back_as_it_was_written)
{
    char text[CELL_SHARED_HEAD_MAX + 16];
    size_t length = cell_shared_head(CELL_SHARED_PLAN, 17, cc_slice_of("main"), text);
    memcpy(text + length, "{}\n", 3);
    ck_assert_int_eq(cell_shared_read(cc_slice(text, length + 3), &value), CC_OK);
    ck_assert_int_eq(value.kind, CELL_SHARED_PLAN);
    ck_assert_int_eq(value.row_version, 17);
    ck_assert(cc_slice_is(value.flow_id, "main"));
    ck_assert(cc_slice_is(value.plan, "{}\n"));
}
END_TEST

START_TEST(what_is_gone_and_markers_have_no_plan)
{
    char text[CELL_SHARED_HEAD_MAX];
    size_t length = cell_shared_head(CELL_SHARED_GONE, 9, cc_slice(NULL, 0), text);
    ck_assert_int_eq(cell_shared_read(cc_slice(text, length), &value), CC_OK);
    ck_assert_int_eq(value.kind, CELL_SHARED_GONE);
    ck_assert_int_eq(value.row_version, 9);
    ck_assert_uint_eq(value.flow_id.length, 0);
    ck_assert_int_eq(cell_shared_read(cc_slice_of("m 12 -\n"), &value), CC_OK);
    ck_assert_int_eq(value.kind, CELL_SHARED_MARKER);
    ck_assert_int_eq(value.row_version, 12);
}
END_TEST

START_TEST(other_bytes_are_refused)
{
    static const char *const bad[] = {
        "",          "\n",       "p 1 -\n", "m 1 -\nx", "p 1 -{}",  "q 1 -\n{}",
        "p x -\n{}", "p  -\n{}", "p 1\n{}", "p1 -\n{}", "p 1 \n{}", "p 9223372036854775808 -\n{}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(cell_shared_read(cc_slice_of(bad[i]), &value) == CC_INVALID, "%s", bad[i]);
}
END_TEST

START_TEST(keys_name_tenant_and_thing)
{
    char key[CELL_SHARED_KEY_MAX];
    struct cc_slice tenant = cc_slice_of("acme");
    ck_assert(
        cc_slice_is(cell_shared_plan_key(tenant, cc_slice_of("+461"), key), "plan:acme:+461"));
    ck_assert(
        cc_slice_is(cell_shared_flow_key(tenant, cc_slice_of("main"), 3, key), "flow:acme:main:3"));
    ck_assert(cc_slice_is(cell_shared_flows_key(tenant, key), "flows:acme"));
}
END_TEST

static bool reached(const char *id, const char *wanted)
{
    return cell_shared_id_reached(cc_slice_of(id), cc_slice_of(wanted));
}

START_TEST(stream_ids_are_compared_as_numbers)
{
    ck_assert(reached("1700000000000-10", "1700000000000-9"));
    ck_assert(reached("1700000000001-0", "1700000000000-9"));
    ck_assert(reached("5-5", "5-5"));
    ck_assert(!reached("5-4", "5-5"));
    ck_assert(!reached("9-0", "10-0"));
    ck_assert(!reached("5", "5-5"));
    ck_assert(!reached("5-5", ""));
    ck_assert(!reached("5-5x", "5-5"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_plan_comes_back_as_it_was_written,
        what_is_gone_and_markers_have_no_plan,
        other_bytes_are_refused,
        keys_name_tenant_and_thing,
        stream_ids_are_compared_as_numbers,
    };
    return fixture_run("shared", tests, sizeof(tests) / sizeof(tests[0]));
}
