/* The Postgres pool against real servers: transactions, tenants, errors, death, freezing, several
 * hosts. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io/pg.h"
#include "base/log.h"
#include "tests/support/loop_thread.h"
#include "tests/support/servers.h"

static struct test_server primary, standby;
static struct cc_loop *loop;
static struct cc_pg_pool *pool;

struct answer {
    int count;
    enum cc_error error;
    bool standby;
    char sqlstate[8];
    char values[2][64]; /* first value of the last two results */
    int rows;           /* of the last result */
    int64_t at_us;
};

static void on_answer(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct answer *answer = context;
    answer->count++;
    answer->error = error;
    answer->standby = outcome->standby;
    answer->at_us = cc_monotonic_us();
    snprintf(answer->sqlstate, sizeof(answer->sqlstate), "%s", outcome->sqlstate);
    for (size_t i = 0; i < outcome->count && error == CC_OK; i++) {
        memcpy(answer->values[0], answer->values[1], sizeof(answer->values[0]));
        answer->values[1][0] = '\0';
        answer->rows = PQntuples(outcome->results[i]);
        if (answer->rows > 0) {
            struct cc_slice value = cc_pg_value(outcome->results[i], 0, 0);
            snprintf(answer->values[1], sizeof(answer->values[1]), "%.*s", (int)value.length,
                     value.data ? value.data : "");
        }
    }
    cc_loop_end(loop);
}

static int64_t in_ms(int64_t ms)
{
    return cc_monotonic_us() + ms * 1000;
}

static enum cc_error submit(struct answer *answer, const struct cc_pg_query *queries, size_t count,
                            const char *tenant, bool writes, int64_t deadline_us)
{
    struct cc_pg_transaction transaction = {.tenant = cc_slice_of(tenant),
                                            .queries = queries,
                                            .query_count = count,
                                            .writes = writes,
                                            .deadline_us = deadline_us,
                                            .done = on_answer,
                                            .context = answer};
    return cc_pg_submit(pool, &transaction);
}

static void wait_for(struct answer *answer)
{
    while (answer->count == 0)
        cc_loop_run(loop);
}

static struct answer ask(const struct cc_pg_query *queries, size_t count, const char *tenant,
                         bool writes)
{
    struct answer answer = {0};
    ck_assert_int_eq(submit(&answer, queries, count, tenant, writes, in_ms(5000)), CC_OK);
    ck_assert_int_eq(answer.count, 0);
    wait_for(&answer);
    return answer;
}

static const struct cc_pg_statement
    one = {"one", "SELECT 1"},
    whoami = {"whoami", "SELECT coalesce(current_setting('callcell.tenant', true), '')"},
    insert_thing = {"insert_thing", "INSERT INTO thing VALUES ($1::int, $2)"},
    count_things = {"count_things", "SELECT count(*) FROM thing"},
    read_thing = {"read_thing", "SELECT text FROM thing WHERE id = $1::int"},
    nonsense = {"nonsense", "SELECT * FROM nowhere"}, slow = {"slow", "SELECT pg_sleep(30)"},
    backend = {"backend", "SELECT pg_backend_pid()"};

static struct cc_pg_query query(const struct cc_pg_statement *statement, const char *a,
                                const char *b)
{
    struct cc_pg_query made = {.statement = statement};
    if (a)
        made.parameters[made.parameter_count++] = cc_slice_of(a);
    if (b)
        made.parameters[made.parameter_count++] = cc_slice_of(b);
    return made;
}

static struct answer ask_one(const struct cc_pg_statement *statement)
{
    struct cc_pg_query queries[] = {query(statement, NULL, NULL)};
    return ask(queries, 1, NULL, false);
}

/* Of the next pool that is opened; NULL: it has none. */
static struct cc_pg_pool *scout;
static const struct cc_pg_transaction *warm_up;

static void open_pool(const char *conninfo, size_t connections)
{
    struct cc_pg_options options = {.name = "test",
                                    .conninfo = conninfo,
                                    .connections = connections,
                                    .queue_max = 64,
                                    .connect_timeout_ms = 300,
                                    .scout = scout,
                                    .warm_up = warm_up};
    ck_assert_int_eq(cc_pg_pool_create(loop, &options, &pool), CC_OK);
}

