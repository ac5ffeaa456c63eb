/*
 * HTTP/1.1 client. An exchange first joins its address's queue; a connection that is free, or has
 * just been made, takes the first from there:
 *
 *   start -> queue -> (idle connection | new connection) -> write -> read head -> body -> done
 *
 * With TLS a new connection first shakes hands, still CONNECTING; then all bytes pass through its
 * tls_stream: encrypted in send_request, decrypted into the reader in read_plain. A handshake
 * costs both sides more than a request, and they have least time for it when answers are late: a
 * TLS connection whose exchange was given up waits for the late answer (LATE), and one that is
 * still shaking hands goes on, each for LATE_US; then they are idle. For the same reason few shake
 * hands at once with one address (HANDSHAKES_MAX): a worker that thaws would else spend its first
 * second on connections that nobody waits for any more.
 *
 * A connection ends by close_connection, from wherever; its memory goes in the close callback. An
 * exchange ends by finish, which runs its callback exactly once; errors found while the caller is
 * still on the stack are put off with its deadline (fail_later).
 */
#include "base/io/http_client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

#include "base/io/http_reader.h"
#include "base/io/http_render.h"
#include "base/io/tls_stream.h"

#define LATE_US INT64_C(2000000)
enum { ADDRESSES_MAX = 1024, ADDRESS_TEXT = 24, WIRE_MAX = 32 * 1024, HANDSHAKES_MAX = 4 };

struct cc_http_handle {
    struct cc_http_client *client;
    struct pool *pool;
    struct connection *connection; /* NULL: queued, or ended */
    struct cc_http_handle *next;   /* in the queue */
    bool queued;
    struct cc_deadline deadline;
    enum cc_error put_off; /* CC_OK: the deadline is the deadline */
    struct http_bytes *bytes;
    bool is_head;
    bool may_retry;
    bool needs_fresh; /* the second try goes over a new connection */
    cc_http_done done;
    void *context;
};

enum state { CONNECTING, IDLE, BUSY, LATE, CLOSING };

struct connection {
    uv_tcp_t tcp; /* first */
    uv_connect_t connect;
    uv_write_t write;
    bool writing;
    struct cc_http_client *client;
    struct pool *pool;
    struct connection *next; /* of the pool */
    enum state state;
    bool used; /* has carried an exchange before */
    struct cc_http_handle *exchange;
    struct http_bytes *bytes;
    struct tls_stream *tls; /* NULL: plain, or not connected yet */
    struct cc_deadline idle;
    struct http_reader reader;
};

struct pool {
    struct pool *next;
    struct cc_http_client *client;
    char address[ADDRESS_TEXT];
    char *peer; /* NULL: a certificate for the address, or plain */
    struct sockaddr_in sockaddr;
    struct connection *connections;
    size_t connection_count, connecting_count;
    struct cc_http_handle *first, *last;
    size_t queued_count;
};

struct cc_http_client {
    struct cc_loop *loop;
    struct cc_http_client_options options;
    char *peer;
    char *wire; /* what libuv reads before it is decrypted: one connection at a time */
    struct pool *pools;
    size_t pool_count, connection_count;
    size_t exchange_count;
    bool freed, buried;
};

static void pump(struct pool *pool);
static void on_connected(uv_connect_t *request, int status);
static void make_idle(struct connection *connection);
static void begin_handshake(struct connection *connection);
static void on_wire(struct connection *connection, size_t count);
static void established(struct connection *connection);
static void send_request(struct connection *connection, struct cc_http_handle *exchange);
static void on_written(uv_write_t *request, int status);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer);
static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);
static void on_end_of_input(struct connection *connection);
static void read_response(struct connection *connection, size_t count);
static void complete(struct connection *connection);
static void on_idle_too_long(struct cc_deadline *deadline);
static void on_deadline(struct cc_deadline *deadline);
static void on_closed(uv_handle_t *handle);
static void release_when_done(struct cc_http_client *client);

/* ---- the client and its pools ---- */

static enum cc_error prepare_tls(struct cc_http_client *client)
{
    if (!client->options.tls)
        return CC_OK;
    client->wire = malloc(WIRE_MAX);
    client->peer = client->options.peer ? strdup(client->options.peer) : NULL;
    return client->wire && (client->peer || !client->options.peer) ? CC_OK : CC_NO_MEMORY;
}

