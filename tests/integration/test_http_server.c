/* The HTTP server over raw sockets: what is refused, what is served, and how it stops. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/http_server.h"
#include "base/log.h"
#include "tests/support/loop_thread.h"

enum { PENDING_MAX = 64 };

static struct {
    struct loop_thread *thread;
    struct cc_http_server *server;
    struct cc_http_server_options options;
    int64_t port;
    struct cc_http_request *pending[PENDING_MAX];
    int pending_count;
    int handled, refused, last_status, drained;
} t;

static int get(const int *value)
{
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static void add(int *value)
{
    __atomic_add_fetch(value, 1, __ATOMIC_SEQ_CST);
}

static void handle_echo(struct cc_http_request *request)
{
    add(&t.handled);
    cc_http_json(request, 200, request->body);
}

static void handle_later(struct cc_http_request *request)
{
    add(&t.handled);
    t.pending[t.pending_count] = request;
    add(&t.pending_count);
}

static void handle_tenant(struct cc_http_request *request)
{
    size_t count = 0;
    struct cc_slice value = cc_http_header(request, "x-thing", &count);
    struct cc_slice query = cc_http_query(request, "b");
    struct cc_slice text =
        cc_arena_printf(&request->arena, "%.*s|%.*s|%zu|%.*s", (int)request->segments[1].length,
                        request->segments[1].data, (int)value.length, value.data, count,
                        (int)query.length, query.data);
    cc_http_json(request, 200, text);
}

static const struct cc_http_route routes[] = {
    {"POST", "/echo", handle_echo},
    {"GET", "/hello", handle_echo},
    {"POST", "/later", handle_later},
    {"GET", "/tenants/:tenant/x", handle_tenant},
};

static void on_refused(void *context, int status, const char *why,
                       const struct cc_http_request *request)
{
    (void)context, (void)why, (void)request;
    __atomic_store_n(&t.last_status, status, __ATOMIC_SEQ_CST);
    add(&t.refused);
}

static void create_server(void *context)
{
    (void)context;
    ck_assert_int_eq(cc_http_server_create(loop_thread_loop(t.thread), &t.options, &t.server),
                     CC_OK);
    t.port = cc_http_server_port(t.server);
}

static void free_server(void *context)
{
    (void)context;
    cc_http_server_free(t.server);
}

static void release(void *context)
{
    (void)context;
    for (int i = 0; i < t.pending_count; i++)
        cc_http_json(t.pending[i], 200, CC_SLICE_LITERAL("late"));
    t.pending_count = 0;
}

static void start(void)
{
    memset(&t, 0, sizeof(t));
    cc_log_init("test", CC_LOG_ERROR);
    t.options = (struct cc_http_server_options){.body_max = 64 * 1024,
                                                .routes = routes,
                                                .route_count = sizeof(routes) / sizeof(*routes),
                                                .on_refused = on_refused};
}

static void up(void)
{
    t.thread = loop_thread_start();
    loop_thread_call(t.thread, create_server, NULL);
}

static void down(void)
{
    loop_thread_call(t.thread, release, NULL);
    loop_thread_call(t.thread, free_server, NULL);
    loop_thread_stop(t.thread);
}

static int ask(const char *text)
{
    int fd = test_connect(t.port);
    ck_assert_int_ge(fd, 0);
    ck_assert(test_send(fd, cc_slice_of(text)));
    int status = test_read_response(fd, NULL, 0, NULL);
    close(fd);
    return status;
}

#define HOST "Host: a\r\n"

static const struct {
    const char *request;
    int status;
} bad[] = {
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\n",
     501},
    {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: +2\r\n\r\nab", 400},
    {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2, 2\r\n\r\nab", 400},
    {"GET /hello HTTP/1.1\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" HOST "Host: b\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
    {"GET /hello HTTP/1.1\n" HOST "\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" HOST "X: a\n\r\n", 400},
    {"GET http://a/hello HTTP/1.1\r\n" HOST "\r\n", 400},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /hello HTTP/1.1\r\n" HOST "X : a\r\n\r\n", 400},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
    {"GET /none HTTP/1.1\r\n" HOST "\r\n", 404},
    {"GET /echo HTTP/1.1\r\n" HOST "\r\n", 405},
    {"GET /tenants//x HTTP/1.1\r\n" HOST "\r\n", 404},
};

START_TEST(test_bad_requests_are_refused_once)
{
    up();
    int fd = test_connect(t.port);
    ck_assert(test_send(fd, cc_slice_of(bad[_i].request)));
    bool closes = false;
    char body[1024];
    ck_assert_int_eq(test_read_response(fd, body, sizeof(body), &closes), bad[_i].status);
    if (bad[_i].status != 404 && bad[_i].status != 405)
        ck_assert(test_is_closed(fd));
    else
        ck_assert_ptr_nonnull(strstr(body, "urn:callcell:problem:"));
    ck_assert(test_wait_for(&t.refused, 1));
    close(fd);
    down();
    ck_assert_int_eq(get(&t.refused), 1);
    ck_assert_int_eq(get(&t.handled), 0);
}
END_TEST

/* Head of head_bytes with the blank line, or without an end. */
static char *long_head(size_t head_bytes, bool ended)
{
    static const char first[] = "GET /hello HTTP/1.1\r\n" HOST;
    char *text = malloc(head_bytes + 1);
    size_t length = sizeof(first) - 1;
    memcpy(text, first, length);
    for (int i = 0; length + 1200 < head_bytes; i++) {
        length += (size_t)snprintf(text + length, 1100, "x-%d: ", i);
        memset(text + length, 'a', 1000);
        memcpy(text + length + 1000, "\r\n", 2);
        length += 1002;
    }
    length += (size_t)snprintf(text + length, 10, "y: ");
    size_t rest = head_bytes - length - 4;
    memset(text + length, 'b', rest);
    memcpy(text + length + rest, ended ? "\r\n\r\n" : "cccc", 5);
    return text;
}

