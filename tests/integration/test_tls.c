/* TLS between our server and our client, and against clients that we did not write. */
#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io/http_client.h"
#include "base/log.h"
#include "tests/support/loop_thread.h"

enum {
    BODY = 300 * 1024,
    UNDER_WAY = 16,
    EXCHANGES = 3000,
    SWAPS = 40,
    LORIS = 12,
    RESETS = 40,
    FLOOD = 64
};
#define DAY_US (INT64_C(24) * 3600 * 1000 * 1000)
#define SERVER_ROLE "urn:callcell:cell:se-1"
#define CLIENT_ROLE "urn:callcell:edge:edge-1"

struct authority {
    struct cc_buffer certificate, key;
};

static struct {
    char folder[64];
    struct authority ours, other;
    struct loop_thread *thread;
    struct cc_tls *server_tls, *client_tls;
    struct cc_http_server *server;
    struct cc_http_server_options options;
    int64_t port;
    int refused, last_status, drained;
    struct cc_http_request *held;
    struct cc_tls_state state;
    struct cc_loop *loop;
    struct cc_http_client *client;
    char *body;
    const char *wanted; /* of the next exchanges; NULL: as the client says */
} t;

/* ---- the server, on a thread of its own ---- */

static void on_who(struct cc_http_request *request)
{
    cc_http_json(request, 200, request->identity);
}

static void on_echo(struct cc_http_request *request)
{
    cc_http_json(request, 200, request->body);
}

/* Each one over a connection of its own. */
static void on_last(struct cc_http_request *request)
{
    struct cc_http_reply reply = {.status = 200, .body = request->identity, .close = true};
    cc_http_reply(request, &reply);
}

static void on_peer(struct cc_http_request *request)
{
    cc_http_json(request, 200, request->peer);
}

/* Not before release_held. */
static void on_hold(struct cc_http_request *request)
{
    __atomic_store_n(&t.held, request, __ATOMIC_SEQ_CST);
}

static void release_held(void *context)
{
    (void)context;
    if (t.held)
        cc_http_json(t.held, 200, CC_SLICE_LITERAL("late"));
    t.held = NULL;
}

static void on_count(struct cc_http_request *request);

static const struct cc_http_route routes[] = {
    {"GET", "/peer", on_peer}, {"GET", "/count", on_count}, {"GET", "/hold", on_hold},
    {"GET", "/who", on_who},   {"GET", "/last", on_last},   {"POST", "/echo", on_echo}};

static void on_refused(void *context, int status, const char *why,
                       const struct cc_http_request *request)
{
    (void)context, (void)why, (void)request;
    __atomic_store_n(&t.last_status, status, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&t.refused, 1, __ATOMIC_SEQ_CST);
}

/* ---- files ---- */

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", t.folder, name);
    return path;
}

static void write_file(const char *name, struct cc_slice bytes)
{
    char temporary[160];
    snprintf(temporary, sizeof(temporary), "%s.new", path_of(name));
    FILE *file = fopen(temporary, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.length, file), bytes.length);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(rename(temporary, path_of(name)), 0);
}

static void make_authority(struct authority *authority, const char *name)
{
    int64_t now_us = cc_wall_clock_us();
    cc_buffer_init(&authority->certificate, 0);
    cc_buffer_init(&authority->key, 0);
    ck_assert_int_eq(cc_authority_create(name, now_us - 400 * DAY_US, now_us + 400 * DAY_US,
                                         &authority->certificate, &authority->key),
                     CC_OK);
}

static void free_authority(struct authority *authority)
{
    cc_buffer_deinit(&authority->certificate);
    cc_buffer_deinit(&authority->key);
}

static void write_identity(const char *name, const struct authority *authority, const char *role,
                           int64_t until_us)
{
    struct cc_buffer pem;
    cc_buffer_init(&pem, 0);
    struct cc_certificate_wish wish = {role, until_us - DAY_US, until_us};
    ck_assert_int_eq(cc_certificate_issue(cc_buffer_slice(&authority->certificate),
                                          cc_buffer_slice(&authority->key), &wish, &pem),
                     CC_OK);
    write_file(name, cc_buffer_slice(&pem));
    cc_buffer_deinit(&pem);
}

