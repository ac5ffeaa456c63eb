/*
 * HTTP/1.1 server on libh2o. Why it looks as it does:
 *
 *   uv_tcp_t --(guarded_alloc: bounds the input buffer)--> h2o's HTTP/1 connection
 *      --> on_request: cc_http_screen over the raw bytes, which still lie at the front of the input
 *      --> http_call (our memory) --> route --> handler ... cc_http_reply --> h2o_send_inline
 *
 * libh2o accepts heads of 400 KB and has no hook while it reads. It sets a stream's alloc_cb anew
 * whenever it starts to read, so we put ours in its place after h2o_accept and, for the next
 * request of a connection, in the prepare watcher that runs before the loop polls again (`dirty`
 * list).
 *
 * With TLS the input holds decrypted bytes, and all of the above stays as it is. A handshake reads
 * and writes by callbacks of libh2o's own: while it is under way a connection is looked at before
 * each poll too, and the SSL tells us itself when it is over (on_tls_info).
 *
 * A handshake costs as much as dozens of requests, and anybody may ask for one: in a turn of the
 * loop a few of them take a step, so that a flood of them delays those who are already connected by
 * some milliseconds at most. The others stay unread (guarded_alloc), and the next turn sees them.
 *
 * After a read error libuv refuses every write, and libh2o would wait for ever for the end of one:
 * for its farewell to the peer. Such a connection takes no leave (guarded_read).
 *
 * libh2o does not close idle connections on shutdown and does not notice a client that leaves while
 * its request is pending: draining half-closes idle connections (what has arrived is still read and
 * served), and answers to the gone go nowhere.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io/http_call.h"
#include "base/log.h"

enum {
    CONNECTIONS_DEFAULT = 10000,
    EVICTION_SCAN = 64,
    BACKLOG = 4096,
    IN_FLIGHT_DEFAULT = 10000,
    TIMEOUT_DEFAULT_MS = 10000,
    HANDSHAKE_DEFAULT_MS = 3000,
    HANDSHAKE_STEPS = 8, /* in one turn of the loop */
    BODY_DEFAULT = 64 * 1024,
    INPUT_SLACK = 4096,
    CONTINUE_BYTES = 25 /* "HTTP/1.1 100 Continue\r\n\r\n" */
};
#define DRAIN_TICK_US INT64_C(20000)
#define DRAIN_IDLE_US INT64_C(200000)
#define DRAIN_PARTIAL_US INT64_C(2000000)

struct handler {
    h2o_handler_t super;
    struct cc_http_server *server;
};

struct cc_http_server {
    struct cc_loop *loop;
    struct cc_http_server_options options;
    struct cc_http_route *routes;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    uv_tcp_t listener;
    uv_prepare_t guard;
    int64_t port;
    h2o_linklist_t connections; /* all */
    h2o_linklist_t dirty;       /* those whose request is over: alloc_cb to be put in place again */
    size_t connection_count, in_flight, evicted_count;
    int handshake_steps;     /* in this turn */
    uint64_t too_large_seen; /* of libh2o's count of its 413 answers */
    bool listening, listener_open, draining, freed, released;
    struct cc_deadline drain_tick;
    int64_t drain_deadline_us, drain_begun_us;
    void (*on_drained)(void *context);
    void *drained_context;
};

enum handshake { HANDSHAKE_NONE, HANDSHAKE_UNDER_WAY, HANDSHAKE_JUST_OVER };

