/* The Redis connection against a real redis-server: replies, refusal, freezing, death, return. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io/redis.h"
#include "base/log.h"
#include "tests/support/servers.h"

static struct test_server server;
static struct cc_loop *loop;
static struct cc_redis *redis;

struct answer {
    int count;
    enum cc_error error;
    int type;
    char text[64];
    int64_t at_us;
};

static void on_answer(void *context, enum cc_error error, const redisReply *reply)
{
    struct answer *answer = context;
    answer->count++;
    answer->error = error;
    answer->at_us = cc_monotonic_us();
    answer->type = reply ? reply->type : 0;
    if (reply && reply->str)
        snprintf(answer->text, sizeof(answer->text), "%s", reply->str);
    else if (reply && reply->type == REDIS_REPLY_INTEGER)
        snprintf(answer->text, sizeof(answer->text), "%lld", reply->integer);
    cc_loop_end(loop);
}

static int64_t in_ms(int64_t ms)
{
    return cc_monotonic_us() + ms * 1000;
}

static enum cc_error send_words(struct answer *answer, int64_t deadline_us, const char *words)
{
    struct cc_slice arguments[8];
    size_t count = 0;
    for (const char *at = words; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        arguments[count++] = cc_slice(at, length);
        at += length;
    }
    return cc_redis_command(redis, arguments, count, deadline_us, on_answer, answer);
}

static void wait_for(struct answer *answer)
{
    while (answer->count == 0)
        cc_loop_run(loop);
}

static struct answer ask(const char *words)
{
    struct answer answer = {0};
    ck_assert_int_eq(send_words(&answer, in_ms(5000), words), CC_OK);
    ck_assert_int_eq(answer.count, 0);
    wait_for(&answer);
    return answer;
}

static void on_tick(struct cc_deadline *deadline)
{
    (void)deadline;
    cc_loop_end(loop);
}

/* Runs the loop until the connection is up or down, 10 s at most. */
static void wait_until_up(bool up)
{
    struct cc_deadline tick;
    cc_deadline_init(&tick, loop, on_tick);
    for (int i = 0; i < 2000 && cc_redis_is_up(redis) != up; i++) {
        ck_assert_int_eq(cc_deadline_set(&tick, in_ms(5)), CC_OK);
        cc_loop_run(loop);
    }
    cc_deadline_clear(&tick);
    ck_assert_int_eq(cc_redis_is_up(redis), up);
}

static void open_redis(int64_t port, const char *password)
{
    struct cc_redis_options options = {
        .host = "127.0.0.1", .port = port, .password = password, .name = "test"};
    ck_assert_int_eq(cc_loop_create(&loop), CC_OK);
    ck_assert_int_eq(cc_redis_create(loop, &options, &redis), CC_OK);
}

static void start(void)
{
    cc_log_init("test", CC_LOG_ERROR);
    test_redis_start(&server, "hush");
    open_redis(server.port, "hush");
}

static void end(void)
{
    cc_redis_free(redis);
    cc_loop_free(loop);
    test_server_end(&server);
}

START_TEST(test_replies)
{
    ck_assert_str_eq(ask("SET a 1").text, "OK");
    ck_assert_str_eq(ask("GET a").text, "1");
    ck_assert_int_eq(ask("GET none").type, REDIS_REPLY_NIL);
    struct answer wrong = ask("INCR a b");
    ck_assert_int_eq(wrong.error, CC_PROTOCOL);
    ck_assert_int_eq(wrong.type, REDIS_REPLY_ERROR);
    ck_assert_str_eq(ask("CLIENT GETNAME").text, "test");
    ck_assert_uint_eq(cc_redis_generation(redis), 1);
}
END_TEST

START_TEST(test_many_commands_keep_their_order)
{
    static struct answer answers[2000];
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(send_words(&answers[i], in_ms(5000), "INCR n"), CC_OK);
    for (int i = 0; i < 2000; i++) {
        char expected[16];
        wait_for(&answers[i]);
        snprintf(expected, sizeof(expected), "%d", i + 1);
        ck_assert_str_eq(answers[i].text, expected);
    }
}
END_TEST

START_TEST(test_large_values_pass)
{
    static char value[4 * 1024 * 1024];
    struct answer answer = {0};
    memset(value, 'v', sizeof(value));
    struct cc_slice arguments[] = {CC_SLICE_LITERAL("SET"), CC_SLICE_LITERAL("big"),
                                   cc_slice(value, sizeof(value))};
    ck_assert_int_eq(cc_redis_command(redis, arguments, 3, in_ms(5000), on_answer, &answer), CC_OK);
    wait_for(&answer);
    ck_assert_int_eq(answer.error, CC_OK);
    ck_assert_str_eq(ask("STRLEN big").text, "4194304");
}
END_TEST

