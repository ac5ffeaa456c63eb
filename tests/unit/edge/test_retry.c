#include <check.h>
#include <stdlib.h>

#include "edge/retry.h"

enum { MS = 1000, RECEIVED_US = 5000000 };

static struct edge_attempt attempt_after(int made, int64_t at_ms, int64_t deadline_ms)
{
    struct edge_budget budget = edge_budget_of(RECEIVED_US, 1000, deadline_ms);
    struct edge_attempt attempt = {0};
    if (!edge_budget_next(&budget, made, RECEIVED_US + at_ms * MS, &attempt))
        attempt.number = -1;
    return attempt;
}

START_TEST(two_attempts_of_350_ms)
{
    struct edge_attempt first = attempt_after(0, 0, 0);
    ck_assert_int_eq(first.number, 1);
    ck_assert_int_eq(first.remaining_ms, 350);
    ck_assert_int_eq(first.deadline_us, RECEIVED_US + 350 * MS);
    struct edge_attempt second = attempt_after(1, 350, 0);
    ck_assert_int_eq(second.number, 2);
    ck_assert_int_eq(second.deadline_us, RECEIVED_US + 700 * MS);
    ck_assert_int_eq(attempt_after(2, 700, 0).number, -1);
    ck_assert_int_eq(attempt_after(3, 10, 0).number, -1);
}
END_TEST

START_TEST(a_fast_failure_leaves_the_second_its_whole_share)
{
    struct edge_attempt second = attempt_after(1, 3, 0);
    ck_assert_int_eq(second.remaining_ms, 350);
    ck_assert_int_eq(second.deadline_us, RECEIVED_US + 353 * MS);
}
END_TEST

START_TEST(a_hedge_has_a_share_of_its_own)
{
    struct edge_attempt second = attempt_after(1, 60, 0);
    ck_assert_int_eq(second.remaining_ms, 350);
    ck_assert_int_eq(second.deadline_us, RECEIVED_US + 410 * MS);
    struct edge_attempt third = attempt_after(2, 120, 0);
    ck_assert_int_eq(third.number, 3);
    ck_assert_int_eq(third.remaining_ms, 350);
    ck_assert_int_eq(attempt_after(2, 500, 0).deadline_us, RECEIVED_US + 700 * MS);
}
END_TEST

START_TEST(a_late_start_does_not_move_the_end)
{
    ck_assert_int_eq(attempt_after(0, 300, 0).remaining_ms, 50);
    ck_assert_int_eq(attempt_after(1, 500, 0).remaining_ms, 200);
    ck_assert_int_eq(attempt_after(1, 698, 0).number, -1);
}
END_TEST

START_TEST(shares_scale_with_the_smaller_deadline)
{
    ck_assert_int_eq(attempt_after(0, 0, 200).remaining_ms, 70);
    ck_assert_int_eq(attempt_after(0, 0, 100000).remaining_ms, 350);
    ck_assert_int_eq(attempt_after(0, 0, 1).remaining_ms, EDGE_DEADLINE_FLOOR_MS * 35 / 100);
}
END_TEST

static enum edge_outcome outcome_of(int status, const char *body)
{
    return edge_outcome_of(CC_OK, status, cc_slice_of(body));
}

START_TEST(outcomes)
{
    static const struct cc_slice nothing;
    ck_assert_int_eq(outcome_of(200, "{}"), EDGE_OUTCOME_ANSWER);
    ck_assert_int_eq(outcome_of(200, ""), EDGE_OUTCOME_STATUS);
    ck_assert_int_eq(outcome_of(421, "{}"), EDGE_OUTCOME_NOT_MINE);
    ck_assert_int_eq(outcome_of(503, "{}"), EDGE_OUTCOME_OVERLOADED);
    ck_assert_int_eq(outcome_of(503, ""), EDGE_OUTCOME_OVERLOADED);
    ck_assert_int_eq(outcome_of(503, "{\"type\":\"urn:callcell:problem:no-call-plan\"}"),
                     EDGE_OUTCOME_NO_PLAN);
    ck_assert_int_eq(outcome_of(500, "{\"type\":\"urn:callcell:problem:no-call-plan\"}"),
                     EDGE_OUTCOME_STATUS);
    ck_assert_int_eq(edge_outcome_of(CC_TIMEOUT, 0, nothing), EDGE_OUTCOME_TIMEOUT);
    ck_assert_int_eq(edge_outcome_of(CC_UNAVAILABLE, 0, nothing), EDGE_OUTCOME_UNAVAILABLE);
    ck_assert_int_eq(edge_outcome_of(CC_FULL, 0, nothing), EDGE_OUTCOME_FULL);
    ck_assert_int_eq(edge_outcome_of(CC_PROTOCOL, 0, nothing), EDGE_OUTCOME_STATUS);
    ck_assert_str_eq(edge_outcome_name(EDGE_OUTCOME_STATUS), "status");
    ck_assert_str_eq(edge_outcome_name(EDGE_OUTCOME_NO_PLAN), "no_plan");
}
END_TEST

START_TEST(blame)
{
    ck_assert(edge_outcome_blames_worker(EDGE_OUTCOME_TIMEOUT, 350));
    ck_assert(!edge_outcome_blames_worker(EDGE_OUTCOME_TIMEOUT, 17));
    ck_assert(edge_outcome_blames_worker(EDGE_OUTCOME_UNAVAILABLE, 17));
    ck_assert(edge_outcome_blames_worker(EDGE_OUTCOME_OVERLOADED, 350));
    ck_assert(!edge_outcome_blames_worker(EDGE_OUTCOME_NO_PLAN, 350));
    ck_assert(!edge_outcome_blames_worker(EDGE_OUTCOME_NOT_MINE, 350));
    ck_assert(!edge_outcome_blames_worker(EDGE_OUTCOME_STATUS, 350));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/retry");
    TCase *tests = tcase_create("retry");
    tcase_add_test(tests, two_attempts_of_350_ms);
    tcase_add_test(tests, a_fast_failure_leaves_the_second_its_whole_share);
    tcase_add_test(tests, a_hedge_has_a_share_of_its_own);
    tcase_add_test(tests, a_late_start_does_not_move_the_end);
    tcase_add_test(tests, shares_scale_with_the_smaller_deadline);
    tcase_add_test(tests, outcomes);
    tcase_add_test(tests, blame);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
