/*
 * Limit: libh2o as we use it (libuv flavour, one loop, HTTP/1.1), answering every request with the
 * same bytes. What a cell may cost at the least. Rim: sockets.
 * Usage: callcell-peer-h2o-static PORT ANSWER
 */
#include <h2o.h>
#include <stdio.h>
#include <stdlib.h>

enum { BACKLOG = 1024, BODY_MAX = 64 * 1024, SECONDS_MAX = 3600 };

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t acceptor;
static h2o_iovec_t answer;

static int give_answer(h2o_handler_t *handler, h2o_req_t *request)
{
    (void)handler;
    request->res.status = 200;
    request->res.reason = "OK";
    request->res.content_length = answer.len;
    h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_send_inline(request, answer.base, answer.len);
    return 0;
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status)
        return;
    uv_tcp_t *connection = h2o_mem_alloc(sizeof(*connection));
    if (uv_tcp_init(listener->loop, connection) || uv_accept(listener, (uv_stream_t *)connection)) {
        uv_close((uv_handle_t *)connection, (uv_close_cb)free);
        return;
    }
    (void)uv_tcp_nodelay(connection, 1);
    h2o_accept(&acceptor, h2o_uv_socket_create((uv_stream_t *)connection, (uv_close_cb)free));
}

static int listen_on(uv_loop_t *loop, uv_tcp_t *listener, int port)
{
    struct sockaddr_in address;
    int error = uv_tcp_init(loop, listener);
    if (!error)
        error = uv_ip4_addr("127.0.0.1", port, &address);
    if (!error)
        error = uv_tcp_bind(listener, (const struct sockaddr *)&address, 0);
    return error ? error : uv_listen((uv_stream_t *)listener, BACKLOG, on_connection);
}

static void configure(uv_loop_t *loop)
{
    h2o_config_init(&config);
    config.http1.req_timeout = SECONDS_MAX * UINT64_C(1000);
    config.http1.upgrade_to_http2 = 0;
    config.max_request_entity_size = BODY_MAX;
    h2o_hostconf_t *host =
        h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = give_answer;
    h2o_context_init(&context, loop, &config);
    acceptor.ctx = &context;
    acceptor.hosts = config.hosts;
}

int main(int count, char **arguments)
{
    uv_loop_t loop;
    uv_tcp_t listener;
    if (count != 3) {
        (void)fprintf(stderr, "usage: callcell-peer-h2o-static PORT ANSWER\n");
        return 2;
    }
    answer = h2o_iovec_init(arguments[2], strlen(arguments[2]));
    int error = uv_loop_init(&loop);
    if (!error) {
        configure(&loop);
        error = listen_on(&loop, &listener, (int)strtol(arguments[1], NULL, 10));
    }
    if (error) {
        (void)fprintf(stderr, "callcell-peer-h2o-static: %s\n", uv_strerror(error));
        return 1;
    }
    return uv_run(&loop, UV_RUN_DEFAULT);
}