static const char *primary_conninfo(void)
{
    static char conninfo[128];
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d user=postgres dbname=postgres",
             (int)primary.port);
    return conninfo;
}

static void open_primary(size_t connections)
{
    open_pool(primary_conninfo(), connections);
}

/* Once for all tests of the case, in the process that forks them. */
static void create_servers(void)
{
    test_postgres_create(&primary);
    test_postgres_create_standby(&standby, &primary);
    test_postgres_start(&primary);
    test_postgres_start(&standby);
    test_postgres_sql(&primary,
                      "CREATE TABLE thing (id int PRIMARY KEY, text text NOT NULL CHECK (text <> "
                      "'bad')); CREATE ROLE weak LOGIN",
                      NULL, 0);
}

static void end_servers(void)
{
    test_server_end(&primary);
    test_server_end(&standby);
}

static void start(void)
{
    cc_log_init("test", CC_LOG_ERROR);
    test_postgres_sql(&primary, "TRUNCATE thing", NULL, 0);
    ck_assert_int_eq(cc_loop_create(&loop), CC_OK);
}

static void end(void)
{
    cc_pg_pool_free(pool);
    cc_loop_free(loop);
}

START_TEST(test_queries_and_prepared_statements)
{
    open_primary(1);
    for (int i = 0; i < 3; i++) {
        struct answer answer = ask_one(&one);
        ck_assert_int_eq(answer.error, CC_OK);
        ck_assert_str_eq(answer.values[1], "1");
        ck_assert(!answer.standby);
    }
    struct cc_pg_query write[] = {query(&insert_thing, "1", "good"),
                                  query(&insert_thing, "2", "better"),
                                  query(&read_thing, "2", NULL)};
    struct answer answer = ask(write, 3, NULL, true);
    ck_assert_int_eq(answer.error, CC_OK);
    ck_assert_str_eq(answer.values[1], "better");
    struct cc_pg_query null[] = {{.statement = &read_thing, .parameter_count = 1}};
    answer = ask(null, 1, NULL, false);
    ck_assert_int_eq(answer.error, CC_OK);
    ck_assert_int_eq(answer.rows, 0);
}
END_TEST

START_TEST(test_all_or_nothing)
{
    open_primary(1);
    struct cc_pg_query write[] = {query(&insert_thing, "1", "good"),
                                  query(&insert_thing, "2", "bad")};
    struct answer answer = ask(write, 2, NULL, true);
    ck_assert_int_eq(answer.error, CC_CONFLICT);
    ck_assert_str_eq(answer.sqlstate, "23514");
    ck_assert_str_eq(ask_one(&count_things).values[1], "0");
}
END_TEST

START_TEST(test_errors_are_mapped_and_the_connection_serves_on)
{
    open_primary(1);
    struct cc_pg_query malformed[] = {query(&insert_thing, "x", "good")};
    ck_assert_int_eq(ask(malformed, 1, NULL, true).error, CC_INVALID);
    struct cc_pg_query good[] = {query(&insert_thing, "1", "good")};
    ck_assert_int_eq(ask(good, 1, NULL, true).error, CC_OK);
    ck_assert_int_eq(ask(good, 1, NULL, true).error, CC_CONFLICT);
    ck_assert_int_eq(ask_one(&nonsense).error, CC_PROTOCOL);
    ck_assert_int_eq(ask_one(&nonsense).error, CC_PROTOCOL); /* not taken for prepared */
    struct cc_pg_query aborted[] = {query(&nonsense, NULL, NULL), query(&one, NULL, NULL)};
    ck_assert_int_eq(ask(aborted, 2, NULL, false).error, CC_PROTOCOL);
    ck_assert_str_eq(ask_one(&one).values[1], "1");
    struct cc_pg_query nul[] = {query(&read_thing, NULL, NULL)};
    nul[0].parameters[0] = cc_slice("1\0002", 3);
    nul[0].parameter_count = 1;
    struct answer answer = {0};
    ck_assert_int_eq(submit(&answer, nul, 1, NULL, false, in_ms(1000)), CC_INVALID);
}
END_TEST

START_TEST(test_forbidden)
{
    char conninfo[128];
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d user=weak dbname=postgres",
             (int)primary.port);
    open_pool(conninfo, 1);
    ck_assert_int_eq(ask_one(&count_things).error, CC_FORBIDDEN);
}
END_TEST