START_TEST(test_frozen_times_out_and_recovers)
{
    ask("SET a 1");
    test_server_signal(&server, SIGSTOP);
    struct answer first = {0}, second = {0};
    int64_t began_us = cc_monotonic_us();
    ck_assert_int_eq(send_words(&first, in_ms(50), "GET a"), CC_OK);
    ck_assert_int_eq(send_words(&second, in_ms(5000), "GET a"), CC_OK);
    wait_for(&first);
    wait_for(&second);
    ck_assert_int_eq(first.error, CC_TIMEOUT);
    ck_assert_int_eq(second.error, CC_UNAVAILABLE);
    ck_assert_int_lt(second.at_us - began_us, 1000000);
    ck_assert(!cc_redis_is_up(redis));
    struct answer third = {0};
    ck_assert_int_eq(send_words(&third, in_ms(5000), "GET a"), CC_UNAVAILABLE);
    test_server_signal(&server, SIGCONT);
    wait_until_up(true);
    ck_assert_str_eq(ask("GET a").text, "1");
    ck_assert_uint_eq(cc_redis_generation(redis), 2);
    ck_assert_int_eq(first.count + second.count, 2);
    ck_assert_int_eq(third.count, 0);
}
END_TEST

START_TEST(test_killed_and_restarted)
{
    ask("SET a 1");
    struct answer pending = {0};
    ck_assert_int_eq(send_words(&pending, in_ms(20000), "BLPOP none 0"), CC_OK);
    test_server_kill(&server);
    wait_for(&pending);
    ck_assert_int_eq(pending.error, CC_UNAVAILABLE);
    wait_until_up(false);
    test_redis_restart(&server, "hush");
    wait_until_up(true);
    ck_assert_int_eq(ask("GET a").type, REDIS_REPLY_NIL);
}
END_TEST

START_TEST(test_idle_death_is_noticed)
{
    ask("PING");
    test_server_kill(&server);
    wait_until_up(false);
}
END_TEST

START_TEST(test_free_cancels)
{
    struct answer pending = {0};
    ask("PING");
    ck_assert_int_eq(send_words(&pending, in_ms(5000), "BLPOP none 0"), CC_OK);
    cc_redis_free(redis);
    ck_assert_int_eq(pending.count, 1);
    ck_assert_int_eq(pending.error, CC_CANCELLED);
    redis = NULL;
}
END_TEST

START_TEST(test_pending_is_bounded)
{
    struct cc_redis_options options = {
        .host = "127.0.0.1", .port = server.port, .password = "hush", .pending_max = 2};
    cc_redis_free(redis);
    ck_assert_int_eq(cc_redis_create(loop, &options, &redis), CC_OK);
    struct answer a = {0}, b = {0}, c = {0};
    ck_assert_int_eq(send_words(&a, in_ms(5000), "PING"), CC_OK);
    ck_assert_int_eq(send_words(&b, in_ms(5000), "PING"), CC_OK);
    ck_assert_int_eq(send_words(&c, in_ms(5000), "PING"), CC_FULL);
    wait_for(&a);
    wait_for(&b);
    ck_assert_int_eq(a.error + b.error, CC_OK);
}
END_TEST

START_TEST(test_refused_connection_calls_back)
{
    struct answer answer = {0};
    open_redis(test_free_port(), NULL);
    ck_assert_int_eq(send_words(&answer, in_ms(5000), "PING"), CC_OK); /* first connect: it waits */
    int64_t began_us = cc_monotonic_us();
    wait_for(&answer);
    ck_assert_int_eq(answer.error, CC_UNAVAILABLE);
    ck_assert_int_lt(answer.at_us - began_us, 1000000);
    ck_assert_int_eq(send_words(&answer, in_ms(5000), "PING"), CC_UNAVAILABLE);
    cc_redis_free(redis);
    cc_loop_free(loop);
}
END_TEST

START_TEST(test_wrong_password_is_down)
{
    struct answer answer = {0};
    test_redis_start(&server, "hush");
    open_redis(server.port, "loud");
    ck_assert_int_eq(send_words(&answer, in_ms(5000), "GET a"), CC_OK);
    wait_for(&answer);
    ck_assert_int_eq(answer.error, CC_UNAVAILABLE);
    ck_assert(!cc_redis_is_up(redis));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis");
    TCase *tc = tcase_create("redis");
    tcase_set_timeout(tc, 30);
    tcase_add_checked_fixture(tc, start, end);
    tcase_add_test(tc, test_replies);
    tcase_add_test(tc, test_many_commands_keep_their_order);
    tcase_add_test(tc, test_large_values_pass);
    tcase_add_test(tc, test_frozen_times_out_and_recovers);
    tcase_add_test(tc, test_killed_and_restarted);
    tcase_add_test(tc, test_idle_death_is_noticed);
    tcase_add_test(tc, test_free_cancels);
    tcase_add_test(tc, test_pending_is_bounded);
    suite_add_tcase(suite, tc);
    TCase *alone = tcase_create("alone");
    tcase_add_test(alone, test_refused_connection_calls_back);
    tcase_add_test(alone, test_wrong_password_is_down);
    suite_add_tcase(suite, alone);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
