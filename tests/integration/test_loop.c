/* The loop: deadlines in order, burials after the round, work off the loop, stop signals. */
#include "base/io/loop.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNT = 2000 };

static struct cc_loop *loop;

struct item {
    struct cc_deadline deadline;
    int64_t due_us;
    int times;
};

static struct item items[COUNT];
static int64_t last_us;
static int due, left;

static void set_up(void)
{
    ck_assert_int_eq(cc_loop_create(&loop), CC_OK);
    last_us = 0;
    due = 0;
}

static void tear_down(void)
{
    cc_loop_free(loop);
}

static void on_item(struct cc_deadline *deadline)
{
    struct item *item = CC_CONTAINER_OF(deadline, struct item, deadline);
    ck_assert_int_ge(item->due_us, last_us);
    ck_assert_int_le(item->due_us, cc_loop_now_us(loop));
    ck_assert(!cc_deadline_is_set(deadline));
    last_us = item->due_us;
    item->times++;
    due++;
    if (--left == 0)
        cc_loop_end(loop);
}

START_TEST(test_deadlines_run_once_and_in_order)
{
    int64_t now_us = cc_loop_now_us(loop);
    srand(7);
    left = 0;
    for (int i = 0; i < COUNT; i++) {
        cc_deadline_init(&items[i].deadline, loop, on_item);
        items[i].times = 0;
        items[i].due_us = now_us + 1 + rand() % 60000;
        ck_assert_int_eq(cc_deadline_set(&items[i].deadline, items[i].due_us), CC_OK);
    }
    for (int i = 0; i < COUNT; i++) { /* move a third, clear a third */
        if (i % 3 == 0)
            items[i].due_us = now_us + 1 + rand() % 60000;
        if (i % 3 == 0)
            ck_assert_int_eq(cc_deadline_set(&items[i].deadline, items[i].due_us), CC_OK);
        if (i % 3 == 1)
            cc_deadline_clear(&items[i].deadline);
        left += i % 3 != 1;
    }
    int expected = left;
    cc_loop_run(loop);
    ck_assert_int_eq(due, expected);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(items[i].times, i % 3 != 1);
}
END_TEST

static void on_again(struct cc_deadline *deadline)
{
    if (++due == 5)
        cc_loop_end(loop);
    else
        ck_assert_int_eq(cc_deadline_set(deadline, 0), CC_OK);
}

START_TEST(test_a_deadline_may_set_itself_again)
{
    struct cc_deadline deadline;
    cc_deadline_init(&deadline, loop, on_again);
    cc_deadline_clear(&deadline);
    ck_assert_int_eq(cc_deadline_set(&deadline, 0), CC_OK);
    ck_assert_int_eq(due, 0); /* never from cc_deadline_set */
    cc_loop_run(loop);
    ck_assert_int_eq(due, 5);
}
END_TEST

enum { STALL_US = 150 * 1000 };

static int ends[2];
static bool was_read;

/* The loop stands still, and meanwhile the answer comes and its deadline passes. */
static void on_stall(struct cc_deadline *deadline)
{
    (void)deadline;
    int64_t until_us = cc_monotonic_us() + STALL_US;
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    while (cc_monotonic_us() < until_us)
        ;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    ck_assert_int_eq(status, 0);
    was_read = true;
    uv_close((uv_handle_t *)poll, NULL);
}

static void on_answer_due(struct cc_deadline *deadline)
{
    (void)deadline;
    ck_assert(was_read);
    cc_loop_end(loop);
}