struct connection {
    uv_tcp_t tcp; /* first: freed as the handle */
    struct cc_http_server *server;
    h2o_socket_t *sock; /* NULL once h2o has closed it */
    h2o_linklist_t all, dirty;
    uv_alloc_cb alloc;      /* h2o's */
    uv_read_cb read;        /* h2o's */
    struct http_link *link; /* of the pending call; see cut() */
    bool evicted;           /* shut down to make room, not closed yet */
    bool serving;           /* a request reached on_request and is not over */
    bool partial;           /* bytes of a request that has not reached on_request */
    bool oversized;         /* the input bound cut it */
    bool postponed;         /* its handshake goes on in another turn */
    bool over;              /* its last request is; on_guard makes it wait for the next */
    SSL_CTX *ssl_context; /* a reference: h2o makes the SSL of it when the first bytes come, and by
                             then newer files may have been taken; NULL: plain */
    SSL *ssl;             /* h2o's, as long as sock; NULL: plain, or nothing has come yet */
    enum handshake handshake;
    char peer[CC_HTTP_PEER_TEXT];
    char identity[CC_IDENTITY_MAX + 1]; /* of the client, by its certificate */
    size_t written_before;              /* bytes written before the current request */
    int64_t idle_since_us;
};

static void guarded_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer);
static void guarded_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);
static void on_accept(uv_stream_t *listener, int status);
static void on_socket_close(void *data);
static void on_connection_closed(uv_handle_t *handle);
static void on_guard(uv_prepare_t *guard);
static void on_tls_info(const SSL *ssl, int where, int result);
static int on_request(h2o_handler_t *self, h2o_req_t *req);
static void on_drain_tick(struct cc_deadline *deadline);
static void on_listener_closed(uv_handle_t *handle);
static void release_when_done(struct cc_http_server *server);

/* ---- creation ---- */

static void configure_h2o(struct cc_http_server *server)
{
    h2o_config_init(&server->config);
    server->config.server_name = h2o_iovec_init(H2O_STRLIT("callcell"));
    server->config.max_request_entity_size = server->options.body_max;
    server->config.http1.req_timeout = (uint64_t)server->options.request_timeout_ms;
    server->config.handshake_timeout = (uint64_t)server->options.handshake_timeout_ms;
    server->config.http1.upgrade_to_http2 = 0; /* rapid reset is not fixed in this version */
    h2o_hostconf_t *host =
        h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof(*handler));
    handler->super.on_req = on_request;
    handler->server = server;
    h2o_context_init(&server->context, cc_loop_uv(server->loop), &server->config);
    server->accept = (h2o_accept_ctx_t){.ctx = &server->context, .hosts = server->config.hosts};
}

static int bind_listener(struct cc_http_server *server)
{
    struct sockaddr_in address;
    uv_os_fd_t fd;
    int one = 1;
    int length = sizeof(address);
    int result = uv_ip4_addr(server->options.address, (int)server->options.port, &address);
    if (result == 0)
        result = uv_fileno((uv_handle_t *)&server->listener, &fd);
    if (result == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0)
        result = -errno;
    if (result == 0)
        result = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
    if (result == 0)
        result = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_accept);
    if (result == 0)
        result = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &length);
    if (result == 0)
        server->port = ntohs(address.sin_port);
    return result;
}

static enum cc_error copy_options(struct cc_http_server *server,
                                  const struct cc_http_server_options *options)
{
    server->options = *options;
    if (!server->options.address)
        server->options.address = "127.0.0.1";
    if (server->options.body_max == 0)
        server->options.body_max = BODY_DEFAULT;
    if (server->options.request_timeout_ms == 0)
        server->options.request_timeout_ms = TIMEOUT_DEFAULT_MS;
    if (server->options.handshake_timeout_ms == 0)
        server->options.handshake_timeout_ms = HANDSHAKE_DEFAULT_MS;
    if (server->options.connections_max == 0)
        server->options.connections_max = CONNECTIONS_DEFAULT;
    if (server->options.in_flight_max == 0)
        server->options.in_flight_max = IN_FLIGHT_DEFAULT;
    server->routes = calloc(options->route_count + 1, sizeof(*server->routes));
    if (!server->routes)
        return CC_NO_MEMORY;
    for (size_t i = 0; i < options->route_count; i++)
        server->routes[i] = options->routes[i];
    return CC_OK;
}