enum cc_error cc_http_client_create(struct cc_loop *loop,
                                    const struct cc_http_client_options *options,
                                    struct cc_http_client **out)
{
    struct cc_http_client *client = calloc(1, sizeof(*client));
    *out = client;
    if (!client)
        return CC_NO_MEMORY;
    client->loop = loop;
    if (options)
        client->options = *options;
    if (client->options.connections_per_address == 0)
        client->options.connections_per_address = 64;
    if (client->options.queue_per_address == 0)
        client->options.queue_per_address = 1024;
    if (client->options.response_max == 0)
        client->options.response_max = 1024 * 1024;
    if (client->options.idle_ms == 0)
        client->options.idle_ms = 5000;
    return prepare_tls(client);
}

static enum cc_error parse_address(struct cc_slice text, struct sockaddr_in *out)
{
    char host[ADDRESS_TEXT];
    const char *colon = memchr(text.data, ':', text.length);
    if (!colon || text.length >= ADDRESS_TEXT)
        return CC_INVALID;
    size_t host_length = (size_t)(colon - text.data);
    memcpy(host, text.data, host_length);
    host[host_length] = '\0';
    int port = 0;
    for (const char *p = colon + 1; p < text.data + text.length; p++) {
        if (*p < '0' || *p > '9' || port > 65535)
            return CC_INVALID;
        port = port * 10 + (*p - '0');
    }
    if (port < 1 || port > 65535 || uv_ip4_addr(host, port, out) != 0)
        return CC_INVALID;
    return CC_OK;
}

static void pool_free(struct pool *pool)
{
    free(pool->peer);
    free(pool);
}

static bool is_for(const struct pool *pool, struct cc_slice address, const char *peer)
{
    bool same = peer && pool->peer ? strcmp(peer, pool->peer) == 0 : !peer && !pool->peer;
    return same && cc_slice_is(address, pool->address);
}

static enum cc_error pool_create(struct cc_http_client *client, struct cc_slice address,
                                 const char *peer, struct pool **out)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return CC_NO_MEMORY;
    enum cc_error error = parse_address(address, &pool->sockaddr);
    if (!error && peer && !(pool->peer = strdup(peer)))
        error = CC_NO_MEMORY;
    if (error) {
        pool_free(pool);
        return error;
    }
    memcpy(pool->address, address.data, address.length);
    pool->client = client;
    *out = pool;
    return CC_OK;
}

/* A pool for each peer too: a connection that another peer answers at this address is no use. */
static enum cc_error pool_for(struct cc_http_client *client,
                              const struct cc_http_exchange *exchange, struct pool **out)
{
    const char *peer = exchange->peer && client->options.tls ? exchange->peer : client->peer;
    struct pool *pool = client->pools;
    while (pool && !is_for(pool, exchange->address, peer))
        pool = pool->next;
    if (pool) {
        *out = pool;
        return CC_OK;
    }
    if (client->pool_count >= ADDRESSES_MAX)
        return CC_FULL;
    enum cc_error error = pool_create(client, exchange->address, peer, &pool);
    if (error)
        return error;
    pool->next = client->pools;
    client->pools = pool;
    client->pool_count++;
    *out = pool;
    return CC_OK;
}

static void queue_push(struct pool *pool, struct cc_http_handle *exchange, bool in_front)
{
    exchange->queued = true;
    pool->queued_count++;
    if (in_front || !pool->first) {
        exchange->next = pool->first;
        pool->first = exchange;
        if (!pool->last)
            pool->last = exchange;
        return;
    }
    exchange->next = NULL;
    pool->last->next = exchange;
    pool->last = exchange;
}

static void queue_remove(struct pool *pool, struct cc_http_handle *exchange)
{
    struct cc_http_handle **at = &pool->first;
    struct cc_http_handle *before = NULL;
    for (; *at != exchange; at = &(*at)->next)
        before = *at;
    *at = exchange->next;
    if (pool->last == exchange)
        pool->last = before;
    exchange->queued = false;
    pool->queued_count--;
}

static struct cc_http_handle *queue_take(struct pool *pool, bool fresh_connection)
{
    struct cc_http_handle *exchange = pool->first;
    while (exchange && exchange->needs_fresh && !fresh_connection)
        exchange = exchange->next;
    if (exchange)
        queue_remove(pool, exchange);
    return exchange;
}

/* ---- exchanges ---- */

static void set_deadline(struct cc_http_handle *exchange, int64_t due_us)
{
    /* It was set when the exchange started: moving it takes no memory. */
    enum cc_error error = cc_deadline_set(&exchange->deadline, due_us);
    assert(error == CC_OK);
    (void)error;
}