START_TEST(test_after_a_stall_input_is_read_before_deadlines_run)
{
    struct cc_deadline stall, answer;
    uv_poll_t poll;
    int64_t now_us = cc_loop_now_us(loop);
    ck_assert_int_eq(pipe(ends), 0);
    uv_poll_init(cc_loop_uv(loop), &poll, ends[0]);
    uv_poll_start(&poll, UV_READABLE, on_readable);
    cc_deadline_init(&stall, loop, on_stall);
    cc_deadline_init(&answer, loop, on_answer_due);
    ck_assert_int_eq(cc_deadline_set(&stall, now_us + 1000), CC_OK);
    ck_assert_int_eq(cc_deadline_set(&answer, now_us + 20 * 1000), CC_OK);
    ck_assert(!cc_loop_stalled_after(loop, now_us));
    cc_loop_run(loop);
    ck_assert(cc_loop_stalled_after(loop, now_us));
    ck_assert(!cc_loop_stalled_after(loop, cc_monotonic_us()));
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static bool on_stack;

static void on_buried(void *object)
{
    ck_assert(!on_stack);
    free(object);
    due++;
    cc_loop_end(loop);
}

static void on_bury(struct cc_deadline *deadline)
{
    (void)deadline;
    on_stack = true;
    for (int i = 0; i < 100; i++)
        cc_loop_bury(loop, malloc(8), on_buried);
    on_stack = false;
}

START_TEST(test_burials_wait_for_the_end_of_the_round)
{
    struct cc_deadline deadline;
    cc_deadline_init(&deadline, loop, on_bury);
    ck_assert_int_eq(cc_deadline_set(&deadline, 0), CC_OK);
    cc_loop_run(loop);
    ck_assert_int_eq(due, 100);
    cc_loop_bury(loop, malloc(8), on_buried);
    cc_loop_free(loop); /* runs what remains */
    ck_assert_int_eq(due, 101);
    loop = NULL;
}
END_TEST

static int worked;

static void work(void *context)
{
    (void)context;
    __atomic_add_fetch(&worked, 1, __ATOMIC_SEQ_CST);
}

static void on_worked(void *context)
{
    (void)context;
    if (++due == left)
        cc_loop_end(loop);
}

START_TEST(test_work_is_done_and_bounded)
{
    enum cc_error error = CC_OK;
    worked = left = 0;
    while (left < 5000 && (error = cc_loop_work(loop, work, on_worked, NULL)) == CC_OK)
        left++;
    ck_assert_int_eq(error, CC_FULL);
    ck_assert_int_eq(left, 1024);
    cc_loop_run(loop);
    ck_assert_int_eq(worked, 1024);
    ck_assert_int_eq(due, 1024);
}
END_TEST

static void on_stop(void *context)
{
    (*(int *)context)++;
    cc_loop_end(loop);
}

START_TEST(test_stop_runs_once)
{
    int stops = 0;
    cc_loop_on_stop(loop, on_stop, &stops);
    kill(getpid(), SIGTERM);
    cc_loop_run(loop);
    ck_assert_int_eq(stops, 1);
}
END_TEST

START_TEST(test_second_signal_ends_the_process)
{
    int stops = 0;
    cc_loop_on_stop(loop, on_stop, &stops);
    kill(getpid(), SIGTERM);
    cc_loop_run(loop);
    kill(getpid(), SIGINT);
    cc_loop_run(loop); /* exits with status 1 */
}
END_TEST

static int told[2];

static void tell(void *context)
{
    on_stop(context);
    (void)!write(told[1], "s", 1);
}

static bool tells(char what, int within_ms)
{
    struct pollfd end = {.fd = told[0], .events = POLLIN};
    char byte = 0;
    return poll(&end, 1, within_ms) == 1 && read(told[0], &byte, 1) == 1 && byte == what;
}

static _Noreturn void stop_and_free(void)
{
    int stops = 0;
    cc_loop_on_stop(loop, tell, &stops);
    kill(getpid(), SIGCONT); /* one of before the stop does not count */
    uv_run(cc_loop_uv(loop), UV_RUN_NOWAIT);
    (void)!write(told[1], "r", 1);
    cc_loop_run(loop);
    cc_loop_free(loop);
    (void)!write(told[1], "f", 1);
    _exit(0);
}

/* Otherwise LeakSanitizer, at work by then, hangs now and then; builds without it do not wait. */
START_TEST(test_leaks_are_checked_after_the_supervisors_continue)
{
    ck_assert_int_eq(pipe(told), 0);
    ck_assert_int_eq(prctl(PR_SET_NAME, "runsv"), 0);
    pid_t child = fork();
    if (child == 0)
        stop_and_free();
    ck_assert(tells('r', 5000));
    kill(child, SIGTERM);
    ck_assert(tells('s', 5000));
#if defined(__SANITIZE_ADDRESS__)
    ck_assert(!tells('f', 200));
#endif
    kill(child, SIGCONT);
    ck_assert(tells('f', 1000));
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

#if !defined(__SANITIZE_THREAD__) /* whose own end waits for such a thread */
static void never_ends(void *context)
{
    (void)context;
    for (;;)
        pause();
}

START_TEST(test_work_that_never_ends_does_not_hold_up_the_end)
{
    ck_assert_int_eq(cc_loop_work(loop, never_ends, on_worked, NULL), CC_OK);
    cc_loop_free(loop); /* exits with status 0 */
    ck_abort_msg("the pool was waited for");
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tc = tcase_create("loop");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, test_deadlines_run_once_and_in_order);
    tcase_add_test(tc, test_a_deadline_may_set_itself_again);
    tcase_add_test(tc, test_after_a_stall_input_is_read_before_deadlines_run);
    tcase_add_test(tc, test_burials_wait_for_the_end_of_the_round);
    tcase_add_test(tc, test_work_is_done_and_bounded);
    tcase_add_test(tc, test_stop_runs_once);
    tcase_add_test(tc, test_leaks_are_checked_after_the_supervisors_continue);
#if !defined(__SANITIZE_THREAD__)
    tcase_add_exit_test(tc, test_work_that_never_ends_does_not_hold_up_the_end, 0);
#endif
    tcase_add_exit_test(tc, test_second_signal_ends_the_process, 1);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