START_TEST(test_tenant_is_set_within_the_transaction_only)
{
    open_primary(1);
    struct cc_pg_query queries[] = {query(&whoami, NULL, NULL)};
    ck_assert_str_eq(ask(queries, 1, "acme", false).values[1], "acme");
    ck_assert_str_eq(ask(queries, 1, NULL, false).values[1], "");
    ck_assert_str_eq(ask(queries, 1, "o'neill", false).values[1], "o'neill");
}
END_TEST

START_TEST(test_pool_runs_several_and_bounds_its_queue)
{
    static struct answer answers[70];
    struct cc_pg_query queries[] = {query(&one, NULL, NULL)};
    open_primary(3);
    ask_one(&one);
    int taken = 0;
    for (int i = 0; i < 70; i++)
        taken += submit(&answers[i], queries, 1, NULL, false, in_ms(5000)) == CC_OK;
    ck_assert_int_lt(taken, 70);
    ck_assert_int_ge(taken, 64);
    for (int i = 0; i < taken; i++) {
        wait_for(&answers[i]);
        ck_assert_int_eq(answers[i].error, CC_OK);
    }
}
END_TEST

/* Each is a process in Postgres. */
START_TEST(test_a_connection_is_made_when_a_transaction_waits_for_one)
{
    static const struct cc_pg_statement
        ours = {"ours", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test'"},
        lock = {"lock", "SELECT pg_advisory_xact_lock(7)"}, hold = {"hold", "SELECT pg_sleep(30)"};
    struct answer held = {0}, waiting = {0};
    struct cc_pg_query holds[] = {query(&lock, NULL, NULL), query(&hold, NULL, NULL)};
    struct cc_pg_query waits[] = {query(&lock, NULL, NULL)};
    open_primary(4);
    for (int i = 0; i < 5; i++)
        ck_assert_str_eq(ask_one(&ours).values[1], "1");
    ck_assert_int_eq(submit(&held, holds, 2, NULL, false, in_ms(30000)), CC_OK);
    ck_assert_str_eq(ask_one(&ours).values[1], "2");
    ck_assert_int_eq(submit(&waiting, waits, 1, NULL, false, in_ms(30000)), CC_OK);
    ck_assert_str_eq(ask_one(&ours).values[1], "3");
    ck_assert_int_eq(held.count + waiting.count, 0);
}
END_TEST

/* The one that is made for it fails, while another goes on with something long. */
START_TEST(test_one_that_waits_gets_its_connection_in_the_end)
{
    static const struct cc_pg_statement hold = {"hold", "SELECT pg_sleep(30)"};
    struct answer held = {0}, given_up = {0}, waiting = {0};
    struct cc_pg_query holds[] = {query(&hold, NULL, NULL)}, queries[] = {query(&one, NULL, NULL)};
    open_primary(2);
    ck_assert_int_eq(submit(&held, holds, 1, NULL, false, in_ms(30000)), CC_OK);
    while (!cc_pg_pool_is_up(pool))
        uv_run(cc_loop_uv(loop), UV_RUN_ONCE);
    kill(primary.pid, SIGSTOP);
    ck_assert_int_eq(submit(&waiting, queries, 1, NULL, false, in_ms(20000)), CC_OK);
    ck_assert_int_eq(submit(&given_up, queries, 1, NULL, false, in_ms(2000)), CC_OK);
    wait_for(&given_up);
    kill(primary.pid, SIGCONT);
    ck_assert_int_eq(given_up.error, CC_TIMEOUT);
    wait_for(&waiting);
    ck_assert_int_eq(waiting.error, CC_OK);
    ck_assert_int_eq(held.count, 0);
}
END_TEST

START_TEST(test_killed_backend)
{
    struct answer pending = {0};
    struct cc_pg_query queries[] = {query(&slow, NULL, NULL)};
    open_primary(1);
    pid_t pid = (pid_t)strtol(ask_one(&backend).values[1], NULL, 10);
    ck_assert_int_eq(submit(&pending, queries, 1, NULL, true, in_ms(20000)), CC_OK);
    /* terminated, not killed -9: that would restart the whole server under the other tests */
    kill(pid, SIGTERM);
    wait_for(&pending);
    ck_assert_int_eq(pending.error, CC_UNKNOWN_OUTCOME);
    struct answer after = ask_one(&backend);
    ck_assert_int_eq(after.error, CC_OK);
    ck_assert_int_ne(strtol(after.values[1], NULL, 10), pid);
}
END_TEST

START_TEST(test_frozen_backend)
{
    struct answer reading = {0}, writing = {0};
    struct cc_pg_query queries[] = {query(&one, NULL, NULL)};
    open_primary(1);
    pid_t pid = (pid_t)strtol(ask_one(&backend).values[1], NULL, 10);
    kill(pid, SIGSTOP);
    ck_assert_int_eq(submit(&reading, queries, 1, NULL, false, in_ms(50)), CC_OK);
    wait_for(&reading);
    ck_assert_int_eq(reading.error, CC_TIMEOUT);
    pid_t second = (pid_t)strtol(ask_one(&backend).values[1], NULL, 10);
    ck_assert_int_ne(second, pid);
    kill(second, SIGSTOP);
    ck_assert_int_eq(submit(&writing, queries, 1, NULL, true, in_ms(50)), CC_OK);
    wait_for(&writing);
    ck_assert_int_eq(writing.error, CC_UNKNOWN_OUTCOME);
    kill(pid, SIGCONT);
    kill(second, SIGCONT);
    ck_assert_int_eq(ask_one(&one).error, CC_OK);
}
END_TEST

/* Writes rows until one waits for a standby: a changed setting reaches the servers' processes one
 * by one. */
static void write_until_one_waits(struct answer *answer, int *rows)
{
    char waiting[16] = "", id[16];
    int64_t until_us = in_ms(20000);
    for (*rows = 0; strcmp(waiting, "1") != 0;) {
        ck_assert_int_lt(cc_monotonic_us(), until_us);
        if (*rows == 0 || answer->count > 0) {
            *answer = (struct answer){0};
            snprintf(id, sizeof(id), "%d", ++*rows);
            struct cc_pg_query write[] = {query(&insert_thing, id, "good")};
            ck_assert_int_eq(submit(answer, write, 1, NULL, true, in_ms(20000)), CC_OK);
        }
        uv_run(cc_loop_uv(loop), UV_RUN_NOWAIT);
        test_postgres_sql(&primary,
                          "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
                          waiting, sizeof(waiting));
    }
}

static pid_t pid_of_backend(void)
{
    return (pid_t)strtol(ask_one(&backend).values[1], NULL, 10);
}

START_TEST(test_a_late_answer_costs_no_connection)
{
    static const struct cc_pg_statement late = {"late", "SELECT pg_sleep(0.2)"};
    struct answer answer = {0};
    struct cc_pg_query queries[] = {query(&late, NULL, NULL)};
    open_primary(2);
    pid_t pid = pid_of_backend();
    ck_assert_int_eq(submit(&answer, queries, 1, NULL, false, in_ms(50)), CC_OK);
    wait_for(&answer);
    ck_assert_int_eq(answer.error, CC_TIMEOUT);
    int64_t until_us = in_ms(10000);
    while (pid_of_backend() != pid)
        ck_assert_int_lt(cc_monotonic_us(), until_us);
    ck_assert_int_eq(answer.count, 1);
}
END_TEST

START_TEST(test_a_new_connection_is_warmed_up)
{
    static const struct cc_pg_statement
        warm = {"warm", "SELECT pg_advisory_lock($1::bigint)"},
        locks = {"locks", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND "
                          "objid = 11 AND pid = pg_backend_pid()"};
    static const struct cc_pg_query queries[] = {
        {.statement = &warm, .parameters = {{"11", 2}}, .parameter_count = 1}};
    static const struct cc_pg_transaction before = {.queries = queries, .query_count = 1};
    warm_up = &before;
    open_primary(1);
    warm_up = NULL;
    ck_assert_str_eq(ask_one(&locks).values[1], "1");
    struct answer pending = {0};
    struct cc_pg_query held[] = {query(&slow, NULL, NULL)};
    pid_t pid = pid_of_backend();
    ck_assert_int_eq(submit(&pending, held, 1, NULL, false, in_ms(20000)), CC_OK);
    kill(pid, SIGTERM);
    wait_for(&pending);
    ck_assert_str_eq(ask_one(&locks).values[1], "1");
}
END_TEST

START_TEST(test_a_failed_warm_up_does_no_harm)
{
    static const struct cc_pg_statement wrong = {"wrong", "SELECT 1 / 0"};
    static const struct cc_pg_query queries[] = {{.statement = &wrong}};
    static const struct cc_pg_transaction before = {.queries = queries, .query_count = 1};
    warm_up = &before;
    open_primary(1);
    warm_up = NULL;
    ck_assert_str_eq(ask_one(&one).values[1], "1");
}
END_TEST

START_TEST(test_one_that_stays_silent_is_replaced)
{
    static const struct cc_pg_statement hold = {"hold", "SELECT pg_sleep(30)"};
    struct answer silent = {0}, held = {0};
    struct cc_pg_query queries[] = {query(&one, NULL, NULL)}, holds[] = {query(&hold, NULL, NULL)};
    open_primary(2);
    pid_t pid = pid_of_backend();
    kill(pid, SIGSTOP);
    ck_assert_int_eq(submit(&silent, queries, 1, NULL, true, in_ms(50)), CC_OK);
    wait_for(&silent);
    ck_assert_int_eq(silent.error, CC_UNKNOWN_OUTCOME);
    ck_assert_int_eq(submit(&held, holds, 1, NULL, false, in_ms(30000)), CC_OK);
    ck_assert_int_ne(pid_of_backend(), pid);
    ck_assert_int_eq(silent.count + held.count, 1);
    kill(pid, SIGCONT);
}
END_TEST

START_TEST(test_not_replicated_is_an_unknown_outcome)
{
    struct answer answer = {0};
    int rows = 0;
    char count[16];
    open_primary(1);
    ask_one(&one);
    test_postgres_sql(&primary, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", NULL, 0);
    test_postgres_sql(&primary, "SELECT pg_reload_conf()", NULL, 0);
    write_until_one_waits(&answer, &rows);
    test_postgres_sql(&primary,
                      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = "
                      "'SyncRep'",
                      NULL, 0);
    wait_for(&answer);
    test_postgres_sql(&primary, "ALTER SYSTEM RESET synchronous_standby_names", NULL, 0);
    test_postgres_sql(&primary, "SELECT pg_reload_conf()", NULL, 0);
    ck_assert_int_eq(answer.error, CC_UNKNOWN_OUTCOME);
    snprintf(count, sizeof(count), "%d", rows);
    ck_assert_str_eq(ask_one(&count_things).values[1], count);
}
END_TEST

static void count_refusal(void *context, const char *message)
{
    int *refusals = context;
    ck_assert_str_eq(message, "the term is 1");
    (*refusals)++;
}

/* The guard's refusal: nothing is done; reads are not asked; its parameter may change any time. */
START_TEST(test_guard_comes_before_writes)
{
    static const struct cc_pg_statement require = {"require", "SELECT require($1::int)"};
    int refusals = 0;
    struct cc_pg_guard guard = {.statement = &require,
                                .parameter = "1",
                                .sqlstate = "CC001",
                                .on_refused = count_refusal,
                                .context = &refusals};
    struct cc_pg_options options = {
        .name = "test", .conninfo = primary_conninfo(), .connections = 1, .guard = &guard};
    test_postgres_sql(
        &primary,
        "CREATE OR REPLACE FUNCTION require(term int) RETURNS void LANGUAGE plpgsql AS "
        "$$BEGIN IF term <> 1 THEN RAISE EXCEPTION 'the term is 1' USING ERRCODE = "
        "'CC001'; END IF; END$$; TRUNCATE thing",
        NULL, 0);
    ck_assert_int_eq(cc_pg_pool_create(loop, &options, &pool), CC_OK);
    struct cc_pg_query queries[] = {query(&insert_thing, "1", "allowed"),
                                    query(&whoami, NULL, NULL)};
    struct answer answer = ask(queries, 2, "acme", true);
    ck_assert_int_eq(answer.error, CC_OK);
    ck_assert_str_eq(answer.values[1], "acme");
    snprintf(guard.parameter, sizeof(guard.parameter), "2");
    queries[0] = query(&insert_thing, "2", "refused");
    answer = ask(queries, 2, "acme", true);
    ck_assert_int_eq(answer.error, CC_UNAVAILABLE);
    ck_assert_str_eq(answer.sqlstate, "CC001");
    ck_assert_int_eq(refusals, 1);
    ck_assert_str_eq(ask_one(&count_things).values[1], "1");
    snprintf(guard.parameter, sizeof(guard.parameter), "1");
    ck_assert_int_eq(ask(queries, 2, "acme", true).error, CC_OK);
    ck_assert_int_eq(refusals, 1);
}
END_TEST

START_TEST(test_unreachable_opens_the_breaker)
{
    char conninfo[128];
    struct answer answer = {0};
    struct cc_pg_query queries[] = {query(&one, NULL, NULL)};
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d user=postgres",
             (int)test_free_port());
    open_pool(conninfo, 2);
    ck_assert_int_eq(submit(&answer, queries, 1, NULL, false, in_ms(5000)), CC_OK);
    int64_t began_us = cc_monotonic_us();
    wait_for(&answer);
    ck_assert_int_eq(answer.error, CC_UNAVAILABLE);
    ck_assert_int_lt(answer.at_us - began_us, 1000000);
    ck_assert_int_eq(submit(&answer, queries, 1, NULL, false, in_ms(5000)), CC_UNAVAILABLE);
    ck_assert(!cc_pg_pool_is_up(pool));
}
END_TEST

START_TEST(test_host_names_are_refused)
{
    struct cc_pg_options options = {.name = "test", .conninfo = "host=localhost"};
    ck_assert_int_eq(cc_pg_pool_create(loop, &options, &pool), CC_INVALID);
    options.conninfo = "host=127.0.0.1,127.0.0.1,127.0.0.1 port=1,2";
    ck_assert_int_eq(cc_pg_pool_create(loop, &options, &pool), CC_INVALID);
    options.conninfo = "nothing here";
    ck_assert_int_eq(cc_pg_pool_create(loop, &options, &pool), CC_INVALID);
}
END_TEST

START_TEST(test_silent_first_host_does_not_hide_the_second)
{
    char conninfo[160];
    int64_t silent = 0;
    int fd = test_listen(&silent); /* takes connections, says nothing */
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1,127.0.0.1 port=%d,%d user=postgres dbname=postgres", (int)silent,
             (int)primary.port);
    open_pool(conninfo, 1);
    struct answer answer = {0};
    struct cc_pg_query queries[] = {query(&one, NULL, NULL)};
    int64_t until_us = in_ms(10000);
    while (answer.error != CC_OK || answer.count == 0) {
        ck_assert_int_lt(cc_monotonic_us(), until_us);
        answer = (struct answer){0};
        if (submit(&answer, queries, 1, NULL, false, in_ms(2000)) == CC_OK)
            wait_for(&answer);
        else
            uv_run(cc_loop_uv(loop), UV_RUN_ONCE);
    }
    close(fd);
}
END_TEST