START_TEST(test_head_size_is_bounded)
{
    up();
    char *fits = long_head(CC_HTTP_HEAD_MAX, true);
    char *larger = long_head(CC_HTTP_HEAD_MAX + 1, true);
    ck_assert_int_eq(ask(fits), 200);
    ck_assert_int_eq(ask(larger), 431);
    char *endless = long_head(300 * 1024, false);
    int fd = test_connect(t.port);
    test_send(fd, cc_slice_of(endless)); /* may fail: the server hangs up on the way */
    ck_assert(test_is_closed(fd));
    close(fd);
    ck_assert(test_wait_for(&t.refused, 2));
    ck_assert_int_eq(get(&t.last_status), 431);
    free(fits);
    free(larger);
    free(endless);
    down();
    ck_assert_int_eq(get(&t.refused), 2);
}
END_TEST

static int post(int fd, size_t body_length, char *answer, size_t capacity)
{
    char head[128];
    char *body = malloc(body_length + 1);
    memset(body, 'z', body_length);
    int length =
        snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                 body_length);
    test_send(fd, cc_slice(head, (size_t)length));
    test_send(fd, cc_slice(body, body_length));
    free(body);
    return test_read_response(fd, answer, capacity, NULL);
}

START_TEST(test_bodies_up_to_the_bound)
{
    up();
    int fd = test_connect(t.port);
    char *answer = malloc(100 * 1024);
    ck_assert_int_eq(post(fd, 60 * 1024, answer, 100 * 1024), 200);
    ck_assert_uint_eq(strlen(answer), 60 * 1024);
    ck_assert_int_eq(post(fd, 64 * 1024, answer, 100 * 1024), 200);
    ck_assert_int_eq(post(fd, 64 * 1024 + 1, answer, 100 * 1024), 413);
    ck_assert(test_is_closed(fd));
    ck_assert(test_wait_for(&t.refused, 1));
    ck_assert_int_eq(get(&t.last_status), 413);
    free(answer);
    close(fd);
    down();
    ck_assert_int_eq(get(&t.refused), 1);
}
END_TEST