static int64_t tomorrow(void)
{
    return cc_wall_clock_us() + DAY_US / 2;
}

/* ---- life ---- */

static void create_server(void *context)
{
    struct cc_tls_options tls = {
        .name = "server", .certificate_file = path_of("server.pem"), .authority_file = context};
    struct cc_loop *loop = loop_thread_loop(t.thread);
    ck_assert_int_eq(cc_tls_create(loop, &tls, &t.server_tls), CC_OK);
    t.options.tls = t.server_tls;
    ck_assert_int_eq(cc_http_server_create(loop, &t.options, &t.server), CC_OK);
    t.port = cc_http_server_port(t.server);
}

static void free_server(void *context)
{
    (void)context;
    cc_http_server_free(t.server);
    cc_tls_free(t.server_tls);
}

static void look_server(void *context)
{
    (void)context;
    cc_tls_look(t.server_tls);
}

static void read_server_state(void *context)
{
    (void)context;
    t.state = cc_tls_state(t.server_tls);
}

/* authority: whom clients must come from; NULL: the public's server. */
static void start_server(const char *authority)
{
    static char path[128];
    if (authority)
        snprintf(path, sizeof(path), "%s", path_of(authority));
    t.thread = loop_thread_start();
    loop_thread_call(t.thread, create_server, authority ? path : NULL);
}

static void start_client(const char *identity, const char *authority, const char *peer)
{
    struct cc_tls_options tls = {.name = "client",
                                 .certificate_file = identity ? path_of(identity) : NULL,
                                 .authority_file = path_of(authority)};
    ck_assert_int_eq(cc_loop_create(&t.loop), CC_OK);
    ck_assert_int_eq(cc_tls_create(t.loop, &tls, &t.client_tls), CC_OK);
    struct cc_http_client_options options = {
        .tls = t.client_tls, .peer = peer, .connections_per_address = 4, .queue_per_address = 100};
    ck_assert_int_eq(cc_http_client_create(t.loop, &options, &t.client), CC_OK);
}

static void stop_client(void)
{
    if (!t.loop)
        return;
    cc_http_client_free(t.client);
    cc_tls_free(t.client_tls);
    cc_loop_free(t.loop);
    t.loop = NULL;
}