static int take_connection(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    for (; fd < 0; fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK))
        uv_run(cc_loop_uv(loop), UV_RUN_NOWAIT);
    return fd;
}

static bool is_given_up(int fd)
{
    char bytes[64];
    return recv(fd, bytes, sizeof(bytes), 0) == 0;
}

static int listen_for_pool(char conninfo[100])
{
    int64_t port = 0;
    int listener = test_listen(&port);
    ck_assert_int_eq(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    snprintf(conninfo, 100, "host=127.0.0.1 port=%d user=postgres dbname=postgres", (int)port);
    return listener;
}

/* A storm of connections of all workers is what a Postgres that comes back needs least. */
START_TEST(test_one_knocks_while_nothing_answers)
{
    char conninfo[100];
    int listener = listen_for_pool(conninfo);
    open_pool(conninfo, 4);
    for (int i = 0; i < 3; i++) { /* from the start on, and when it has failed */
        ck_assert_int_eq(cc_pg_pool_has_failed(pool), i > 0);
        int knocking = take_connection(listener);
        while (!is_given_up(knocking)) {
            uv_run(cc_loop_uv(loop), UV_RUN_NOWAIT);
            ck_assert_int_eq(accept4(listener, NULL, NULL, SOCK_NONBLOCK), -1);
        }
        close(knocking);
    }
    close(listener);
}
END_TEST

/* Two listeners stand for one Postgres, so that it can be told who asks. */
START_TEST(test_while_nothing_answers_only_the_scout_asks)
{
    enum { TRIES = 5 };
    char conninfo[100];
    struct answer answer = {0};
    struct cc_pg_query queries[] = {query(&one, NULL, NULL)};
    int for_scout = listen_for_pool(conninfo);
    open_pool(conninfo, 1);
    scout = pool;
    int for_pool = listen_for_pool(conninfo);
    open_pool(conninfo, 4);
    close(take_connection(for_scout));
    close(take_connection(for_pool));
    while (!cc_pg_pool_has_failed(pool) || !cc_pg_pool_has_failed(scout))
        uv_run(cc_loop_uv(loop), UV_RUN_NOWAIT);
    for (int i = 0; i < TRIES; i++)
        close(take_connection(for_scout));
    ck_assert_int_eq(accept4(for_pool, NULL, NULL, SOCK_NONBLOCK), -1);
    ck_assert_int_eq(submit(&answer, queries, 1, NULL, false, in_ms(100)), CC_UNAVAILABLE);
    close(for_scout);
    close(take_connection(for_pool)); /* in the end it asks for itself */
    close(for_pool);
    cc_pg_pool_free(pool);
    pool = scout;
}
END_TEST

START_TEST(test_a_pool_comes_up_after_its_scout)
{
    static const struct cc_pg_statement hold = {"hold", "SELECT pg_sleep(30)"};
    struct answer held = {0}, queued = {0}, answer = {0};
    struct cc_pg_query holds[] = {query(&hold, NULL, NULL)};
    struct cc_pg_query queries[] = {query(&one, NULL, NULL)};
    open_primary(1);
    scout = pool;
    open_primary(1);
    pid_t pid = pid_of_backend();
    ck_assert_int_eq(submit(&held, holds, 1, NULL, false, in_ms(30000)), CC_OK);
    ck_assert_int_eq(submit(&queued, queries, 1, NULL, false, in_ms(30000)), CC_OK);
    kill(pid, SIGKILL); /* restarts the whole server */
    wait_for(&queued);
    ck_assert_int_eq(queued.error, CC_UNAVAILABLE); /* nobody waits for a database that is gone */
    ck_assert_int_eq(held.count, 1);
    ck_assert(cc_pg_pool_has_failed(pool));
    while (!cc_pg_pool_is_up(pool))
        uv_run(cc_loop_uv(loop), UV_RUN_ONCE);
    ck_assert(cc_pg_pool_is_up(scout));
    ck_assert_int_eq(submit(&answer, queries, 1, NULL, false, in_ms(5000)), CC_OK);
    wait_for(&answer);
    ck_assert_int_eq(answer.error, CC_OK);
    cc_pg_pool_free(pool);
    pool = scout;
}
END_TEST

START_TEST(test_hosts_are_chosen_by_role)
{
    char conninfo[200];
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1,127.0.0.1 port=%d,%d user=postgres dbname=postgres "
             "target_session_attrs=read-write",
             (int)standby.port, (int)primary.port);
    open_pool(conninfo, 1);
    struct answer answer = ask_one(&one);
    ck_assert_int_eq(answer.error, CC_OK);
    ck_assert(!answer.standby);
    cc_pg_pool_free(pool);
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1,127.0.0.1 port=%d,%d user=postgres dbname=postgres "
             "target_session_attrs=prefer-standby",
             (int)primary.port, (int)standby.port);
    open_pool(conninfo, 1);
    answer = ask_one(&one);
    ck_assert_int_eq(answer.error, CC_OK);
    ck_assert(answer.standby);
}
END_TEST