START_TEST(test_split_pipelined_and_kept_alive)
{
    up();
    static const char one[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc";
    char body[64];
    int fd = test_connect(t.port);
    for (size_t i = 0; i < sizeof(one) - 1; i++)
        ck_assert(test_send(fd, cc_slice(one + i, 1)));
    ck_assert_int_eq(test_read_response(fd, body, sizeof(body), NULL), 200);
    ck_assert_str_eq(body, "abc");
    for (int i = 0; i < 5; i++)
        ck_assert(test_send(fd, CC_SLICE_LITERAL(one)));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(test_read_response(fd, body, sizeof(body), NULL), 200);
    for (int i = 0; i < 100; i++) {
        ck_assert(test_send(fd, CC_SLICE_LITERAL(one)));
        ck_assert_int_eq(test_read_response(fd, body, sizeof(body), NULL), 200);
    }
    /* The bound holds on a connection that was used before. */
    char *larger = long_head(CC_HTTP_HEAD_MAX + 1, true);
    ck_assert(test_send(fd, cc_slice_of(larger)));
    ck_assert_int_eq(test_read_response(fd, body, sizeof(body), NULL), 431);
    free(larger);
    close(fd);
    fd = test_connect(t.port);
    ck_assert(test_send(fd, CC_SLICE_LITERAL("POST /echo HTTP/1.1\r\n" HOST
                                             "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")));
    ck_assert_int_eq(test_read_response(fd, NULL, 0, NULL), 100);
    ck_assert(test_send(fd, CC_SLICE_LITERAL("abc")));
    ck_assert_int_eq(test_read_response(fd, body, sizeof(body), NULL), 200);
    close(fd);
    down();
    ck_assert_int_eq(get(&t.handled), 107);
}
END_TEST

START_TEST(test_smuggled_request_is_not_served)
{
    up();
    int fd = test_connect(t.port);
    ck_assert(
        test_send(fd, CC_SLICE_LITERAL("POST /echo HTTP/1.1\r\n" HOST
                                       "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       "0\r\n\r\nPOST /echo HTTP/1.1\r\n" HOST
                                       "Content-Length: 1\r\n\r\nx")));
    ck_assert_int_eq(test_read_response(fd, NULL, 0, NULL), 501);
    ck_assert(test_is_closed(fd));
    close(fd);
    down();
    ck_assert_int_eq(get(&t.handled), 0);
}
END_TEST

START_TEST(test_request_is_read)
{
    up();
    char body[128];
    int fd = test_connect(t.port);
    ck_assert(test_send(fd, CC_SLICE_LITERAL("GET /tenants/acme/x?a=1&b=%20two HTTP/1.1\r\n" HOST
                                             "X-Thing:  first \r\nx-thing: second\r\n\r\n")));
    ck_assert_int_eq(test_read_response(fd, body, sizeof(body), NULL), 200);
    ck_assert_str_eq(body, "acme|first|2|%20two");
    close(fd);
    down();
}
END_TEST

START_TEST(test_slow_requests_are_cut)
{
    t.options.request_timeout_ms = 300;
    up();
    int head = test_connect(t.port);
    int body = test_connect(t.port);
    ck_assert(test_send(head, CC_SLICE_LITERAL("GET /hello HTT")));
    ck_assert(test_send(
        body, CC_SLICE_LITERAL("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab")));
    ck_assert(test_is_closed(head));
    ck_assert(test_is_closed(body));
    ck_assert(test_wait_for(&t.refused, 2));
    ck_assert_int_eq(get(&t.last_status), 408);
    close(head);
    close(body);
    down();
    ck_assert_int_eq(get(&t.refused), 2);
    ck_assert_int_eq(get(&t.handled), 0);
}
END_TEST

static void read_in_flight(void *context)
{
    *(size_t *)context = cc_http_server_in_flight(t.server);
}

#define LATER "POST /later HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"

START_TEST(test_client_may_leave_while_pending)
{
    up();
    for (int i = 1; i <= 10; i++) {
        int fd = test_connect(t.port);
        ck_assert(test_send(fd, CC_SLICE_LITERAL(LATER)));
        ck_assert(test_wait_for(&t.pending_count, i));
        close(fd);
    }
    loop_thread_call(t.thread, release, NULL);
    ck_assert_int_eq(ask("GET /hello HTTP/1.1\r\n" HOST "\r\n"), 200);
    size_t in_flight = SIZE_MAX;
    loop_thread_call(t.thread, read_in_flight, &in_flight);
    ck_assert_uint_eq(in_flight, 0);
    down();
}
END_TEST

START_TEST(test_in_flight_is_bounded)
{
    t.options.in_flight_max = 2;
    up();
    int a = test_connect(t.port), b = test_connect(t.port);
    ck_assert(test_send(a, CC_SLICE_LITERAL(LATER)));
    ck_assert(test_send(b, CC_SLICE_LITERAL(LATER)));
    ck_assert(test_wait_for(&t.pending_count, 2));
    ck_assert_int_eq(ask("GET /hello HTTP/1.1\r\n" HOST "\r\n"), 503);
    loop_thread_call(t.thread, release, NULL);
    ck_assert_int_eq(test_read_response(a, NULL, 0, NULL), 200);
    ck_assert_int_eq(test_read_response(b, NULL, 0, NULL), 200);
    close(a);
    close(b);
    down();
}
END_TEST

/* ---- stopping ---- */

static struct {
    int answered, lost, stop;
} load;

static void *load_thread(void *context)
{
    (void)context;
    int fd = -1;
    bool closes = true;
    while (!get(&load.stop)) {
        if (closes) {
            if (fd >= 0)
                close(fd);
            fd = test_connect(t.port);
            if (fd < 0)
                return NULL; /* refused: the carrier goes to the other edge */
        }
        if (!test_send(fd, CC_SLICE_LITERAL("POST /echo HTTP/1.1\r\n" HOST
                                            "Content-Length: 3\r\n\r\nabc")) ||
            test_read_response(fd, NULL, 0, &closes) != 200) {
            add(&load.lost);
            break;
        }
        add(&load.answered);
    }
    close(fd);
    return NULL;
}

static void on_drained(void *context)
{
    (void)context;
    add(&t.drained);
}

static void drain(void *context)
{
    int64_t *within_us = context;
    cc_http_server_drain(t.server, cc_monotonic_us() + *within_us, on_drained, NULL);
}

START_TEST(test_a_flood_of_connections_keeps_nobody_out)
{
    int flood[20];
    t.options.connections_max = 8;
    up();
    for (size_t i = 0; i < sizeof(flood) / sizeof(flood[0]); i++) {
        flood[i] = test_connect(t.port);
        ck_assert_int_ge(flood[i], 0);
        ck_assert(test_send(flood[i], CC_SLICE_LITERAL("POST /echo HTTP/1.1\r\nHost: a\r\n")));
        ck_assert_int_eq(ask("GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), 200);
    }
    ck_assert(test_is_closed(flood[0])); /* the oldest made room */
    ck_assert(test_wait_for(&t.refused, 10));
    for (size_t i = 0; i < sizeof(flood) / sizeof(flood[0]); i++)
        close(flood[i]);
    down();
}
END_TEST

START_TEST(test_drain_under_load_loses_nothing)
{
    pthread_t threads[16];
    int64_t within_us = 8 * 1000 * 1000;
    memset(&load, 0, sizeof(load));
    up();
    int pending = test_connect(t.port), idle = test_connect(t.port);
    ck_assert(test_send(pending, CC_SLICE_LITERAL(LATER)));
    ck_assert(test_wait_for(&t.pending_count, 1));
    for (int i = 0; i < 16; i++)
        pthread_create(&threads[i], NULL, load_thread, NULL);
    ck_assert(test_wait_for(&load.answered, 500));
    loop_thread_call(t.thread, drain, &within_us);
    for (int i = 0; i < 16; i++)
        pthread_join(threads[i], NULL);
    ck_assert(test_is_closed(idle));
    ck_assert_int_eq(get(&t.drained), 0); /* one is still pending */
    loop_thread_call(t.thread, release, NULL);
    bool closes = false;
    ck_assert_int_eq(test_read_response(pending, NULL, 0, &closes), 200);
    ck_assert(closes);
    ck_assert(test_wait_for(&t.drained, 1));
    close(pending);
    close(idle);
    down();
    ck_assert_int_eq(load.lost, 0);
    ck_assert_int_eq(get(&t.drained), 1);
}
END_TEST

START_TEST(test_a_stalled_request_does_not_hold_up_a_drain)
{
    int64_t within_us = INT64_C(600) * 1000 * 1000;
    t.options.request_timeout_ms = 600 * 1000;
    up();
    int head = test_connect(t.port), body = test_connect(t.port);
    ck_assert(test_send(head, CC_SLICE_LITERAL("GET /hello HTT")));
    ck_assert(test_send(
        body, CC_SLICE_LITERAL("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab")));
    loop_thread_call(t.thread, drain, &within_us);
    ck_assert(test_is_closed(head));
    ck_assert(test_is_closed(body));
    ck_assert(test_wait_for(&t.drained, 1));
    close(head);
    close(body);
    down();
    ck_assert_int_eq(get(&t.refused), 2);
    ck_assert_int_eq(get(&t.handled), 0);
}
END_TEST

START_TEST(test_drain_ends_at_the_hard_deadline)
{
    int64_t within_us = 100 * 1000;
    up();
    int fd = test_connect(t.port);
    ck_assert(test_send(fd, CC_SLICE_LITERAL(LATER)));
    ck_assert(test_wait_for(&t.pending_count, 1));
    loop_thread_call(t.thread, drain, &within_us);
    ck_assert(test_wait_for(&t.drained, 1));
    loop_thread_call(t.thread, free_server, NULL);
    ck_assert_int_eq(test_read_response(fd, NULL, 0, NULL), 503);
    ck_assert(test_is_closed(fd));
    close(fd);
    loop_thread_call(t.thread, release, NULL); /* the handler answers into the void */
    loop_thread_stop(t.thread);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_server");
    TCase *tc = tcase_create("http_server");
    tcase_set_timeout(tc, 15);
    tcase_add_checked_fixture(tc, start, NULL);
    tcase_add_loop_test(tc, test_bad_requests_are_refused_once, 0, sizeof(bad) / sizeof(*bad));
    tcase_add_test(tc, test_head_size_is_bounded);
    tcase_add_test(tc, test_bodies_up_to_the_bound);
    tcase_add_test(tc, test_split_pipelined_and_kept_alive);
    tcase_add_test(tc, test_smuggled_request_is_not_served);
    tcase_add_test(tc, test_request_is_read);
    tcase_add_test(tc, test_slow_requests_are_cut);
    tcase_add_test(tc, test_client_may_leave_while_pending);
    tcase_add_test(tc, test_in_flight_is_bounded);
    tcase_add_test(tc, test_a_flood_of_connections_keeps_nobody_out);
    tcase_add_test(tc, test_drain_under_load_loses_nothing);
    tcase_add_test(tc, test_a_stalled_request_does_not_hold_up_a_drain);
    tcase_add_test(tc, test_drain_ends_at_the_hard_deadline);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
