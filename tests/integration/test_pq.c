/* Asking a real Postgres that freezes, dies, or commits without its replica; and how long the
 * control plane waits for one that is frozen. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/loop.h"
#include "control-plane/postgres/state.h"
#include "control-plane/pq.h"
#include "tests/support/servers.h"

enum {
    ANSWER_MS = 20 * 1000,
    SHORT_MS = 300,
    AT_ONCE_MS = 100,
    SLACK_MS = 5 * 1000,
    WHY_MAX = 512
};
enum { BIG = 16 * 1024 * 1024, SETTLE_MS = 60 * 1000 };

static struct test_server server;
static PGconn *connection;

static const char *conninfo_of(int64_t port)
{
    static char text[2][128];
    static int turn;
    turn = 1 - turn;
    snprintf(text[turn], sizeof(text[turn]),
             "hostaddr=127.0.0.1 port=%d user=postgres dbname=postgres", (int)port);
    return text[turn];
}

static PGconn *connect_to_server(void)
{
    const char *conninfo = conninfo_of(server.port);
    PGconn *made = cp_pq_connect(&conninfo, 1, ANSWER_MS);
    ck_assert_ptr_nonnull(made);
    return made;
}

static void create_server(void)
{
    test_postgres_create(&server);
    test_postgres_start(&server);
}

static void end_server(void)
{
    test_server_end(&server);
}

static void start(void)
{
    connection = connect_to_server();
}

static void end(void)
{
    PQfinish(connection);
}

static void value_of(const char *sql, char out[32])
{
    PGresult *result = cp_pq_query(connection, sql, NULL, 0, ANSWER_MS);
    ck_assert_int_eq(PQresultStatus(result), PGRES_TUPLES_OK);
    snprintf(out, 32, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
}

static pid_t freeze_backend(void)
{
    char text[32];
    value_of("SELECT pg_backend_pid()", text);
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    ck_assert_int_eq(kill(pid, SIGSTOP), 0);
    return pid;
}

static int64_t ms_since(int64_t begun_us)
{
    return (cc_monotonic_us() - begun_us) / 1000;
}

START_TEST(test_several_statements_give_the_last_result)
{
    char value[32];
    value_of("BEGIN; SELECT 1; COMMIT; SELECT 2", value);
    ck_assert_str_eq(value, "2");
    PGresult *result =
        cp_pq_query(connection, "SELECT 1; SELECT nonsense; SELECT 3", NULL, 0, ANSWER_MS);
    ck_assert_int_eq(PQresultStatus(result), PGRES_FATAL_ERROR);
    ck_assert_ptr_nonnull(strstr(cp_pq_trouble(connection, result), "nonsense"));
    PQclear(result);
}
END_TEST

START_TEST(test_a_frozen_one_costs_the_deadline_once)
{
    pid_t pid = freeze_backend();
    int64_t begun_us = cc_monotonic_us();
    ck_assert_ptr_null(cp_pq_query(connection, "SELECT 1", NULL, 0, SHORT_MS));
    ck_assert_int_ge(ms_since(begun_us), SHORT_MS - 1);
    ck_assert_int_lt(ms_since(begun_us), SHORT_MS + SLACK_MS);
    ck_assert_str_eq(cp_pq_trouble(connection, NULL), "no answer in time");
    begun_us = cc_monotonic_us();
    ck_assert_ptr_null(cp_pq_query(connection, "SELECT 1", NULL, 0, ANSWER_MS));
    ck_assert_int_lt(ms_since(begun_us), AT_ONCE_MS);
    kill(pid, SIGCONT);
}
END_TEST

/* More than the sockets between us hold. */
START_TEST(test_a_frozen_one_does_not_hold_up_sending_nor_closing)
{
    char *big = malloc(BIG + 1);
    ck_assert_ptr_nonnull(big);
    memset(big, 'x', BIG);
    big[BIG] = '\0';
    const char *const parameters[] = {big};
    pid_t pid = freeze_backend();
    int64_t begun_us = cc_monotonic_us();
    ck_assert_ptr_null(cp_pq_query(connection, "SELECT length($1)", parameters, 1, SHORT_MS));
    PQfinish(connection);
    ck_assert_int_lt(ms_since(begun_us), SHORT_MS + SLACK_MS);
    kill(pid, SIGCONT);
    connection = connect_to_server();
    PGresult *result = cp_pq_query(connection, "SELECT length($1)", parameters, 1, ANSWER_MS);
    ck_assert_int_eq(PQntuples(result), 1);
    ck_assert_int_eq(strtol(PQgetvalue(result, 0, 0), NULL, 10), BIG);
    PQclear(result);
    free(big);
}
END_TEST

START_TEST(test_a_lost_connection_is_no_answer)
{
    ck_assert_ptr_null(cp_pq_query(connection, "SELECT pg_terminate_backend(pg_backend_pid())",
                                   NULL, 0, ANSWER_MS));
    ck_assert_ptr_nonnull(strstr(cp_pq_trouble(connection, NULL), "terminating connection"));
    ck_assert_ptr_null(cp_pq_query(NULL, "SELECT 1", NULL, 0, ANSWER_MS));
    ck_assert_str_eq(cp_pq_trouble(NULL, NULL), "not connected");
}
END_TEST

/* Whoever waits for the replica is told not to. */
static void *cancel_the_wait(void *context)
{
    char cancelled[16] = "0";
    (void)context;
    while (strcmp(cancelled, "0") == 0)
        test_postgres_sql(&server,
                          "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE "
                          "wait_event = 'SyncRep'",
                          cancelled, sizeof(cancelled));
    return NULL;
}