START_TEST(test_read_only_node_is_left)
{
    char conninfo[128];
    struct cc_pg_statement temporary = {"role", "CREATE ROLE nobody_at_all"};
    struct cc_pg_query queries[] = {query(&temporary, NULL, NULL)};
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d user=postgres dbname=postgres",
             (int)standby.port);
    open_pool(conninfo, 1);
    char before[64];
    snprintf(before, sizeof(before), "%s", ask_one(&backend).values[1]);
    struct answer answer = ask(queries, 1, NULL, true);
    ck_assert_int_eq(answer.error, CC_UNAVAILABLE);
    ck_assert_str_eq(answer.sqlstate, "25006");
    ck_assert_str_ne(ask_one(&backend).values[1], before);
}
END_TEST

START_TEST(test_free_cancels)
{
    struct answer running = {0}, queued = {0};
    struct cc_pg_query queries[] = {query(&slow, NULL, NULL)};
    open_primary(1);
    ask_one(&one);
    ck_assert_int_eq(submit(&running, queries, 1, NULL, false, in_ms(9000)), CC_OK);
    ck_assert_int_eq(submit(&queued, queries, 1, NULL, false, in_ms(9000)), CC_OK);
    cc_pg_pool_free(pool);
    pool = NULL;
    ck_assert_int_eq(running.error, CC_CANCELLED);
    ck_assert_int_eq(queued.error, CC_CANCELLED);
    ck_assert_int_eq(running.count + queued.count, 2);
}
END_TEST