enum cc_error cc_http_server_create(struct cc_loop *loop,
                                    const struct cc_http_server_options *options,
                                    struct cc_http_server **out)
{
    struct cc_http_server *server = calloc(1, sizeof(*server));
    *out = NULL;
    if (!server)
        return CC_NO_MEMORY;
    server->loop = loop;
    if (copy_options(server, options) != CC_OK) {
        free(server);
        return CC_NO_MEMORY;
    }
    h2o_linklist_init_anchor(&server->connections);
    h2o_linklist_init_anchor(&server->dirty);
    cc_deadline_init(&server->drain_tick, loop, on_drain_tick);
    configure_h2o(server);
    uv_prepare_init(cc_loop_uv(loop), &server->guard);
    server->guard.data = server;
    uv_prepare_start(&server->guard, on_guard);
    uv_unref((uv_handle_t *)&server->guard);
    int result = uv_tcp_init_ex(cc_loop_uv(loop), &server->listener, AF_INET);
    if (result == 0) {
        server->listener.data = server;
        server->listener_open = server->listening = true;
        result = bind_listener(server);
    }
    if (result != 0) {
        CC_LOG(CC_LOG_ERROR, "http_listen_failed", cc_log_text("address", server->options.address),
               cc_log_number("port", server->options.port),
               cc_log_text("reason", uv_strerror(result)));
        cc_http_server_free(server);
        return CC_IO;
    }
    *out = server;
    return CC_OK;
}

int64_t cc_http_server_port(const struct cc_http_server *server)
{
    return server->port;
}

size_t cc_http_server_in_flight(const struct cc_http_server *server)
{
    return server->in_flight;
}

static void refused(struct cc_http_server *server, int status, const char *why,
                    const struct cc_http_request *request)
{
    if (server->options.on_refused)
        server->options.on_refused(server->options.context, status, why, request);
}

/* ---- connections ---- */

/* Ours in the place of h2o's; h2o has just started to read. */
static void guard_input(struct connection *connection)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    if (stream->alloc_cb && stream->alloc_cb != guarded_alloc) {
        connection->alloc = stream->alloc_cb;
        connection->read = stream->read_cb;
        stream->alloc_cb = guarded_alloc;
        stream->read_cb = guarded_read;
    }
}

static void read_peer(struct connection *connection)
{
    struct sockaddr_storage address = {0};
    char host[INET_ADDRSTRLEN] = "?";
    unsigned port = 0;
    int length = sizeof(address);
    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&address, &length) == 0 &&
        address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        port = ntohs(in->sin_port);
    }
    snprintf(connection->peer, sizeof(connection->peer), "%s:%u", host, port);
}

static void adopt(struct cc_http_server *server, struct connection *connection)
{
    read_peer(connection);
    connection->server = server;
    connection->idle_since_us = cc_loop_now_us(server->loop);
    server->connection_count++;
    h2o_linklist_insert(&server->connections, &connection->all);
    uv_tcp_nodelay(&connection->tcp, 1);
    connection->sock = h2o_uv_socket_create((uv_stream_t *)&connection->tcp, on_connection_closed);
    connection->sock->on_close.cb = on_socket_close;
    connection->sock->on_close.data = connection;
    if (server->options.tls) {
        connection->handshake = HANDSHAKE_UNDER_WAY;
        server->accept.ssl_ctx = cc_tls_server_context(server->options.tls);
        if (SSL_CTX_up_ref(server->accept.ssl_ctx) == 1)
            connection->ssl_context = server->accept.ssl_ctx;
        SSL_CTX_set_info_callback(server->accept.ssl_ctx, on_tls_info);
    }
    h2o_accept(&server->accept, connection->sock);
    if (connection->sock)
        guard_input(connection);
}

static void look_later(struct connection *connection)
{
    if (!h2o_linklist_is_linked(&connection->dirty))
        h2o_linklist_insert(&connection->server->dirty, &connection->dirty);
}

