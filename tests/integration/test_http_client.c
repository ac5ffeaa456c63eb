/* The HTTP client against scripted peers on raw sockets, and against our own server. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io/http_client.h"
#include "base/log.h"
#include "tests/support/loop_thread.h"
#include "tests/support/servers.h"

static struct cc_loop *loop;
static struct cc_http_client *client;
static struct cc_http_client_options options;

struct answer {
    int count;
    enum cc_error error;
    int status;
    char body[256];
    size_t body_length;
    char header[64];
    int64_t at_us;
};

static void on_answer(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct answer *answer = context;
    answer->count++;
    answer->error = error;
    answer->at_us = cc_monotonic_us();
    if (response) {
        struct cc_slice header = cc_http_response_header(response, "x-thing");
        answer->status = response->status;
        answer->body_length = response->body.length;
        snprintf(answer->body, sizeof(answer->body), "%.*s", (int)response->body.length,
                 response->body.length ? response->body.data : "");
        snprintf(answer->header, sizeof(answer->header), "%.*s", (int)header.length,
                 header.length ? header.data : "");
    }
    cc_loop_end(loop);
}

static int64_t in_ms(int64_t ms)
{
    return cc_monotonic_us() + ms * 1000;
}

static enum cc_error start_to(struct answer *answer, const char *address, int64_t deadline_us,
                              bool retry, struct cc_http_handle **handle)
{
    struct cc_http_exchange exchange = {.address = cc_slice_of(address),
                                        .method = CC_SLICE_LITERAL("POST"),
                                        .path = CC_SLICE_LITERAL("/x?y=1"),
                                        .body = CC_SLICE_LITERAL("abc"),
                                        .deadline_us = deadline_us,
                                        .retry_stale_connection = retry,
                                        .done = on_answer,
                                        .context = answer};
    return cc_http_exchange_start(client, &exchange, handle);
}

static enum cc_error start(struct answer *answer, int64_t port, int64_t deadline_us, bool retry)
{
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%d", (int)port);
    return start_to(answer, address, deadline_us, retry, NULL);
}

static void wait_for(struct answer *answer)
{
    while (answer->count == 0)
        cc_loop_run(loop);
}

static struct answer ask(int64_t port, int64_t within_ms, bool retry)
{
    struct answer answer = {0};
    ck_assert_int_eq(start(&answer, port, in_ms(within_ms), retry), CC_OK);
    ck_assert_int_eq(answer.count, 0);
    wait_for(&answer);
    return answer;
}

static void set_up(void)
{
    cc_log_init("test", CC_LOG_ERROR);
    memset(&options, 0, sizeof(options));
    ck_assert_int_eq(cc_loop_create(&loop), CC_OK);
    ck_assert_int_eq(cc_http_client_create(loop, &options, &client), CC_OK);
}

static void recreate(void)
{
    cc_http_client_free(client);
    ck_assert_int_eq(cc_http_client_create(loop, &options, &client), CC_OK);
}

static void tear_down(void)
{
    cc_http_client_free(client);
    cc_loop_free(loop);
}

/* ---- a scripted peer: for each connection, in order, one list of answers; NULL ends the
 * connection ---- */

struct peer {
    int listener;
    int64_t port;
    const char *const *script; /* answers; "" closes without one; "RESET" resets; NULL: the last */
    bool byte_by_byte;
    pthread_t thread;
    int requests, connections;
};

static bool read_request(int fd)
{
    char bytes[4096];
    size_t length = 0;
    while (length + 1 < sizeof(bytes)) {
        ssize_t got = recv(fd, bytes + length, sizeof(bytes) - 1 - length, 0);
        if (got <= 0)
            return false;
        length += (size_t)got;
        bytes[length] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n");
        if (end && strlen(end) >= 4 + 3) /* the body is "abc" */
            return true;
    }
    return false;
}

static void say(const struct peer *peer, int fd, const char *text)
{
    if (!peer->byte_by_byte) {
        test_send(fd, cc_slice_of(text));
        return;
    }
    int one = 1;
    setsockopt(fd, 6, 1, &one, sizeof(one)); /* TCP_NODELAY */
    for (; *text; text++)
        test_send(fd, cc_slice(text, 1));
}