/* kill -9 of a backend restarts the whole server: in a case of its own. */
START_TEST(test_killed_server_and_return)
{
    struct answer pending = {0};
    struct cc_pg_query queries[] = {query(&slow, NULL, NULL)};
    open_primary(2);
    pid_t pid = (pid_t)strtol(ask_one(&backend).values[1], NULL, 10);
    ck_assert_int_eq(submit(&pending, queries, 1, NULL, false, in_ms(20000)), CC_OK);
    kill(pid, SIGKILL);
    wait_for(&pending);
    ck_assert_int_eq(pending.error, CC_UNAVAILABLE);
    int64_t until_us = in_ms(20000);
    struct answer answer = {.error = CC_UNAVAILABLE};
    struct cc_pg_query again[] = {query(&one, NULL, NULL)};
    while (answer.error != CC_OK || answer.count == 0) {
        ck_assert_int_lt(cc_monotonic_us(), until_us);
        answer = (struct answer){0};
        if (submit(&answer, again, 1, NULL, false, in_ms(2000)) == CC_OK)
            wait_for(&answer);
        else
            uv_run(cc_loop_uv(loop), UV_RUN_ONCE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pg");
    TCase *tc = tcase_create("pg");
    tcase_set_timeout(tc, 40);
    tcase_add_unchecked_fixture(tc, create_servers, end_servers);
    tcase_add_checked_fixture(tc, start, end);
    tcase_add_test(tc, test_queries_and_prepared_statements);
    tcase_add_test(tc, test_all_or_nothing);
    tcase_add_test(tc, test_errors_are_mapped_and_the_connection_serves_on);
    tcase_add_test(tc, test_forbidden);
    tcase_add_test(tc, test_tenant_is_set_within_the_transaction_only);
    tcase_add_test(tc, test_pool_runs_several_and_bounds_its_queue);
    tcase_add_test(tc, test_a_connection_is_made_when_a_transaction_waits_for_one);
    tcase_add_test(tc, test_one_that_waits_gets_its_connection_in_the_end);
    tcase_add_test(tc, test_killed_backend);
    tcase_add_test(tc, test_frozen_backend);
    tcase_add_test(tc, test_a_late_answer_costs_no_connection);
    tcase_add_test(tc, test_a_new_connection_is_warmed_up);
    tcase_add_test(tc, test_a_failed_warm_up_does_no_harm);
    tcase_add_test(tc, test_one_that_stays_silent_is_replaced);
    tcase_add_test(tc, test_not_replicated_is_an_unknown_outcome);
    tcase_add_test(tc, test_guard_comes_before_writes);
    tcase_add_test(tc, test_unreachable_opens_the_breaker);
    tcase_add_test(tc, test_host_names_are_refused);
    tcase_add_test(tc, test_silent_first_host_does_not_hide_the_second);
    tcase_add_test(tc, test_one_knocks_while_nothing_answers);
    tcase_add_test(tc, test_while_nothing_answers_only_the_scout_asks);
    tcase_add_test(tc, test_hosts_are_chosen_by_role);
    tcase_add_test(tc, test_read_only_node_is_left);
    tcase_add_test(tc, test_free_cancels);
    tcase_add_test(tc, test_killed_server_and_return);
    tcase_add_test(tc, test_a_pool_comes_up_after_its_scout);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