/* libh2o gives its socket to the BIO that the SSL reads from. */
static void on_tls_info(const SSL *ssl, int where, int result)
{
    h2o_socket_t *sock = BIO_get_data(SSL_get_rbio(ssl));
    struct connection *connection = sock->on_close.data;
    (void)result;
    connection->ssl = (SSL *)(uintptr_t)ssl;
    if ((where & SSL_CB_HANDSHAKE_DONE) == 0 || connection->handshake != HANDSHAKE_UNDER_WAY)
        return;
    cc_tls_peer_identity(ssl, connection->identity);
    connection->handshake = HANDSHAKE_JUST_OVER;
    look_later(connection);
}

static void on_unwanted_closed(uv_handle_t *handle)
{
    free(handle);
}

static void half_close(struct connection *connection, int how)
{
    uv_os_fd_t fd;
    if (connection->sock && uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0)
        shutdown(fd, how);
}

/* Those in excess have at most a beginning of a request; the oldest has had the most time. */
static bool make_room(struct cc_http_server *server)
{
    h2o_linklist_t *at = server->connections.next;
    if (server->connection_count - server->evicted_count < server->options.connections_max)
        return true;
    for (int i = 0; i < EVICTION_SCAN && at != &server->connections; i++, at = at->next) {
        struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, all, at);
        if (connection->evicted || connection->serving || !connection->sock)
            continue;
        connection->evicted = true;
        server->evicted_count++;
        h2o_linklist_unlink(&connection->all); /* to the end: not looked at again */
        h2o_linklist_insert(&server->connections, &connection->all);
        half_close(connection, SHUT_RDWR);
        refused(server, 503, "too_many_connections", NULL);
        return true;
    }
    return false;
}

static void on_accept(uv_stream_t *listener, int status)
{
    struct cc_http_server *server = listener->data;
    if (status != 0)
        return;
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        return; /* libuv asks again when the next one is taken */
    uv_tcp_init(cc_loop_uv(server->loop), &connection->tcp);
    int result = uv_accept(listener, (uv_stream_t *)&connection->tcp);
    if (result != 0 || !make_room(server)) {
        if (result == 0)
            refused(server, 503, "too_many_connections", NULL);
        uv_close((uv_handle_t *)&connection->tcp, on_unwanted_closed);
        return;
    }
    adopt(server, connection);
}

static void guarded_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    h2o_socket_t *sock = handle->data;
    struct connection *connection = sock->on_close.data;
    size_t most = CC_HTTP_HEAD_MAX + connection->server->options.body_max + INPUT_SLACK;
    if (connection->handshake == HANDSHAKE_UNDER_WAY &&
        connection->server->handshake_steps == HANDSHAKE_STEPS) {
        connection->postponed = true;
        *buffer = uv_buf_init(NULL, 0); /* libuv reports UV_ENOBUFS, and goes on watching */
        return;
    }
    if (sock->input->size > most) {
        connection->oversized = true;
        *buffer = uv_buf_init(NULL, 0); /* libuv reports UV_ENOBUFS, and h2o closes */
        return;
    }
    connection->alloc(handle, suggested, buffer);
}

static void guarded_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    h2o_socket_t *sock = stream->data;
    struct connection *connection = sock->on_close.data;
    if (connection->postponed) {
        connection->postponed = false;
        return;
    }
    if (count > 0)
        connection->partial = true;
    if (connection->handshake == HANDSHAKE_UNDER_WAY) {
        connection->server->handshake_steps += count > 0;
        look_later(connection);
    }
    if (count < 0 && connection->ssl)
        SSL_set_quiet_shutdown(connection->ssl, 1);
    connection->read(stream, count, buffer);
    if (connection->sock)
        guard_input(connection);
}

/* It awaits a request, or the end of the answer to one that came with the end of the handshake. */
static void look_at(struct connection *connection)
{
    if (connection->handshake == HANDSHAKE_UNDER_WAY) {
        if (connection->sock && !((uv_stream_t *)&connection->tcp)->alloc_cb)
            look_later(connection); /* it is writing */
    } else if (connection->over || !connection->serving) {
        connection->over = connection->serving = false;
        connection->idle_since_us = cc_loop_now_us(connection->server->loop);
        if (connection->sock) {
            connection->written_before = connection->sock->bytes_written;
            connection->partial = connection->sock->input->size > 0;
        }
    }
    if (connection->handshake == HANDSHAKE_JUST_OVER)
        connection->handshake = HANDSHAKE_NONE;
    if (connection->sock)
        guard_input(connection);
}