static void exchange_free(struct cc_http_handle *exchange)
{
    cc_deadline_clear(&exchange->deadline);
    http_bytes_drop(exchange->bytes);
    exchange->client->exchange_count--;
    free(exchange);
}

/* The exchange has left queue and connection. */
static void finish(struct cc_http_handle *exchange, enum cc_error error,
                   const struct cc_http_response *response)
{
    struct cc_http_client *client = exchange->client;
    cc_deadline_clear(&exchange->deadline);
    exchange->done(exchange->context, error, response);
    exchange_free(exchange);
    release_when_done(client);
}

static void fail_later(struct cc_http_handle *exchange, enum cc_error error)
{
    exchange->put_off = error;
    set_deadline(exchange, 0);
}

enum cc_error cc_http_exchange_start(struct cc_http_client *client,
                                     const struct cc_http_exchange *exchange,
                                     struct cc_http_handle **handle)
{
    struct pool *pool = NULL;
    if (client->freed)
        return CC_CANCELLED;
    enum cc_error error = pool_for(client, exchange, &pool);
    if (error != CC_OK)
        return error;
    if (pool->queued_count >= client->options.queue_per_address)
        return CC_FULL;
    struct cc_http_handle *started = calloc(1, sizeof(*started));
    if (!started)
        return CC_NO_MEMORY;
    *started = (struct cc_http_handle){.client = client,
                                       .pool = pool,
                                       .is_head = cc_slice_is(exchange->method, "HEAD"),
                                       .may_retry = exchange->retry_stale_connection,
                                       .done = exchange->done,
                                       .context = exchange->context};
    client->exchange_count++;
    cc_deadline_init(&started->deadline, client->loop, on_deadline);
    error = http_render(exchange, &started->bytes);
    if (error == CC_OK)
        error = cc_deadline_set(&started->deadline, exchange->deadline_us);
    if (error != CC_OK) {
        exchange_free(started);
        return error;
    }
    if (handle)
        *handle = started;
    queue_push(pool, started, false);
    pump(pool);
    return CC_OK;
}

/* ---- connections ---- */

static void close_connection(struct connection *connection)
{
    if (connection->state == CLOSING)
        return;
    if (connection->state == CONNECTING)
        connection->pool->connecting_count--;
    connection->state = CLOSING;
    cc_deadline_clear(&connection->idle);
    struct connection **at = &connection->pool->connections;
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
    connection->pool->connection_count--;
    if (connection->exchange)
        connection->exchange->connection = NULL;
    connection->exchange = NULL;
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = (struct connection *)(void *)handle;
    struct cc_http_client *client = connection->client;
    http_bytes_drop(connection->bytes);
    tls_stream_free(connection->tls);
    http_reader_deinit(&connection->reader);
    free(connection);
    client->connection_count--;
    release_when_done(client);
}

static enum cc_error connection_open(struct pool *pool)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection)
        return CC_NO_MEMORY;
    connection->client = pool->client;
    connection->pool = pool;
    connection->state = CONNECTING;
    cc_deadline_init(&connection->idle, pool->client->loop, on_idle_too_long);
    uv_tcp_init(cc_loop_uv(pool->client->loop), &connection->tcp);
    connection->next = pool->connections;
    pool->connections = connection;
    pool->connection_count++;
    pool->connecting_count++;
    pool->client->connection_count++;
    /* With TLS nobody who gives up ends the attempt. */
    if (pool->client->options.tls &&
        cc_deadline_set(&connection->idle, cc_loop_now_us(pool->client->loop) + LATE_US) != CC_OK) {
        close_connection(connection);
        return CC_NO_MEMORY;
    }
    if (uv_tcp_connect(&connection->connect, &connection->tcp,
                       (const struct sockaddr *)&pool->sockaddr, on_connected) != 0) {
        close_connection(connection);
        return CC_UNAVAILABLE;
    }
    return CC_OK;
}

static struct connection *find_in_state(struct pool *pool, enum state state)
{
    struct connection *connection = pool->connections;
    while (connection && connection->state != state)
        connection = connection->next;
    return connection;
}

/* Whether one more connection helps those who wait; an idle one makes room for a fresh one. */
static bool room_for_one(struct pool *pool)
{
    if (pool->connecting_count >= pool->queued_count ||
        (pool->client->options.tls && pool->connecting_count >= HANDSHAKES_MAX))
        return false;
    if (pool->connection_count < pool->client->options.connections_per_address)
        return true;
    struct connection *idle = find_in_state(pool, IDLE);
    if (idle)
        close_connection(idle);
    return idle != NULL;
}

