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

START_TEST(a_monitor_that_is_silent_is_waited_for)
{
    struct cp_monitor_view view = {.has_data = true};
    ck_assert_int_eq(cp_monitor_decide(&view, false), CP_MONITOR_WAIT);
    ck_assert_int_eq(cp_monitor_decide(&view, true), CP_MONITOR_REMAKE);
    view.is_starting = true;
    ck_assert_int_eq(cp_monitor_decide(&view, false), CP_MONITOR_WAIT);
    ck_assert_int_eq(cp_monitor_decide(&view, true), CP_MONITOR_WAIT);
}
END_TEST

START_TEST(only_a_monitor_that_answered_says_that_it_does_not_know_the_primary)
{
    struct cp_monitor_view view = {.has_data = true, .answers = true};
    ck_assert_int_eq(cp_monitor_decide(&view, false), CP_MONITOR_REGISTER);
    view.knows_primary = true;
    ck_assert_int_eq(cp_monitor_decide(&view, false), CP_MONITOR_KEEP);
    ck_assert_int_eq(cp_monitor_decide(&view, true), CP_MONITOR_KEEP);
}
END_TEST

START_TEST(a_monitor_whose_files_are_gone_is_made_anew_at_once)
{
    struct cp_monitor_view view = {0};
    ck_assert_int_eq(cp_monitor_decide(&view, false), CP_MONITOR_REMAKE);
}
END_TEST

static const struct cp_node_view primary_view = {
    .answers = true, .takes_writes = true, .timeline = 3};
static const struct cp_node_view replica_view = {.answers = true, .recovers = true, .timeline = 3};
static const struct cp_node_view dead_view = {0};

START_TEST(a_primary_has_a_replica_or_nobody_beside_it)
{
    ck_assert_int_eq(cp_primary_decide(&primary_view, &replica_view), CP_PRIMARY_ALONE);
    ck_assert_int_eq(cp_primary_decide(&primary_view, &dead_view), CP_PRIMARY_ALONE);
}
END_TEST

START_TEST(a_node_that_takes_no_writes_is_no_primary)
{
    struct cp_node_view stepping_down = {.answers = true};
    ck_assert_int_eq(cp_primary_decide(&replica_view, &primary_view), CP_PRIMARY_NONE);
    ck_assert_int_eq(cp_primary_decide(&dead_view, &replica_view), CP_PRIMARY_NONE);
    ck_assert_int_eq(cp_primary_decide(&stepping_down, &replica_view), CP_PRIMARY_NONE);
}
END_TEST

START_TEST(two_that_follow_nobody_are_rivals_whatever_they_allow)
{
    struct cp_node_view stepping_down = {.answers = true};
    ck_assert_int_eq(cp_primary_decide(&primary_view, &primary_view), CP_PRIMARY_RIVAL);
    ck_assert_int_eq(cp_primary_decide(&primary_view, &stepping_down), CP_PRIMARY_RIVAL);
}
END_TEST

START_TEST(without_a_monitor_the_standby_is_who_was_not_the_primary)
{
    /* Both follow: the old primary may have been started again as a replica. */
    ck_assert_int_eq(cp_standby_choose(&replica_view, &replica_view, 1), 2);
    ck_assert_int_eq(cp_standby_choose(&replica_view, &dead_view, 2), 1);
    ck_assert_int_eq(cp_standby_choose(&dead_view, &dead_view, 1), 2);
}
END_TEST

START_TEST(where_nobody_noted_the_primary_only_one_that_answers_alone_is_the_standby)
{
    ck_assert_int_eq(cp_standby_choose(&replica_view, &dead_view, -1), 1);
    ck_assert_int_eq(cp_standby_choose(&dead_view, &replica_view, -1), 2);
    ck_assert_int_eq(cp_standby_choose(&replica_view, &replica_view, -1), 0);
    ck_assert_int_eq(cp_standby_choose(&dead_view, &dead_view, -1), 0);
}
END_TEST

SUITE_MAIN("decide", a_synchronous_standby_is_promoted,
           one_that_may_lack_something_needs_somebody_who_accepts_that,
           one_that_does_not_answer_is_never_promoted, a_monitor_that_is_silent_is_waited_for,
           only_a_monitor_that_answered_says_that_it_does_not_know_the_primary,
           a_monitor_whose_files_are_gone_is_made_anew_at_once,
           a_primary_has_a_replica_or_nobody_beside_it, a_node_that_takes_no_writes_is_no_primary,
           two_that_follow_nobody_are_rivals_whatever_they_allow,
           without_a_monitor_the_standby_is_who_was_not_the_primary,
           where_nobody_noted_the_primary_only_one_that_answers_alone_is_the_standby)