static void *peer_run(void *context)
{
    struct peer *peer = context;
    while (*peer->script) {
        int fd = accept(peer->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        __atomic_add_fetch(&peer->connections, 1, __ATOMIC_SEQ_CST);
        bool open = true;
        while (open && *peer->script && read_request(fd)) {
            const char *answer = *peer->script++;
            __atomic_add_fetch(&peer->requests, 1, __ATOMIC_SEQ_CST);
            open = answer[0] != '\0' && !strstr(answer, "close") && strcmp(answer, "RESET") != 0;
            if (strcmp(answer, "RESET") == 0) {
                struct linger linger = {1, 0};
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
            } else {
                say(peer, fd, answer);
            }
        }
        close(fd);
    }
    return NULL;
}

static void peer_start(struct peer *peer, const char *const *script)
{
    memset(peer, 0, sizeof(*peer));
    peer->script = script;
    peer->listener = test_listen(&peer->port);
    pthread_create(&peer->thread, NULL, peer_run, peer);
}

static void peer_end(struct peer *peer)
{
    shutdown(peer->listener, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->listener);
}

#define OK3 "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Thing: some \r\n\r\nyes"

/* ---- answers ---- */

static const struct {
    const char *text;
    enum cc_error error;
    int status;
    const char *body;
} answers[] = {
    {OK3, CC_OK, 200, "yes"},
    {"HTTP/1.1 204 No Content\r\n\r\n", CC_OK, 204, ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" OK3, CC_OK, 200, "yes"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: "
     "u\r\n\r\n",
     CC_OK, 200, "abc"},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", CC_OK, 200, "until the end"},
    {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", CC_OK, 503, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nshort", CC_PROTOCOL, 0, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", CC_PROTOCOL, 0, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", CC_PROTOCOL, 0,
     ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", CC_PROTOCOL, 0, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", CC_PROTOCOL, 0, ""},
    {"HTTP/1.1 101 Switching\r\n\r\n", CC_PROTOCOL, 0, ""},
    {"SSH-2.0-OpenSSH\r\n\r\n", CC_PROTOCOL, 0, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", CC_TOO_LARGE, 0, ""},
    {"", CC_UNAVAILABLE, 0, ""},
    {"RESET", CC_UNAVAILABLE, 0, ""},
};

START_TEST(test_answers_of_every_form)
{
    for (int slow = 0; slow <= 1; slow++) {
        const char *script[] = {answers[_i].text, NULL};
        struct peer peer;
        peer_start(&peer, script);
        peer.byte_by_byte = slow;
        struct answer answer = ask(peer.port, 5000, false);
        peer_end(&peer);
        ck_assert_int_eq(answer.error, answers[_i].error);
        ck_assert_int_eq(answer.status, answers[_i].status);
        ck_assert_str_eq(answer.body, answers[_i].body);
        recreate();
    }
}
END_TEST

START_TEST(test_connections_are_kept_and_headers_read)
{
    const char *script[] = {OK3, OK3, OK3, NULL};
    struct peer peer;
    peer_start(&peer, script);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(ask(peer.port, 5000, false).header, "some");
    peer_end(&peer);
    ck_assert_int_eq(peer.connections, 1);
    ck_assert_int_eq(peer.requests, 3);
}
END_TEST

START_TEST(test_close_is_honoured)
{
    const char *script[] = {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na",
                            OK3, NULL};
    struct peer peer;
    peer_start(&peer, script);
    ck_assert_int_eq(ask(peer.port, 5000, false).status, 200);
    ck_assert_int_eq(ask(peer.port, 5000, false).status, 200);
    peer_end(&peer);
    ck_assert_int_eq(peer.connections, 2);
}
END_TEST

/* The second request meets a connection that closes without an answer. */
START_TEST(test_stale_connection_is_retried_when_allowed)
{
    const char *script[] = {OK3, "", OK3, NULL};
    struct peer peer;
    peer_start(&peer, script);
    ck_assert_int_eq(ask(peer.port, 5000, true).error, CC_OK);
    struct answer answer = ask(peer.port, 5000, true);
    ck_assert_int_eq(answer.error, CC_OK);
    ck_assert_int_eq(answer.count, 1);
    peer_end(&peer);
    ck_assert_int_eq(peer.requests, 3);
    ck_assert_int_eq(peer.connections, 2);
}
END_TEST

START_TEST(test_stale_connection_is_not_retried_otherwise)
{
    const char *script[] = {OK3, "", OK3, NULL};
    struct peer peer;
    peer_start(&peer, script);
    ck_assert_int_eq(ask(peer.port, 5000, false).error, CC_OK);
    ck_assert_int_eq(ask(peer.port, 5000, false).error, CC_UNAVAILABLE);
    ck_assert_int_eq(ask(peer.port, 5000, false).error, CC_OK);
    peer_end(&peer);
}
END_TEST

START_TEST(test_retry_happens_once)
{
    const char *script[] = {OK3, "", "", OK3, NULL};
    struct peer peer;
    peer_start(&peer, script);
    ck_assert_int_eq(ask(peer.port, 5000, true).error, CC_OK);
    ck_assert_int_eq(ask(peer.port, 5000, true).error, CC_UNAVAILABLE);
    ck_assert_int_eq(ask(peer.port, 5000, true).error, CC_OK);
    peer_end(&peer);
}
END_TEST

START_TEST(test_refused)
{
    int64_t began_us = cc_monotonic_us();
    struct answer answer = ask(test_free_port(), 5000, true);
    ck_assert_int_eq(answer.error, CC_UNAVAILABLE);
    ck_assert_int_lt(answer.at_us - began_us, 1000000);
}
END_TEST

START_TEST(test_silence_ends_at_the_deadline)
{
    int64_t port = 0;
    int fd = test_listen(&port); /* connects, never answers: a stopped process */
    int64_t began_us = cc_monotonic_us();
    struct answer answer = ask(port, 100, true);
    ck_assert_int_eq(answer.error, CC_TIMEOUT);
    ck_assert_int_ge(answer.at_us - began_us, 99000);
    ck_assert_int_lt(answer.at_us - began_us, 1000000);
    close(fd);
}
END_TEST

START_TEST(test_late_answer_is_not_given_to_the_next)
{
    const char *script[] = {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst", OK3, NULL};
    struct peer peer;
    peer_start(&peer, script);
    ck_assert_int_eq(ask(peer.port, 100, true).error, CC_TIMEOUT);
    ck_assert_str_eq(ask(peer.port, 5000, true).body, "yes");
    peer_end(&peer);
    ck_assert_int_eq(peer.connections, 2);
}
END_TEST

START_TEST(test_bounds_and_bad_arguments)
{
    struct answer a[4] = {0};
    int64_t port = 0;
    int fd = test_listen(&port);
    options.connections_per_address = 1;
    options.queue_per_address = 2;
    recreate();
    ck_assert_int_eq(start(&a[0], port, in_ms(100), false), CC_OK);
    ck_assert_int_eq(start(&a[1], port, in_ms(100), false), CC_OK);
    ck_assert_int_eq(start(&a[2], port, in_ms(100), false), CC_FULL);
    ck_assert_int_eq(start_to(&a[2], "localhost:80", in_ms(100), false, NULL), CC_INVALID);
    ck_assert_int_eq(start_to(&a[2], "127.0.0.1", in_ms(100), false, NULL), CC_INVALID);
    ck_assert_int_eq(start_to(&a[2], "127.0.0.1:0", in_ms(100), false, NULL), CC_INVALID);
    ck_assert_int_eq(start_to(&a[2], "127.0.0.1:65536", in_ms(100), false, NULL), CC_INVALID);
    struct cc_http_header header = {CC_SLICE_LITERAL("x"), CC_SLICE_LITERAL("a\r\nb: c")};
    struct cc_http_exchange split = {.address = CC_SLICE_LITERAL("127.0.0.1:1"),
                                     .method = CC_SLICE_LITERAL("GET"),
                                     .path = CC_SLICE_LITERAL("/"),
                                     .headers = &header,
                                     .header_count = 1,
                                     .deadline_us = in_ms(100),
                                     .done = on_answer};
    ck_assert_int_eq(cc_http_exchange_start(client, &split, NULL), CC_INVALID);
    wait_for(&a[0]);
    wait_for(&a[1]);
    ck_assert_int_eq(a[0].error, CC_TIMEOUT);
    ck_assert_int_eq(a[1].error, CC_TIMEOUT);
    ck_assert_int_eq(a[2].count, 0);
    close(fd);
}
END_TEST

START_TEST(test_cancel_and_free)
{
    struct answer cancelled = {0}, freed = {0}, queued = {0};
    struct cc_http_handle *handle = NULL;
    char address[32];
    int64_t port = 0;
    int fd = test_listen(&port);
    snprintf(address, sizeof(address), "127.0.0.1:%d", (int)port);
    options.connections_per_address = 1;
    recreate();
    ck_assert_int_eq(start_to(&cancelled, address, in_ms(5000), false, &handle), CC_OK);
    cc_http_exchange_cancel(handle);
    ck_assert_int_eq(start(&freed, port, in_ms(5000), false), CC_OK);
    ck_assert_int_eq(start(&queued, port, in_ms(5000), false), CC_OK);
    uv_run(cc_loop_uv(loop), UV_RUN_ONCE);
    cc_http_client_free(client);
    client = NULL;
    wait_for(&freed);
    wait_for(&queued);
    ck_assert_int_eq(freed.error, CC_CANCELLED);
    ck_assert_int_eq(queued.error, CC_CANCELLED);
    ck_assert_int_eq(cancelled.count, 0);
    close(fd);
}
END_TEST

/* ---- against our own server ---- */

static struct cc_http_server *own;
static int left;

static void handle_echo(struct cc_http_request *request)
{
    cc_http_json(request, 200, request->body);
}

static void on_many(void *context, enum cc_error error, const struct cc_http_response *response)
{
    int *wrong = context;
    if (error != CC_OK || response->status != 200 || !cc_slice_is(response->body, "abc"))
        (*wrong)++;
    if (--left == 0)
        cc_loop_end(loop);
}

START_TEST(test_many_exchanges_with_our_server)
{
    static const struct cc_http_route routes[] = {{"POST", "/x", handle_echo}};
    struct cc_http_server_options server_options = {.routes = routes, .route_count = 1};
    int wrong = 0;
    char address[32];
    ck_assert_int_eq(cc_http_server_create(loop, &server_options, &own), CC_OK);
    snprintf(address, sizeof(address), "127.0.0.1:%d", (int)cc_http_server_port(own));
    for (int round = 0; round < 20; round++) {
        left = 500;
        for (int i = 0; i < 500; i++) {
            struct cc_http_exchange exchange = {.address = cc_slice_of(address),
                                                .method = CC_SLICE_LITERAL("POST"),
                                                .path = CC_SLICE_LITERAL("/x"),
                                                .body = CC_SLICE_LITERAL("abc"),
                                                .deadline_us = in_ms(10000),
                                                .done = on_many,
                                                .context = &wrong};
            ck_assert_int_eq(cc_http_exchange_start(client, &exchange, NULL), CC_OK);
        }
        while (left > 0)
            cc_loop_run(loop);
    }
    cc_http_server_free(own);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_client");
    TCase *tc = tcase_create("http_client");
    tcase_set_timeout(tc, 20);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, test_answers_of_every_form, 0, sizeof(answers) / sizeof(*answers));
    tcase_add_test(tc, test_connections_are_kept_and_headers_read);
    tcase_add_test(tc, test_close_is_honoured);
    tcase_add_test(tc, test_stale_connection_is_retried_when_allowed);
    tcase_add_test(tc, test_stale_connection_is_not_retried_otherwise);
    tcase_add_test(tc, test_retry_happens_once);
    tcase_add_test(tc, test_refused);
    tcase_add_test(tc, test_silence_ends_at_the_deadline);
    tcase_add_test(tc, test_late_answer_is_not_given_to_the_next);
    tcase_add_test(tc, test_bounds_and_bad_arguments);
    tcase_add_test(tc, test_cancel_and_free);
    tcase_add_test(tc, test_many_exchanges_with_our_server);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