static void pump(struct pool *pool)
{
    while (pool->first && !pool->client->freed) {
        struct connection *idle = find_in_state(pool, IDLE);
        struct cc_http_handle *exchange = idle ? queue_take(pool, false) : NULL;
        if (exchange) {
            send_request(idle, exchange);
            continue;
        }
        if (!room_for_one(pool))
            return;
        enum cc_error error = connection_open(pool);
        if (error != CC_OK) {
            exchange = queue_take(pool, true);
            if (exchange)
                fail_later(exchange, error);
        }
    }
}

/* A waiting exchange went away: no connection is made for nobody. */
static void trim_connecting(struct pool *pool)
{
    if (pool->client->options.tls)
        return;
    while (pool->connecting_count > pool->queued_count)
        close_connection(find_in_state(pool, CONNECTING));
}

static void fail_connecting(struct connection *connection, enum cc_error error)
{
    struct pool *pool = connection->pool;
    struct cc_http_handle *exchange = queue_take(pool, true);
    close_connection(connection);
    if (exchange)
        finish(exchange, error, NULL);
    pump(pool);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = CC_CONTAINER_OF(request, struct connection, connect);
    if (connection->state == CLOSING)
        return;
    if (status != 0) {
        fail_connecting(connection, CC_UNAVAILABLE);
        return;
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
    if (connection->client->options.tls)
        begin_handshake(connection);
    else
        established(connection);
}

/* Takes over one user of bytes. */
static void write_bytes(struct connection *connection, struct http_bytes *bytes)
{
    http_bytes_drop(connection->bytes);
    connection->bytes = bytes;
    uv_buf_t buffer = uv_buf_init(bytes->data, (unsigned)bytes->length);
    int written = uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);
    if (written == (int)bytes->length)
        return;
    if (written > 0) {
        buffer.base += written;
        buffer.len -= (size_t)written;
    }
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written) == 0)
        connection->writing = true;
    /* Else the socket is broken, and reading says so. */
}

/* What the TLS stream wants to say. One write at a time: the peer answers before there is more. */
static enum cc_error write_stream(struct connection *connection)
{
    struct cc_buffer wire;
    struct http_bytes *bytes = NULL;
    cc_buffer_init(&wire, 0);
    tls_stream_take(connection->tls, &wire);
    enum cc_error error = wire.error;
    if (!error && wire.length > 0 && connection->writing)
        error = CC_PROTOCOL;
    if (!error && wire.length > 0)
        error = http_bytes_copy(cc_buffer_slice(&wire), &bytes);
    cc_buffer_deinit(&wire);
    if (bytes)
        write_bytes(connection, bytes);
    return error;
}

static void begin_handshake(struct connection *connection)
{
    const struct pool *pool = connection->pool;
    char host[ADDRESS_TEXT];
    size_t length = strcspn(pool->address, ":");
    memcpy(host, pool->address, length);
    host[length] = '\0';
    enum cc_error error =
        tls_stream_create(pool->client->options.tls, pool->peer, host, &connection->tls);
    if (!error)
        error = write_stream(connection);
    if (error)
        fail_connecting(connection, error);
}

/* The end of our side of the handshake goes out with the first request. */
static void established(struct connection *connection)
{
    struct pool *pool = connection->pool;
    pool->connecting_count--;
    connection->state = IDLE;
    struct cc_http_handle *exchange = queue_take(pool, true);
    if (exchange)
        send_request(connection, exchange);
    else if (connection->tls && write_stream(connection) != CC_OK)
        close_connection(connection);
    else if (connection->tls)
        make_idle(connection);
    pump(pool);
}

static void send_request(struct connection *connection, struct cc_http_handle *exchange)
{
    struct http_bytes *bytes = exchange->bytes;
    cc_deadline_clear(&connection->idle);
    connection->state = BUSY;
    connection->exchange = exchange;
    exchange->connection = connection;
    http_reader_start(&connection->reader, exchange->is_head,
                      connection->client->options.response_max);
    if (!connection->tls) {
        bytes->users++;
        write_bytes(connection, bytes);
        return;
    }
    enum cc_error error = tls_stream_write(connection->tls, cc_slice(bytes->data, bytes->length));
    if (!error)
        error = write_stream(connection);
    if (error) {
        close_connection(connection);
        fail_later(exchange, error);
    }
}

