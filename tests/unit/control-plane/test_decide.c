#include "control-plane/failover/decide.h"

#include "tests/unit/control-plane/suite.h"

START_TEST(a_synchronous_standby_is_promoted)
{
    /* Positions are a second old: they say nothing against it. */
    struct cp_failover_view view = {
        .standby_answers = true, .was_synchronous = true, .gap_bytes = 4096, .gap_s = 900};
    ck_assert_int_eq(cp_failover_decide(&view), CP_FAILOVER_GO);
    view.accept_loss = true;
    ck_assert_int_eq(cp_failover_decide(&view), CP_FAILOVER_GO);
}
END_TEST

START_TEST(one_that_may_lack_something_needs_somebody_who_accepts_that)
{
    struct cp_failover_view view = {.standby_answers = true};
    ck_assert_int_eq(cp_failover_decide(&view), CP_FAILOVER_LOSES);
    view.gap_bytes = 1;
    ck_assert_int_eq(cp_failover_decide(&view), CP_FAILOVER_LOSES);
    view.accept_loss = true;
    ck_assert_int_eq(cp_failover_decide(&view), CP_FAILOVER_GO_WITH_LOSS);
}
END_TEST

START_TEST(one_that_does_not_answer_is_never_promoted)
{
    struct cp_failover_view view = {.was_synchronous = true, .accept_loss = true};
    ck_assert_int_eq(cp_failover_decide(&view), CP_FAILOVER_NO_STANDBY);
}
END_TEST

SUITE_MAIN("decide", a_synchronous_standby_is_promoted,
           one_that_may_lack_something_needs_somebody_who_accepts_that,
           one_that_does_not_answer_is_never_promoted)