/* Before each poll. */
static void on_guard(uv_prepare_t *guard)
{
    struct cc_http_server *server = guard->data;
    h2o_linklist_t due;
    server->handshake_steps = 0;
    h2o_linklist_init_anchor(&due);
    h2o_linklist_insert_list(&due, &server->dirty);
    while (!h2o_linklist_is_empty(&due)) {
        struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, dirty, due.next);
        h2o_linklist_unlink(&connection->dirty);
        look_at(connection);
    }
}

/* What never reached on_request: cut by a bound or a deadline, or answered by the library itself.
 */
static void report_unserved(struct connection *connection)
{
    struct cc_http_server *server = connection->server;
    if (connection->handshake == HANDSHAKE_UNDER_WAY)
        refused(server, 0, "handshake", NULL);
    else if (connection->oversized)
        refused(server, 431, "head_too_large", NULL);
    else if (connection->sock->bytes_written <= connection->written_before + CONTINUE_BYTES)
        refused(server, 408, "incomplete", NULL);
    else if (server->context.emitted_error_status[H2O_STATUS_ERROR_413] > server->too_large_seen) {
        server->too_large_seen++;
        refused(server, 413, "body_too_large", NULL);
    } else
        refused(server, 400, "malformed", NULL);
}

static void on_socket_close(void *data)
{
    struct connection *connection = data;
    if (!connection->serving && connection->partial && connection->handshake != HANDSHAKE_JUST_OVER)
        report_unserved(connection);
    connection->sock = NULL;
    connection->ssl = NULL;
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = (struct connection *)(void *)handle;
    struct cc_http_server *server = connection->server;
    h2o_linklist_unlink(&connection->all);
    if (h2o_linklist_is_linked(&connection->dirty))
        h2o_linklist_unlink(&connection->dirty);
    server->connection_count--;
    server->evicted_count -= connection->evicted;
    SSL_CTX_free(connection->ssl_context);
    free(connection);
    release_when_done(server);
}

/* ---- requests ---- */