static void on_written(uv_write_t *request, int status)
{
    struct connection *connection = CC_CONTAINER_OF(request, struct connection, write);
    connection->writing = false;
    if (status != 0 && connection->state == BUSY)
        on_end_of_input(connection);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct connection *connection = (struct connection *)(void *)handle;
    static char unasked[64]; /* what an idle peer says is dropped with its connection */
    char *at = unasked;
    size_t capacity = sizeof(unasked);
    (void)suggested;
    if (connection->client->options.tls) {
        *buffer = uv_buf_init(connection->client->wire, WIRE_MAX);
        return;
    }
    if (connection->state != IDLE && !http_reader_room(&connection->reader, &at, &capacity))
        capacity = 0;
    *buffer = uv_buf_init(at, (unsigned)capacity);
}

static void fail_connection(struct connection *connection, enum cc_error error)
{
    struct cc_http_handle *exchange = connection->exchange;
    struct pool *pool = connection->pool;
    close_connection(connection);
    if (exchange)
        finish(exchange, error, NULL);
    pump(pool);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct connection *connection = (struct connection *)(void *)stream;
    (void)buffer;
    if (count == 0 || connection->state == CLOSING)
        return;
    if (connection->tls && count > 0) {
        on_wire(connection, (size_t)count);
        return;
    }
    if (connection->state == CONNECTING) {
        fail_connecting(connection, CC_UNAVAILABLE);
        return;
    }
    if (connection->state == IDLE) { /* end of file, or bytes that nobody asked for */
        close_connection(connection);
        return;
    }
    if (count == UV_ENOBUFS) {
        fail_connection(connection, CC_TOO_LARGE);
        return;
    }
    if (count < 0) {
        on_end_of_input(connection);
        return;
    }
    read_response(connection, (size_t)count);
}

/* Until nothing is left, or the connection is no longer reading an answer. */
static void read_plain(struct connection *connection)
{
    bool ended = false;
    for (size_t got = 1; got > 0 && (connection->state == BUSY || connection->state == LATE);) {
        char *at = NULL;
        size_t capacity = 0;
        if (!http_reader_room(&connection->reader, &at, &capacity)) {
            fail_connection(connection, CC_TOO_LARGE);
            return;
        }
        enum cc_error error = tls_stream_read(connection->tls, at, capacity, &got, &ended);
        if (error)
            fail_connection(connection, error);
        else if (got > 0)
            read_response(connection, got);
        else if (ended)
            on_end_of_input(connection);
    }
}

/* What an idle peer says is dropped with its connection; what TLS says to TLS is fine. */
static bool says_nothing(struct connection *connection)
{
    char unasked;
    size_t got = 0;
    bool ended = false;
    return tls_stream_read(connection->tls, &unasked, 1, &got, &ended) == CC_OK && got == 0 &&
           !ended;
}

static void on_wire(struct connection *connection, size_t count)
{
    enum cc_error error =
        tls_stream_feed(connection->tls, cc_slice(connection->client->wire, count));
    if (connection->state == CONNECTING) {
        if (!error && tls_stream_is_open(connection->tls))
            established(connection);
        else if (write_stream(connection) != CC_OK || error)
            fail_connecting(connection, error ? error : CC_NO_MEMORY);
    } else if (error) {
        fail_connection(connection, error);
    }
    read_plain(connection);
    if (connection->state == IDLE && !says_nothing(connection))
        close_connection(connection);
}

/* Without TLS's own word for it, the end of a TLS connection may be the work of anybody. */
static bool ends_properly(struct connection *connection)
{
    char unasked;
    size_t got = 0;
    bool ended = true;
    if (!http_reader_ends_with_connection(&connection->reader))
        return false;
    return !connection->tls ||
           (tls_stream_read(connection->tls, &unasked, 1, &got, &ended) == CC_OK && ended);
}

static void on_end_of_input(struct connection *connection)
{
    struct cc_http_handle *exchange = connection->exchange;
    if (!exchange) {
        fail_connection(connection, CC_UNAVAILABLE);
        return;
    }
    if (ends_properly(connection)) {
        complete(connection);
        return;
    }
    if (connection->reader.length > 0) {
        fail_connection(connection, CC_PROTOCOL);
        return;
    }
    if (!connection->used || !exchange->may_retry) {
        fail_connection(connection, CC_UNAVAILABLE);
        return;
    }
    struct pool *pool = connection->pool;
    close_connection(connection);
    exchange->may_retry = false;
    exchange->needs_fresh = true;
    queue_push(pool, exchange, true);
    pump(pool);
}

