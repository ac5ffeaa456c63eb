#include "base/transitions.h"

#include "tests/unit/base/suite.h"

static bool is_paid(const void *subject)
{
    return *(const bool *)subject;
}

static const struct cc_transition rows[] = {
    {"planned", NULL, NULL, NULL, NULL, "made", "makes the thing"},
    {"made", is_paid, "is_paid", NULL, NULL, "ready", "was paid"},
    {"made", NULL, NULL, NULL, NULL, "planned", "starts again"}};
static const struct cc_transition_table table = {"order", "planned", "ready", rows, 3};

START_TEST(the_first_row_whose_guard_holds)
{
    bool paid = false;
    ck_assert_ptr_eq(cc_transitions_next(&table, "planned", &paid), &rows[0]);
    ck_assert_ptr_eq(cc_transitions_next(&table, "made", &paid), &rows[2]);
    paid = true;
    ck_assert_ptr_eq(cc_transitions_next(&table, "made", &paid), &rows[1]);
    ck_assert_ptr_null(cc_transitions_next(&table, "ready", &paid));
    ck_assert_ptr_null(cc_transitions_next(&table, "nowhere", &paid));
}
END_TEST

static void assert_problem(const struct cc_transition *bad, size_t count, const char *expected)
{
    const struct cc_transition_table broken = {"t", "a", "z", bad, count};
    struct cc_buffer problem;
    cc_buffer_init(&problem, 0);
    ck_assert_int_eq(cc_transitions_check(&broken, &problem),
                     expected[0] == '\0' ? CC_OK : CC_INVALID);
    ASSERT_SLICE(cc_buffer_slice(&problem), expected);
    cc_buffer_deinit(&problem);
}
#define ASSERT_PROBLEM(expected, ...)                                                              \
    do {                                                                                           \
        const struct cc_transition bad_[] = {__VA_ARGS__};                                         \
        assert_problem(bad_, sizeof(bad_) / sizeof(bad_[0]), expected);                            \
    } while (0)

START_TEST(sound_tables)
{
    struct cc_buffer problem;
    cc_buffer_init(&problem, 0);
    ck_assert_int_eq(cc_transitions_check(&table, &problem), CC_OK);
    cc_buffer_deinit(&problem);
    ASSERT_PROBLEM("", {"a", NULL, NULL, NULL, NULL, "z", "c"});
}
END_TEST

START_TEST(unsound_tables_name_the_state)
{
    ASSERT_PROBLEM("b: cannot be reached from the first state",
                   {"a", NULL, NULL, NULL, NULL, "z", "c"},
                   {"b", NULL, NULL, NULL, NULL, "z", "c"});
    ASSERT_PROBLEM("b: the last state cannot be reached from it",
                   {"a", is_paid, "is_paid", NULL, NULL, "b", "c"},
                   {"a", NULL, NULL, NULL, NULL, "z", "c"},
                   {"b", NULL, NULL, NULL, NULL, "b", "c"});
    ASSERT_PROBLEM("y: the last state cannot be reached from it",
                   {"a", is_paid, "is_paid", NULL, NULL, "y", "c"},
                   {"a", NULL, NULL, NULL, NULL, "z", "c"});
    ASSERT_PROBLEM("a: its last row must have no guard",
                   {"a", is_paid, "is_paid", NULL, NULL, "z", "c"});
    ASSERT_PROBLEM("a: rows behind one without a guard are never run",
                   {"a", NULL, NULL, NULL, NULL, "z", "c"},
                   {"a", NULL, NULL, NULL, NULL, "z", "c"});
    ASSERT_PROBLEM("a: a guard and its name come together",
                   {"a", is_paid, NULL, NULL, NULL, "z", "c"});
    ASSERT_PROBLEM("a: state, next and comment must not be empty",
                   {"a", NULL, NULL, NULL, NULL, "z", ""});
    ASSERT_PROBLEM("z: the last state must have no row", {"a", NULL, NULL, NULL, NULL, "z", "c"},
                   {"z", NULL, NULL, NULL, NULL, "a", "c"});
    assert_problem(NULL, 0, "t: must have 1 to 256 rows");
}
END_TEST

START_TEST(the_picture)
{
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cc_transitions_diagram(&table, &out);
    ASSERT_SLICE(cc_buffer_slice(&out), "stateDiagram-v2\n"
                                        "    [*] --> planned\n"
                                        "    planned --> made: makes the thing\n"
                                        "    made --> ready: [is_paid] was paid\n"
                                        "    made --> planned: starts again\n"
                                        "    ready --> [*]\n");
    cc_buffer_deinit(&out);
}
END_TEST

SUITE_MAIN("transitions", the_first_row_whose_guard_holds, sound_tables,
           unsound_tables_name_the_state, the_picture)