static struct connection *connection_of(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

bool cc_http_client_is_gone(const struct cc_http_request *request)
{
    const struct http_call *call = (const struct http_call *)(const void *)request;
    struct pollfd watched = {.events = POLLRDHUP};
    if (!call->link)
        return true;
    struct connection *connection = connection_of(call->link->req);
    return uv_fileno((uv_handle_t *)&connection->tcp, &watched.fd) == 0 &&
           poll(&watched, 1, 0) == 1;
}

struct over {
    struct connection *connection;
};

/* The request is over: answered and written, or its connection dies. */
static void on_request_over(void *data)
{
    struct over *over = data;
    struct connection *connection = over->connection;
    connection->link = NULL;
    connection->over = true;
    look_later(connection);
}

static bool pattern_matches(const char *pattern, const struct cc_http_request *request)
{
    for (size_t i = 0; i < request->segment_count; i++) {
        if (*pattern++ != '/')
            return false;
        size_t length = (size_t)(strchrnul(pattern, '/') - pattern);
        struct cc_slice segment = request->segments[i];
        if (pattern[0] == ':' ? segment.length == 0
                              : !cc_slice_equal(segment, cc_slice(pattern, length)))
            return false;
        pattern += length;
    }
    return *pattern == '\0' && request->segment_count > 0;
}

static void reply_no_route(struct cc_http_server *server, struct http_call *call,
                           struct cc_buffer *allow)
{
    struct cc_http_request *request = &call->request;
    if (allow->length == 0) {
        refused(server, 404, "no_route", request);
        cc_http_problem(request, 404, "not-found", "No such resource", request->path);
        return;
    }
    refused(server, 405, "method", request);
    static const char body[] = "{\"type\":\"urn:callcell:problem:method-not-allowed\","
                               "\"title\":\"Method not allowed here\",\"status\":405,"
                               "\"detail\":\"the header Allow names the methods of this path\"}";
    struct cc_http_reply reply = {.status = 405, .header_count = 2, .body = cc_slice_of(body)};
    reply.headers[0].name = CC_SLICE_LITERAL("content-type");
    reply.headers[0].value = CC_SLICE_LITERAL("application/problem+json");
    reply.headers[1].name = CC_SLICE_LITERAL("allow");
    reply.headers[1].value = cc_buffer_slice(allow);
    cc_http_reply(request, &reply);
}

static void route(struct cc_http_server *server, struct http_call *call)
{
    struct cc_buffer allow;
    cc_buffer_init(&allow, 256);
    for (size_t i = 0; i < server->options.route_count; i++) {
        if (!pattern_matches(server->routes[i].pattern, &call->request))
            continue;
        if (cc_slice_is(call->request.method, server->routes[i].method)) {
            cc_buffer_deinit(&allow);
            server->routes[i].handler(&call->request);
            return;
        }
        if (allow.length > 0)
            cc_buffer_text(&allow, ", ");
        cc_buffer_text(&allow, server->routes[i].method);
    }
    reply_no_route(server, call, &allow);
    cc_buffer_deinit(&allow);
}

static int refuse(struct cc_http_server *server, h2o_req_t *req, int status, const char *name,
                  const char *title, const char *detail)
{
    refused(server, status, name, NULL);
    http_send_problem(req, status, name, title, cc_slice_of(detail));
    return 0;
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    struct cc_http_server *server = ((struct handler *)self)->server;
    struct connection *connection = connection_of(req);
    struct cc_slice raw = cc_slice(connection->sock->input->bytes, connection->sock->input->size);
    struct over *over = h2o_mem_alloc_shared(&req->pool, sizeof(*over), on_request_over);
    over->connection = connection;
    connection->serving = true;
    enum cc_screen_verdict verdict = cc_http_screen(raw);
    if (verdict != CC_SCREEN_OK)
        return refuse(server, req, cc_screen_status(verdict), cc_screen_name(verdict),
                      "The request is not well-formed", cc_screen_text(verdict));
    if (server->in_flight >= server->options.in_flight_max)
        return refuse(server, req, 503, "overloaded", "Too many requests are in flight",
                      "ask again in a moment");
    struct http_call *call = http_call_create(server, req, raw, server->options.context);
    if (!call)
        return refuse(server, req, 503, "overloaded", "The request cannot be taken",
                      "out of memory");
    http_call_identify(call, connection->peer, connection->identity);
    server->in_flight++;
    connection->link = call->link;
    route(server, call);
    return 0;
}

bool http_server_is_last(const struct http_call *call)
{
    h2o_conn_t *conn = call->link->req->conn;
    size_t input = conn->callbacks->get_socket(conn)->input->size;
    return call->server->draining && input <= call->raw_length; /* pipelined ones are served too */
}

static void free_call(void *object)
{
    struct http_call *call = object;
    cc_arena_reset(&call->request.arena);
    free(call);
}

void http_server_answered(struct http_call *call)
{
    struct cc_http_server *server = call->server;
    server->in_flight--;
    cc_loop_bury(server->loop, call, free_call);
    release_when_done(server);
}

/* ---- stopping ---- */

/* What the kernel has accepted for us but libuv has not told us yet. */
static void take_backlog(struct cc_http_server *server)
{
    uv_os_fd_t listener;
    if (uv_fileno((uv_handle_t *)&server->listener, &listener) != 0)
        return;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct connection *connection = calloc(1, sizeof(*connection));
        if (!connection || !make_room(server)) {
            free(connection);
            close(fd);
            continue;
        }
        uv_tcp_init(cc_loop_uv(server->loop), &connection->tcp);
        if (uv_tcp_open(&connection->tcp, fd) != 0) {
            close(fd);
            uv_close((uv_handle_t *)&connection->tcp, on_unwanted_closed);
            continue;
        }
        adopt(server, connection);
    }
}

