#include "tests/unit/cell/fixture.h"

#include "cell/calls/breaker.h"

#define T0 INT64_C(1000000000)

START_TEST(one_time_out_opens_it_and_an_answer_closes_it)
{
    struct cell_breaker breaker = {0};
    ck_assert(cell_breaker_is_closed(&breaker));
    ck_assert(!cell_breaker_answered(&breaker));
    ck_assert(cell_breaker_timed_out(&breaker, T0));
    ck_assert(!cell_breaker_timed_out(&breaker, T0 + 1));
    ck_assert(!cell_breaker_is_closed(&breaker));
    ck_assert(cell_breaker_answered(&breaker));
    ck_assert(cell_breaker_is_closed(&breaker));
}
END_TEST

START_TEST(one_probe_at_a_time_after_each_pause)
{
    struct cell_breaker breaker = {0};
    ck_assert(!cell_breaker_probe(&breaker, T0));
    cell_breaker_timed_out(&breaker, T0);
    ck_assert(!cell_breaker_probe(&breaker, T0));
    int64_t due_us = breaker.probe_at_us;
    ck_assert_int_gt(due_us, T0);
    ck_assert(cell_breaker_probe(&breaker, due_us));
    ck_assert(!cell_breaker_probe(&breaker, due_us));
    ck_assert(!cell_breaker_is_closed(&breaker));
    ck_assert(!cell_breaker_timed_out(&breaker, due_us + 5));
    ck_assert_int_gt(breaker.probe_at_us, due_us + 5);
    ck_assert(cell_breaker_probe(&breaker, breaker.probe_at_us));
    ck_assert(cell_breaker_answered(&breaker));
    ck_assert(!cell_breaker_probe(&breaker, due_us * 2));
}
END_TEST

START_TEST(more_time_outs_do_not_put_the_probe_off)
{
    struct cell_breaker breaker = {0};
    cell_breaker_timed_out(&breaker, T0);
    int64_t due_us = breaker.probe_at_us;
    cell_breaker_timed_out(&breaker, due_us - 1);
    ck_assert_int_eq(breaker.probe_at_us, due_us);
}
END_TEST

START_TEST(a_step_has_its_share_of_the_time_left)
{
    ck_assert_int_eq(cell_breaker_budget(80000, 335000, 335000), 80000);
    ck_assert_int_eq(cell_breaker_budget(80000, 9000000, 335000), 80000);
    ck_assert_int_eq(cell_breaker_budget(80000, 167500, 335000), 40000);
    ck_assert_int_eq(cell_breaker_budget(80000, 0, 335000), 1000);
    ck_assert_int_eq(cell_breaker_budget(80000, -5, 335000), 1000);
    ck_assert(cell_breaker_counts(80000, 80000));
    ck_assert(cell_breaker_counts(20000, 80000));
    ck_assert(!cell_breaker_counts(19999, 80000));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        one_time_out_opens_it_and_an_answer_closes_it,
        one_probe_at_a_time_after_each_pause,
        more_time_outs_do_not_put_the_probe_off,
        a_step_has_its_share_of_the_time_left,
    };
    return fixture_run("breaker", tests, sizeof(tests) / sizeof(tests[0]));
}