static void read_response(struct connection *connection, size_t count)
{
    bool is_complete = false;
    enum cc_error error = http_reader_take(&connection->reader, count, &is_complete);
    if (error != CC_OK)
        fail_connection(connection, error);
    else if (is_complete)
        complete(connection);
}

static void make_idle(struct connection *connection)
{
    struct cc_http_client *client = connection->client;
    connection->state = IDLE;
    connection->used = true;
    http_reader_rest(&connection->reader);
    int64_t due_us = cc_loop_now_us(client->loop) + client->options.idle_ms * 1000;
    if (cc_deadline_set(&connection->idle, due_us) != CC_OK)
        close_connection(connection);
}

static void complete(struct connection *connection)
{
    struct cc_http_handle *exchange = connection->exchange;
    struct pool *pool = connection->pool;
    const struct cc_http_response *response = http_reader_response(&connection->reader);
    connection->exchange = NULL;
    if (exchange)
        exchange->connection = NULL;
    /* The connection stays busy, and its input in place, while the callback reads the response; the
     * callback may free the client, which closes the connection. */
    if (exchange)
        finish(exchange, CC_OK, response);
    if (connection->state == CLOSING)
        return;
    if (connection->reader.keep && !connection->writing)
        make_idle(connection);
    else
        close_connection(connection);
    pump(pool);
}

static void on_idle_too_long(struct cc_deadline *deadline)
{
    struct connection *connection = CC_CONTAINER_OF(deadline, struct connection, idle);
    struct pool *pool = connection->pool;
    close_connection(connection);
    pump(pool);
}

/* ---- endings ---- */

/* The answer may still come: it is nobody's, and what follows it is not. */
static void let_go(struct connection *connection)
{
    int64_t due_us = cc_loop_now_us(connection->client->loop) + LATE_US;
    if (!connection->tls || connection->writing || connection->state != BUSY ||
        cc_deadline_set(&connection->idle, due_us) != CC_OK) {
        close_connection(connection);
        return;
    }
    connection->exchange->connection = NULL;
    connection->exchange = NULL;
    connection->state = LATE;
}

/* Out of queue or connection. A plain connection that carried it is never used again. */
static void detach(struct cc_http_handle *exchange)
{
    if (exchange->queued)
        queue_remove(exchange->pool, exchange);
    if (exchange->connection)
        let_go(exchange->connection);
    trim_connecting(exchange->pool);
}

static void on_deadline(struct cc_deadline *deadline)
{
    struct cc_http_handle *exchange = CC_CONTAINER_OF(deadline, struct cc_http_handle, deadline);
    struct pool *pool = exchange->pool;
    struct cc_http_client *client = exchange->client;
    enum cc_error error = exchange->put_off != CC_OK ? exchange->put_off : CC_TIMEOUT;
    detach(exchange);
    if (!client->freed)
        pump(pool);
    finish(exchange, error, NULL);
}

void cc_http_exchange_cancel(struct cc_http_handle *handle)
{
    struct pool *pool = handle->pool;
    detach(handle);
    exchange_free(handle);
    pump(pool);
    release_when_done(pool->client);
}

static void on_abandoned(void *context, enum cc_error error,
                         const struct cc_http_response *response)
{
    (void)context;
    (void)error;
    (void)response;
}

void cc_http_exchange_abandon(struct cc_http_handle *handle)
{
    if (!handle->connection) {
        cc_http_exchange_cancel(handle);
        return;
    }
    handle->done = on_abandoned;
    handle->context = NULL;
    handle->may_retry = false;
}

void cc_http_client_free(struct cc_http_client *client)
{
    if (!client || client->freed)
        return;
    client->freed = true;
    for (struct pool *pool = client->pools; pool; pool = pool->next) {
        for (struct cc_http_handle *exchange = pool->first; exchange; exchange = exchange->next)
            fail_later(exchange, CC_CANCELLED);
        while (pool->connections) {
            if (pool->connections->exchange)
                fail_later(pool->connections->exchange, CC_CANCELLED);
            close_connection(pool->connections);
        }
    }
    release_when_done(client);
}

static void free_client(void *object)
{
    struct cc_http_client *client = object;
    while (client->pools) {
        struct pool *next = client->pools->next;
        pool_free(client->pools);
        client->pools = next;
    }
    free(client->wire);
    free(client->peer);
    free(client);
}

static void release_when_done(struct cc_http_client *client)
{
    if (!client->freed || client->buried || client->exchange_count > 0 ||
        client->connection_count > 0)
        return;
    client->buried = true;
    cc_loop_bury(client->loop, client, free_client);
}