static void close_listener(struct cc_http_server *server)
{
    if (server->listening) {
        server->listening = false;
        uv_close((uv_handle_t *)&server->listener, on_listener_closed);
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct cc_http_server *server = handle->data;
    server->listener_open = false;
    release_when_done(server);
}

void cc_http_server_drain(struct cc_http_server *server, int64_t deadline_us,
                          void (*on_drained)(void *context), void *context)
{
    if (server->listening)
        take_backlog(server);
    close_listener(server);
    server->draining = true;
    server->drain_deadline_us = deadline_us;
    server->drain_begun_us = cc_loop_now_us(server->loop);
    server->on_drained = on_drained;
    server->drained_context = context;
    if (cc_deadline_set(&server->drain_tick, 0) != CC_OK)
        on_drained(context);
}

/* Reads what has arrived, then end of file; one that was just active is left a moment for its next
 * request, which is answered with "connection: close". A request that is still arriving has
 * DRAIN_PARTIAL_US to be whole: a sender that stalls must not hold up the stop. */
static void close_idle(struct cc_http_server *server, int64_t now_us)
{
    for (h2o_linklist_t *at = server->connections.next; at != &server->connections; at = at->next) {
        struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, all, at);
        if (!connection->sock || connection->serving)
            continue;
        bool stalled = now_us - server->drain_begun_us >= DRAIN_PARTIAL_US;
        if (stalled || (connection->sock->input->size == 0 &&
                        now_us - connection->idle_since_us >= DRAIN_IDLE_US))
            half_close(connection, SHUT_RD);
    }
}

static void on_drain_tick(struct cc_deadline *deadline)
{
    struct cc_http_server *server = CC_CONTAINER_OF(deadline, struct cc_http_server, drain_tick);
    int64_t now_us = cc_loop_now_us(server->loop);
    bool over = server->connection_count == 0 || now_us >= server->drain_deadline_us;
    if (!over) {
        close_idle(server, now_us);
        over = cc_deadline_set(deadline, now_us + DRAIN_TICK_US) != CC_OK;
    }
    if (over)
        server->on_drained(server->drained_context);
}

/* The pending request, if any, is answered 503 and its call left without a connection. */
static void cut(struct connection *connection)
{
    struct http_link *link = connection->link;
    if (link && link->call) {
        link->call->link = NULL;
        link->call = NULL;
        http_send_problem(link->req, 503, "shutting-down", "The server stops",
                          cc_slice_of("ask another one"));
    }
    half_close(connection, SHUT_RDWR);
}

void cc_http_server_free(struct cc_http_server *server)
{
    if (!server || server->freed)
        return;
    server->freed = true;
    cc_deadline_clear(&server->drain_tick);
    close_listener(server);
    server->options.on_refused = NULL;
    for (h2o_linklist_t *at = server->connections.next; at != &server->connections; at = at->next)
        cut(H2O_STRUCT_FROM_MEMBER(struct connection, all, at));
    release_when_done(server);
}

static void free_server(void *object)
{
    struct cc_http_server *server = object;
    free(server->routes);
    free(server);
}

static void on_guard_closed(uv_handle_t *handle)
{
    struct cc_http_server *server = handle->data;
    cc_loop_bury(server->loop, server, free_server);
}

/* h2o_context_dispose runs the loop once, inside: never with somebody's callback on the stack. */
static void dispose_server(void *object)
{
    struct cc_http_server *server = object;
    h2o_context_dispose(&server->context);
    h2o_config_dispose(&server->config);
    uv_close((uv_handle_t *)&server->guard, on_guard_closed);
}

/* Handlers hold requests, h2o holds connections: the memory goes after the last of both. */
static void release_when_done(struct cc_http_server *server)
{
    if (!server->freed || server->released || server->listener_open ||
        server->connection_count > 0 || server->in_flight > 0)
        return;
    server->released = true;
    cc_loop_bury(server->loop, server, dispose_server);
}