static void set_up(void)
{
    memset(&t, 0, sizeof(t));
    cc_log_init("test", CC_LOG_ERROR + 1);
    snprintf(t.folder, sizeof(t.folder), "/tmp/test_tls.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.folder));
    make_authority(&t.ours, "ours");
    make_authority(&t.other, "other");
    write_file("ours.pem", cc_buffer_slice(&t.ours.certificate));
    write_file("other.pem", cc_buffer_slice(&t.other.certificate));
    write_identity("server.pem", &t.ours, SERVER_ROLE, tomorrow());
    write_identity("client.pem", &t.ours, CLIENT_ROLE, tomorrow());
    t.options = (struct cc_http_server_options){.body_max = 2 * BODY,
                                                .routes = routes,
                                                .route_count = sizeof(routes) / sizeof(*routes),
                                                .on_refused = on_refused};
    t.body = malloc(BODY);
    ck_assert_ptr_nonnull(t.body);
    memset(t.body, 'x', BODY);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *at)
{
    (void)about, (void)type, (void)at;
    return remove(path);
}

static void tear_down(void)
{
    stop_client();
    if (t.thread) {
        loop_thread_call(t.thread, free_server, NULL);
        loop_thread_stop(t.thread);
    }
    free_authority(&t.ours);
    free_authority(&t.other);
    free(t.body);
    ck_assert_int_eq(nftw(t.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- exchanges ---- */

struct answer {
    enum cc_error error;
    int status;
    size_t length;
    char text[CC_IDENTITY_MAX + 1];
};

static void on_answer(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct answer *answer = context;
    answer->error = error;
    if (!error) {
        answer->status = response->status;
        answer->length = response->body.length;
        snprintf(answer->text, sizeof(answer->text), "%.*s", (int)response->body.length,
                 response->body.data ? response->body.data : "");
    }
    cc_loop_end(t.loop);
}

static enum cc_error start_within(int64_t within_ms, const char *path, struct cc_slice body,
                                  cc_http_done done, void *context)
{
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%d", (int)t.port);
    struct cc_http_exchange exchange = {.address = cc_slice_of(address),
                                        .peer = t.wanted,
                                        .method = cc_slice_of(body.length ? "POST" : "GET"),
                                        .path = cc_slice_of(path),
                                        .body = body,
                                        .deadline_us = cc_monotonic_us() + within_ms * 1000,
                                        .retry_stale_connection = true,
                                        .done = done,
                                        .context = context};
    return cc_http_exchange_start(t.client, &exchange, NULL);
}

static enum cc_error start(const char *path, struct cc_slice body, cc_http_done done, void *context)
{
    return start_within(10000, path, body, done, context);
}

static struct answer ask(const char *path, struct cc_slice body)
{
    struct answer answer = {0};
    ck_assert_int_eq(start(path, body, on_answer, &answer), CC_OK);
    cc_loop_run(t.loop);
    return answer;
}

static struct answer ask_who(void)
{
    return ask("/who", (struct cc_slice){0});
}

/* ---- a client of OpenSSL's, blocking ---- */

struct foreign {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

/* Connected, and not a byte sent. */
static void foreign_open(struct foreign *foreign, int version, const char *alpn)
{
    foreign->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(foreign->context, version);
    if (alpn)
        SSL_CTX_set_alpn_protos(foreign->context, (const unsigned char *)alpn,
                                (unsigned)strlen(alpn));
    foreign->ssl = SSL_new(foreign->context);
    foreign->fd = test_connect(t.port);
    SSL_set_fd(foreign->ssl, foreign->fd);
}

static bool foreign_connect(struct foreign *foreign, int version, const char *alpn)
{
    foreign_open(foreign, version, alpn);
    return SSL_connect(foreign->ssl) == 1;
}

static void foreign_free(struct foreign *foreign)
{
    SSL_free(foreign->ssl);
    SSL_CTX_free(foreign->context);
    close(foreign->fd);
    ERR_clear_error();
}

static int foreign_status(struct foreign *foreign, const char *request)
{
    char text[4096] = "";
    SSL_write(foreign->ssl, request, (int)strlen(request));
    int got = SSL_read(foreign->ssl, text, sizeof(text) - 1);
    return got > 12 ? (int)strtol(text + 9, NULL, 10) : 0;
}

/* ---- tests ---- */

START_TEST(both_know_each_other)
{
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", "urn:callcell:cell:");
    for (int i = 0; i < 3; i++) {
        struct answer answer = ask_who();
        ck_assert_int_eq(answer.error, CC_OK);
        ck_assert_int_eq(answer.status, 200);
        ck_assert_str_eq(answer.text, CLIENT_ROLE);
    }
    ck_assert_int_eq(t.refused, 0);
}
END_TEST

START_TEST(large_bodies_pass_both_ways)
{
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    for (int i = 0; i < 5; i++) {
        struct answer answer = ask("/echo", cc_slice(t.body, BODY));
        ck_assert_int_eq(answer.error, CC_OK);
        ck_assert_uint_eq(answer.length, BODY);
    }
}
END_TEST

/* A handshake costs more than a request: late answers must not cost one each. */
START_TEST(a_late_answer_is_read_and_its_connection_goes_on)
{
    struct answer late = {0};
    char peer[CC_IDENTITY_MAX + 1];
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    memcpy(peer, ask("/peer", (struct cc_slice){0}).text, sizeof(peer));
    ck_assert_int_eq(start_within(100, "/hold", (struct cc_slice){0}, on_answer, &late), CC_OK);
    cc_loop_run(t.loop);
    ck_assert_int_eq(late.error, CC_TIMEOUT);
    /* Meanwhile others go over another connection. */
    ck_assert_str_ne(ask("/peer", (struct cc_slice){0}).text, peer);
    loop_thread_call(t.thread, release_held, NULL);
    /* The pool's newest idle one is taken: end the others, and this one is left. */
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ask("/who", (struct cc_slice){0}).error, CC_OK);
    struct answer again;
    do {
        again = ask("/last", (struct cc_slice){0});
        ck_assert_int_eq(again.error, CC_OK);
        again = ask("/peer", (struct cc_slice){0});
        ck_assert_int_eq(again.error, CC_OK);
    } while (strcmp(again.text, peer) != 0);
}
END_TEST

START_TEST(few_shake_hands_at_once_with_a_silent_server)
{
    enum { ASKED = 12, FEW = 4 };
    struct answer answers[ASKED] = {0};
    int shaking = 0;
    int listener = test_listen(&t.port); /* takes connections, says nothing */
    ck_assert_int_eq(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    for (int i = 0; i < ASKED; i++)
        ck_assert_int_eq(start_within(100, "/who", (struct cc_slice){0}, on_answer, &answers[i]),
                         CC_OK);
    for (int i = 0; i < ASKED; i++) {
        while (answers[i].error == CC_OK)
            cc_loop_run(t.loop);
        ck_assert_int_eq(answers[i].error, CC_TIMEOUT);
    }
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; shaking++)
        close(fd);
    ck_assert_int_eq(shaking, FEW);
    close(listener);
}
END_TEST

START_TEST(a_server_of_another_authority_is_refused)
{
    write_identity("server.pem", &t.other, SERVER_ROLE, tomorrow());
    start_server("other.pem");
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    ck_assert_int_eq(ask_who().error, CC_FORBIDDEN);
}
END_TEST

START_TEST(a_client_of_another_authority_is_refused)
{
    write_identity("stranger.pem", &t.other, CLIENT_ROLE, tomorrow());
    start_server("ours.pem");
    /* It trusts our server, and shows what its own authority gave it. */
    struct cc_buffer both;
    cc_buffer_init(&both, 0);
    cc_buffer_append(&both, cc_buffer_slice(&t.ours.certificate));
    cc_buffer_append(&both, cc_buffer_slice(&t.other.certificate));
    write_file("both.pem", cc_buffer_slice(&both));
    cc_buffer_deinit(&both);
    start_client("stranger.pem", "both.pem", SERVER_ROLE);
    enum cc_error error = ask_who().error;
    ck_assert(error == CC_FORBIDDEN || error == CC_UNAVAILABLE);
}
END_TEST

START_TEST(a_client_without_a_certificate_is_refused)
{
    start_server("ours.pem");
    start_client(NULL, "ours.pem", SERVER_ROLE);
    enum cc_error error = ask_who().error;
    ck_assert(error == CC_FORBIDDEN || error == CC_UNAVAILABLE);
    ck_assert(test_wait_for(&t.refused, 1));
    ck_assert_int_eq(t.last_status, 0);
}
END_TEST

START_TEST(a_server_of_another_role_is_refused)
{
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", "urn:callcell:control");
    ck_assert_int_eq(ask_who().error, CC_FORBIDDEN);
}
END_TEST

START_TEST(a_connection_serves_exchanges_that_want_this_very_peer_alone)
{
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", "urn:callcell:cell:");
    t.wanted = "urn:callcell:cell:se-1";
    ck_assert_str_eq(ask_who().text, CLIENT_ROLE);
    t.wanted = "urn:callcell:cell:no-1";
    ck_assert_int_eq(ask_who().error, CC_FORBIDDEN);
    t.wanted = NULL;
    ck_assert_str_eq(ask_who().text, CLIENT_ROLE);
    t.wanted = "urn:callcell:cell:se-1";
    ck_assert_str_eq(ask_who().text, CLIENT_ROLE);
}
END_TEST

START_TEST(an_expired_certificate_is_believed_for_the_grace_alone)
{
    write_identity("server.pem", &t.ours, SERVER_ROLE, cc_wall_clock_us() - DAY_US);
    write_identity("client.pem", &t.ours, CLIENT_ROLE, cc_wall_clock_us() - DAY_US);
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    ck_assert_str_eq(ask_who().text, CLIENT_ROLE);
    stop_client();
    write_identity("old.pem", &t.ours, CLIENT_ROLE,
                   cc_wall_clock_us() - CC_TLS_GRACE_US - DAY_US / 24);
    start_client("old.pem", "ours.pem", SERVER_ROLE);
    enum cc_error error = ask_who().error;
    ck_assert(error == CC_FORBIDDEN || error == CC_UNAVAILABLE);
}
END_TEST

START_TEST(a_server_expired_beyond_the_grace_is_refused)
{
    write_identity("server.pem", &t.ours, SERVER_ROLE,
                   cc_wall_clock_us() - CC_TLS_GRACE_US - DAY_US / 24);
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    ck_assert_int_eq(ask_who().error, CC_FORBIDDEN);
}
END_TEST

START_TEST(the_public_is_served_tls_1_3_and_http_1_1_alone)
{
    struct foreign old = {0}, h2 = {0}, both = {0};
    start_server(NULL);
    ck_assert(!foreign_connect(&old, TLS1_2_VERSION, NULL));
    ck_assert(!foreign_connect(&h2, 0, "\x02h2"));
    ck_assert(foreign_connect(&both, 0, "\x02h2\x08http/1.1"));
    const unsigned char *chosen;
    unsigned length;
    SSL_get0_alpn_selected(both.ssl, &chosen, &length);
    ck_assert(cc_slice_is(cc_slice((const char *)chosen, length), "http/1.1"));
    ck_assert_int_eq(foreign_status(&both, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    foreign_free(&old);
    foreign_free(&h2);
    foreign_free(&both);
    ck_assert(test_wait_for(&t.refused, 2));
}
END_TEST

START_TEST(requests_are_screened_behind_tls_too)
{
    static const char *const requests[] = {
        "GET /who HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "GET /who HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
    };
    start_server(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct foreign foreign = {0};
        ck_assert(foreign_connect(&foreign, 0, NULL));
        ck_assert_int_eq(foreign_status(&foreign, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
        ck_assert_int_eq(foreign_status(&foreign, requests[i]), 400);
        foreign_free(&foreign);
    }
}
END_TEST

/* One that never ends its head: the input's bound holds for decrypted bytes too. */
START_TEST(the_input_is_bounded_behind_tls_too)
{
    static char line[1024] = "X: ";
    struct foreign foreign = {0};
    size_t sent = 0;
    memset(line + 3, 'y', sizeof(line) - 5);
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    t.options.body_max = 1024;
    start_server(NULL);
    ck_assert(foreign_connect(&foreign, 0, NULL));
    ck_assert_int_eq(foreign_status(&foreign, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    SSL_write(foreign.ssl, "GET /who HTTP/1.1\r\n", 19);
    while (sent < 1024 && SSL_write(foreign.ssl, line, sizeof(line)) > 0)
        sent++;
    ck_assert(test_wait_for(&t.refused, 1));
    ck_assert_int_eq(t.last_status, 431);
    foreign_free(&foreign);
}
END_TEST

static void on_drained(void *context)
{
    (void)context;
    __atomic_store_n(&t.drained, 1, __ATOMIC_SEQ_CST);
}

static void drain(void *context)
{
    (void)context;
    struct cc_loop *loop = loop_thread_loop(t.thread);
    cc_http_server_drain(t.server, cc_loop_now_us(loop) + 60 * 1000 * 1000, on_drained, NULL);
}

START_TEST(a_client_that_resets_its_connection_leaves_nothing_behind)
{
    static const char request[] = "GET /who HTTP/1.1\r\nHost: a\r\n\r\n";
    const struct linger reset = {1, 0};
    start_server(NULL);
    for (int i = 0; i < 2 * RESETS; i++) {
        struct foreign foreign = {0};
        ck_assert(foreign_connect(&foreign, 0, NULL));
        if (i % 2 == 0)
            SSL_write(foreign.ssl, request, sizeof(request) - 1);
        setsockopt(foreign.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        foreign_free(&foreign);
    }
    loop_thread_call(t.thread, drain, NULL);
    ck_assert(test_wait_for(&t.drained, 1));
}
END_TEST

START_TEST(plain_http_on_a_tls_port_is_refused)
{
    bool close_said = false;
    start_server(NULL);
    int fd = test_connect(t.port);
    ck_assert(test_send(fd, CC_SLICE_LITERAL("GET /who HTTP/1.1\r\nHost: a\r\n\r\n")));
    ck_assert_int_eq(test_read_response(fd, NULL, 0, &close_said), 0);
    close(fd);
    ck_assert(test_wait_for(&t.refused, 1));
    ck_assert_int_eq(t.last_status, 0);
}
END_TEST

START_TEST(a_handshake_that_does_not_end_is_cut_and_holds_up_nobody)
{
    int slow[LORIS];
    t.options.handshake_timeout_ms = 300;
    t.options.connections_max = LORIS;
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    for (int i = 0; i < LORIS; i++) {
        slow[i] = test_connect(t.port);
        ck_assert(test_send(slow[i], CC_SLICE_LITERAL("\x16\x03\x01")));
    }
    ck_assert_str_eq(ask_who().text, CLIENT_ROLE);
    for (int i = 0; i < LORIS; i++) {
        ck_assert(test_is_closed(slow[i]));
        close(slow[i]);
    }
    ck_assert(test_wait_for(&t.refused, LORIS));
    ck_assert_str_eq(ask_who().text, CLIENT_ROLE);
}
END_TEST

static struct {
    struct foreign clients[FLOOD];
    int answered; /* of their handshakes, when the request was served */
} flood;

static void on_count(struct cc_http_request *request)
{
    char byte;
    for (int i = 0; i < FLOOD; i++)
        flood.answered += recv(flood.clients[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    cc_http_json(request, 200, (struct cc_slice){0});
}

/* On the loop: it sees all of them at once, the caller's request last. */
static void ask_after_a_flood(void *context)
{
    static const char request[] = "GET /count HTTP/1.1\r\nHost: a\r\n\r\n";
    struct foreign *caller = context;
    for (int i = 0; i < FLOOD; i++)
        ck_assert_int_lt(SSL_connect(flood.clients[i].ssl), 0);
    SSL_write(caller->ssl, request, sizeof(request) - 1);
}

START_TEST(a_flood_of_handshakes_goes_behind_a_request_and_is_served)
{
    static const char request[] = "GET /who HTTP/1.1\r\nHost: a\r\n\r\n";
    struct foreign caller = {0};
    char byte;
    flood.answered = 0;
    t.options.handshake_timeout_ms = 60000; /* on a busy machine too */
    start_server(NULL);
    for (int i = 0; i < FLOOD; i++) {
        foreign_open(&flood.clients[i], TLS1_3_VERSION, NULL);
        ck_assert_int_eq(fcntl(flood.clients[i].fd, F_SETFL, O_NONBLOCK), 0);
    }
    ck_assert(foreign_connect(&caller, 0, NULL));
    ck_assert_int_eq(foreign_status(&caller, request), 200); /* so those before it are accepted */
    loop_thread_call(t.thread, ask_after_a_flood, &caller);
    ck_assert_int_eq(SSL_read(caller.ssl, &byte, 1), 1);
    ck_assert_int_le(flood.answered, FLOOD / 4);
    for (int i = 0; i < FLOOD; i++) {
        ck_assert_int_eq(fcntl(flood.clients[i].fd, F_SETFL, 0), 0);
        ck_assert_int_eq(SSL_connect(flood.clients[i].ssl), 1);
        ck_assert_int_eq(foreign_status(&flood.clients[i], request), 200);
        foreign_free(&flood.clients[i]);
    }
    foreign_free(&caller);
    ck_assert_int_eq(t.refused, 0);
}
END_TEST

START_TEST(broken_files_are_refused_and_the_old_identity_goes_on)
{
    static const char *const broken[] = {"", "-----BEGIN CERTIFICATE-----\nAAAA\n", "nonsense"};
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    uint64_t expected = 0;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        write_file("server.pem", cc_slice_of(broken[i]));
        expected++;
        do {
            loop_thread_call(t.thread, look_server, NULL);
            loop_thread_call(t.thread, read_server_state, NULL);
        } while (t.state.refused < expected);
        ck_assert_uint_eq(t.state.loaded, 1);
        ck_assert_str_eq(ask_who().text, CLIENT_ROLE);
    }
    write_identity("server.pem", &t.other, SERVER_ROLE, tomorrow());
    do {
        loop_thread_call(t.thread, look_server, NULL);
        loop_thread_call(t.thread, read_server_state, NULL);
    } while (t.state.refused < expected + 1);
    write_identity("server.pem", &t.ours, SERVER_ROLE, tomorrow());
    do {
        loop_thread_call(t.thread, look_server, NULL);
        loop_thread_call(t.thread, read_server_state, NULL);
    } while (t.state.loaded < 2);
    ck_assert_uint_eq(t.state.refused, expected + 1);
    stop_client();
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    ck_assert_str_eq(ask_who().text, CLIENT_ROLE);
}
END_TEST

/* libh2o makes the SSL when the first bytes come, of the context of the time of accepting. */
START_TEST(files_change_between_a_connection_and_its_handshake)
{
    struct foreign early;
    start_server(NULL);
    foreign_open(&early, TLS1_3_VERSION, NULL);
    loop_thread_call(t.thread, read_server_state, NULL);
    for (uint64_t taken = t.state.loaded; t.state.loaded == taken;) {
        write_identity("server.pem", &t.ours, SERVER_ROLE, tomorrow());
        loop_thread_call(t.thread, look_server, NULL);
        loop_thread_call(t.thread, read_server_state, NULL);
    }
    ck_assert_int_eq(SSL_connect(early.ssl), 1);
    ck_assert_int_eq(foreign_status(&early, "GET /who HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    foreign_free(&early);
}
END_TEST

START_TEST(files_that_are_no_identity_are_refused_at_the_start)
{
    struct cc_tls *tls = NULL;
    struct cc_tls_options options = {.name = "test",
                                     .certificate_file = path_of("missing.pem"),
                                     .authority_file = path_of("ours.pem")};
    ck_assert_int_eq(cc_loop_create(&t.loop), CC_OK);
    ck_assert_int_eq(cc_tls_create(t.loop, &options, &tls), CC_IO);
    options.certificate_file = path_of("ours.pem"); /* it has no key */
    ck_assert_int_eq(cc_tls_create(t.loop, &options, &tls), CC_INVALID);
    write_file("key.pem", cc_buffer_slice(&t.other.key));
    options.certificate_file = path_of("client.pem");
    options.key_file = path_of("key.pem");
    ck_assert_int_ne(cc_tls_create(t.loop, &options, &tls), CC_OK);
    options.key_file = NULL;
    options.authority_file = path_of("other.pem");
    ck_assert_int_eq(cc_tls_create(t.loop, &options, &tls), CC_FORBIDDEN);
    ck_assert_ptr_null(tls);
    cc_loop_free(t.loop);
    t.loop = NULL;
}
END_TEST

/* ---- rotation under load ---- */

static struct {
    int done, failed, started, swaps;
} load;

static void on_loaded(void *context, enum cc_error error, const struct cc_http_response *response);

static void start_one(void)
{
    load.started++;
    bool large = load.started % 50 == 0;
    const char *path = large ? "/echo" : load.started % 3 == 0 ? "/last" : "/who";
    struct cc_slice body = large ? cc_slice(t.body, BODY) : (struct cc_slice){0};
    ck_assert_int_eq(start(path, body, on_loaded, NULL), CC_OK);
}

/* Both sides get new identities all the time; every third exchange is the last of its connection,
 * so that handshakes fall into the swaps. */
static void on_loaded(void *context, enum cc_error error, const struct cc_http_response *response)
{
    (void)context;
    load.done++;
    load.failed += error != CC_OK || response->status != 200;
    if (load.done % (EXCHANGES / SWAPS) == 0) {
        load.swaps++;
        write_identity("server.pem", &t.ours, SERVER_ROLE, tomorrow());
        write_identity("client.pem", &t.ours, CLIENT_ROLE, tomorrow());
        cc_tls_look(t.client_tls);
        loop_thread_call(t.thread, look_server, NULL);
    }
    if (load.started < EXCHANGES)
        start_one();
    else if (load.done == EXCHANGES)
        cc_loop_end(t.loop);
}

START_TEST(identities_are_swapped_under_load_without_a_failure)
{
    memset(&load, 0, sizeof(load));
    start_server("ours.pem");
    start_client("client.pem", "ours.pem", SERVER_ROLE);
    for (int i = 0; i < UNDER_WAY; i++)
        start_one();
    cc_loop_run(t.loop);
    ck_assert_int_eq(load.done, EXCHANGES);
    ck_assert_int_eq(load.failed, 0);
    loop_thread_call(t.thread, read_server_state, NULL);
    ck_assert_uint_ge(t.state.loaded, SWAPS / 4);
    ck_assert_uint_ge(cc_tls_state(t.client_tls).loaded, SWAPS / 4);
    ck_assert_uint_eq(t.state.refused, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("tls");
    TCase *c = tcase_create("tls");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, both_know_each_other);
    tcase_add_test(c, large_bodies_pass_both_ways);
    tcase_add_test(c, a_late_answer_is_read_and_its_connection_goes_on);
    tcase_add_test(c, few_shake_hands_at_once_with_a_silent_server);
    tcase_add_test(c, a_server_of_another_authority_is_refused);
    tcase_add_test(c, a_client_of_another_authority_is_refused);
    tcase_add_test(c, a_client_without_a_certificate_is_refused);
    tcase_add_test(c, a_server_of_another_role_is_refused);
    tcase_add_test(c, a_connection_serves_exchanges_that_want_this_very_peer_alone);
    tcase_add_test(c, an_expired_certificate_is_believed_for_the_grace_alone);
    tcase_add_test(c, a_server_expired_beyond_the_grace_is_refused);
    tcase_add_test(c, the_public_is_served_tls_1_3_and_http_1_1_alone);
    tcase_add_test(c, requests_are_screened_behind_tls_too);
    tcase_add_test(c, the_input_is_bounded_behind_tls_too);
    tcase_add_test(c, a_client_that_resets_its_connection_leaves_nothing_behind);
    tcase_add_test(c, plain_http_on_a_tls_port_is_refused);
    tcase_add_test(c, a_handshake_that_does_not_end_is_cut_and_holds_up_nobody);
    tcase_add_test(c, a_flood_of_handshakes_goes_behind_a_request_and_is_served);
    tcase_add_test(c, broken_files_are_refused_and_the_old_identity_goes_on);
    tcase_add_test(c, files_change_between_a_connection_and_its_handshake);
    tcase_add_test(c, files_that_are_no_identity_are_refused_at_the_start);
    tcase_add_test(c, identities_are_swapped_under_load_without_a_failure);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