/* A changed setting reaches the server's processes one by one: the first rows may not wait. */
START_TEST(test_a_commit_on_the_primary_alone_is_no_answer)
{
    pthread_t canceller;
    int rows = 0;
    char count[32], expected[32];
    PGresult *result;
    PQclear(cp_pq_query(connection, "CREATE TABLE facts (id int)", NULL, 0, ANSWER_MS));
    test_postgres_sql(&server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", NULL, 0);
    test_postgres_sql(&server, "SELECT pg_reload_conf()", NULL, 0);
    ck_assert_int_eq(pthread_create(&canceller, NULL, cancel_the_wait, NULL), 0);
    int64_t begun_us = cc_monotonic_us();
    do {
        PQclear(result =
                    cp_pq_query(connection, "INSERT INTO facts VALUES (1)", NULL, 0, ANSWER_MS));
        rows++;
    } while (result && ms_since(begun_us) < ANSWER_MS);
    pthread_join(canceller, NULL);
    ck_assert_ptr_null(result);
    ck_assert_ptr_nonnull(strstr(cp_pq_trouble(connection, NULL), "on the primary alone"));
    test_postgres_sql(&server, "ALTER SYSTEM RESET synchronous_standby_names", NULL, 0);
    test_postgres_sql(&server, "SELECT pg_reload_conf()", NULL, 0);
    snprintf(expected, sizeof(expected), "%d", rows);
    value_of("SELECT count(*) FROM facts", count);
    ck_assert_str_eq(count, expected);
}
END_TEST

START_TEST(test_connecting_says_why_not)
{
    char why[WHY_MAX] = "";
    const char *const conninfos[] = {conninfo_of(server.port), conninfo_of(test_free_port())};
    test_server_signal(&server, SIGSTOP);
    int64_t begun_us = cc_monotonic_us();
    ck_assert_ptr_null(cp_pq_connect_or_why(conninfos, 2, SHORT_MS, why, sizeof(why)));
    ck_assert_int_lt(ms_since(begun_us), SHORT_MS + SLACK_MS);
    test_server_signal(&server, SIGCONT);
    ck_assert_msg(strstr(why, "no answer within") && strstr(why, "refused"), "%s", why);
}
END_TEST

/* ---- waits ---- */

struct wait {
    enum cc_error (*wait)(struct cp_postgres_group *group);
    pthread_t thread;
    enum cc_error error;
    int64_t took_ms;
};

static enum cc_error wait_connected(struct cp_postgres_group *group)
{
    PGconn *none = NULL;
    enum cc_error error = cp_postgres_connect(group, CP_POSTGRES_PRIMARY, "postgres", &none);
    ck_assert_ptr_null(none);
    return error;
}

static enum cc_error wait_writable(struct cp_postgres_group *group)
{
    return cp_postgres_wait_writable(group, CP_POSTGRES_NODE_1);
}

static void *run_wait(void *pointer)
{
    struct wait *wait = pointer;
    struct cp_context context = {.home = "/nowhere"};
    struct cp_postgres_group group;
    const int ports[] = {(int)server.port, (int)server.port, (int)server.port};
    cc_arena_init(&context.arena, 64 * 1024 * 1024);
    cp_postgres_group_init(&group, &context, NULL, "frozen", "/nowhere", ports);
    group.socket_folder = "127.0.0.1";
    int64_t begun_us = cc_monotonic_us();
    wait->error = wait->wait(&group);
    wait->took_ms = ms_since(begun_us);
    cc_arena_reset(&context.arena);
    return NULL;
}

/* Each question costs a frozen one two seconds: a minute that was counted in pauses took forty. */
START_TEST(test_a_minute_is_a_minute_for_a_frozen_one)
{
    struct wait waits[] = {{.wait = wait_connected, .error = CC_OK},
                           {.wait = wait_writable, .error = CC_OK},
                           {.wait = cp_postgres_wait_streaming, .error = CC_OK},
                           {.wait = cp_postgres_wait_synchronous, .error = CC_OK}};
    enum { WAITS = sizeof(waits) / sizeof(waits[0]) };
    test_server_signal(&server, SIGSTOP);
    for (int i = 0; i < WAITS; i++)
        ck_assert_int_eq(pthread_create(&waits[i].thread, NULL, run_wait, &waits[i]), 0);
    for (int i = 0; i < WAITS; i++)
        pthread_join(waits[i].thread, NULL);
    test_server_signal(&server, SIGCONT);
    for (int i = 0; i < WAITS; i++) {
        ck_assert_int_ne(waits[i].error, CC_OK);
        ck_assert_int_ge(waits[i].took_ms, SETTLE_MS - 1);
        ck_assert_int_lt(waits[i].took_ms, SETTLE_MS + 2 * SLACK_MS);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pq");
    TCase *tc = tcase_create("pq");
    tcase_set_timeout(tc, 100);
    tcase_add_unchecked_fixture(tc, create_server, end_server);
    tcase_add_checked_fixture(tc, start, end);
    tcase_add_test(tc, test_several_statements_give_the_last_result);
    tcase_add_test(tc, test_a_frozen_one_costs_the_deadline_once);
    tcase_add_test(tc, test_a_frozen_one_does_not_hold_up_sending_nor_closing);
    tcase_add_test(tc, test_a_lost_connection_is_no_answer);
    tcase_add_test(tc, test_a_commit_on_the_primary_alone_is_no_answer);
    tcase_add_test(tc, test_connecting_says_why_not);
    tcase_add_test(tc, test_a_minute_is_a_minute_for_a_frozen_one);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
