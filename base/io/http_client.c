/*
 * HTTP/1.1 client. An exchange first joins its address's queue; a connection that is free, or has
 * just been made, takes the first from there:
 *
 *   start -> queue -> (idle connection | new connection) -> write -> read head -> body -> done
 *
 * A connection ends by close_connection, from wherever; its memory goes in the close callback. An
 * exchange ends by finish, which runs its callback exactly once; errors found while the caller is
 * still on the stack are put off with its deadline (fail_later).
 */
#include "base/io/http_client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

#include "base/io/picohttpparser.h"

enum {
    ADDRESSES_MAX = 1024,
    ADDRESS_TEXT = 24,
    INPUT_FIRST = 4096,
    INPUT_KEPT = 64 * 1024, /* an idle connection keeps no larger buffer */
    REQUEST_MAX = 4 * 1024 * 1024
};

/* Shared by an exchange and the connection that may still be writing it. */
struct request_bytes {
    unsigned users;
    size_t length;
    char data[];
};

struct cc_http_handle {
    struct cc_http_client *client;
    struct pool *pool;
    struct connection *connection; /* NULL: queued, or ended */
    struct cc_http_handle *next;   /* in the queue */
    bool queued;
    struct cc_deadline deadline;
    enum cc_error put_off; /* CC_OK: the deadline is the deadline */
    struct request_bytes *bytes;
    bool is_head;
    bool may_retry;
    bool needs_fresh; /* the second try goes over a new connection */
    cc_http_done done;
    void *context;
};

enum state { CONNECTING, IDLE, BUSY, CLOSING };
enum body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

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
    struct request_bytes *bytes;
    struct cc_deadline idle;
    char *input; /* head, then body (decoded in place when chunked) */
    size_t length, capacity;
    size_t parsed_before; /* length at the last attempt to read the head */
    size_t head_length;   /* 0: the head is not complete */
    size_t body_length;   /* decoded so far, or expected (BODY_LENGTH) */
    enum body body;
    bool keep;
    struct phr_chunked_decoder chunks;
    struct cc_http_response response;
};

struct pool {
    struct pool *next;
    struct cc_http_client *client;
    char address[ADDRESS_TEXT];
    struct sockaddr_in sockaddr;
    struct connection *connections;
    size_t connection_count, connecting_count;
    struct cc_http_handle *first, *last;
    size_t queued_count;
};

struct cc_http_client {
    struct cc_loop *loop;
    struct cc_http_client_options options;
    struct pool *pools;
    size_t pool_count, connection_count;
    size_t exchange_count;
    bool freed, buried;
};

static void pump(struct pool *pool);
static void on_connected(uv_connect_t *request, int status);
static void send_request(struct connection *connection, struct cc_http_handle *exchange);
static void on_written(uv_write_t *request, int status);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer);
static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);
static void on_end_of_input(struct connection *connection);
static void read_response(struct connection *connection);
static void complete(struct connection *connection);
static void on_idle_too_long(struct cc_deadline *deadline);
static void on_deadline(struct cc_deadline *deadline);
static void on_closed(uv_handle_t *handle);
static void release_when_done(struct cc_http_client *client);

/* ---- the client and its pools ---- */

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
    return CC_OK;
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

static enum cc_error pool_for(struct cc_http_client *client, struct cc_slice address,
                              struct pool **out)
{
    for (struct pool *pool = client->pools; pool; pool = pool->next) {
        if (cc_slice_is(address, pool->address)) {
            *out = pool;
            return CC_OK;
        }
    }
    if (client->pool_count >= ADDRESSES_MAX)
        return CC_FULL;
    struct pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return CC_NO_MEMORY;
    if (parse_address(address, &pool->sockaddr) != CC_OK) {
        free(pool);
        return CC_INVALID;
    }
    memcpy(pool->address, address.data, address.length);
    pool->client = client;
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

static void bytes_drop(struct request_bytes *bytes)
{
    if (bytes && --bytes->users == 0)
        free(bytes);
}

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
    bytes_drop(exchange->bytes);
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

static bool header_is_ours(struct cc_slice name)
{
    return cc_slice_is(name, "host") || cc_slice_is(name, "content-length") ||
           cc_slice_is(name, "transfer-encoding");
}

static enum cc_error render(const struct cc_http_exchange *exchange, struct request_bytes **out)
{
    struct cc_buffer buffer;
    enum cc_error error = CC_OK;
    cc_buffer_init(&buffer, REQUEST_MAX);
    cc_buffer_append(&buffer, exchange->method);
    cc_buffer_text(&buffer, " ");
    cc_buffer_append(&buffer, exchange->path);
    cc_buffer_text(&buffer, " HTTP/1.1\r\nhost: ");
    cc_buffer_append(&buffer, exchange->address);
    for (size_t i = 0; i < exchange->header_count; i++) {
        if (header_is_ours(exchange->headers[i].name))
            continue;
        cc_buffer_text(&buffer, "\r\n");
        cc_buffer_append(&buffer, exchange->headers[i].name);
        cc_buffer_text(&buffer, ": ");
        cc_buffer_append(&buffer, exchange->headers[i].value);
    }
    if (exchange->body.length > 0 || !cc_slice_is(exchange->method, "GET")) {
        cc_buffer_text(&buffer, "\r\ncontent-length: ");
        cc_buffer_integer(&buffer, (int64_t)exchange->body.length);
    }
    cc_buffer_text(&buffer, "\r\n\r\n");
    cc_buffer_append(&buffer, exchange->body);
    error = buffer.error;
    if (error == CC_OK) {
        *out = malloc(sizeof(**out) + buffer.length);
        if (*out) {
            (*out)->users = 1;
            (*out)->length = buffer.length;
            memcpy((*out)->data, buffer.data, buffer.length);
        } else {
            error = CC_NO_MEMORY;
        }
    }
    cc_buffer_deinit(&buffer);
    return error;
}

/* A line break in a header would let its text write headers of its own. */
static bool is_clean(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
            return false;
    return true;
}

static enum cc_error check(const struct cc_http_client *client,
                           const struct cc_http_exchange *exchange)
{
    if (client->freed)
        return CC_CANCELLED;
    if (!is_clean(exchange->method) || !is_clean(exchange->path) || exchange->path.length == 0)
        return CC_INVALID;
    for (size_t i = 0; i < exchange->header_count; i++)
        if (!is_clean(exchange->headers[i].name) || !is_clean(exchange->headers[i].value))
            return CC_INVALID;
    return CC_OK;
}

enum cc_error cc_http_exchange_start(struct cc_http_client *client,
                                     const struct cc_http_exchange *exchange,
                                     struct cc_http_handle **handle)
{
    struct pool *pool = NULL;
    enum cc_error error = check(client, exchange);
    if (error == CC_OK)
        error = pool_for(client, exchange->address, &pool);
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
    error = render(exchange, &started->bytes);
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
    bytes_drop(connection->bytes);
    free(connection->input);
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
    if (pool->connecting_count >= pool->queued_count)
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
    while (pool->connecting_count > pool->queued_count)
        close_connection(find_in_state(pool, CONNECTING));
}

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = CC_CONTAINER_OF(request, struct connection, connect);
    struct pool *pool = connection->pool;
    if (connection->state == CLOSING)
        return;
    if (status != 0) {
        struct cc_http_handle *exchange = queue_take(pool, true);
        close_connection(connection);
        if (exchange)
            finish(exchange, CC_UNAVAILABLE, NULL);
        pump(pool);
        return;
    }
    pool->connecting_count--;
    connection->state = IDLE;
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
    struct cc_http_handle *exchange = queue_take(pool, true);
    if (exchange)
        send_request(connection, exchange);
}

static void send_request(struct connection *connection, struct cc_http_handle *exchange)
{
    struct request_bytes *bytes = exchange->bytes;
    cc_deadline_clear(&connection->idle);
    connection->state = BUSY;
    connection->exchange = exchange;
    exchange->connection = connection;
    bytes_drop(connection->bytes);
    connection->bytes = bytes;
    bytes->users++;
    connection->length = connection->head_length = connection->parsed_before = 0;
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

static void on_written(uv_write_t *request, int status)
{
    struct connection *connection = CC_CONTAINER_OF(request, struct connection, write);
    connection->writing = false;
    if (status != 0 && connection->state == BUSY)
        on_end_of_input(connection);
}

/* ---- reading ---- */

/* Room for at least one more byte; false: memory is out or the bound is reached. */
static bool input_reserve(struct connection *connection)
{
    size_t most = connection->client->options.response_max;
    if (connection->length < connection->capacity)
        return true;
    if (connection->capacity >= most)
        return false;
    size_t capacity = connection->capacity ? connection->capacity * 2 : INPUT_FIRST;
    if (capacity > most)
        capacity = most;
    char *grown = realloc(connection->input, capacity);
    if (!grown)
        return false;
    connection->input = grown;
    connection->capacity = capacity;
    return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct connection *connection = (struct connection *)(void *)handle;
    (void)suggested;
    *buffer = uv_buf_init(NULL, 0);
    if (input_reserve(connection))
        *buffer = uv_buf_init(connection->input + connection->length,
                              (unsigned)(connection->capacity - connection->length));
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
    connection->length += (size_t)count;
    read_response(connection);
}

static void on_end_of_input(struct connection *connection)
{
    struct cc_http_handle *exchange = connection->exchange;
    if (connection->head_length > 0 && connection->body == BODY_UNTIL_CLOSE) {
        complete(connection);
        return;
    }
    if (connection->length > 0) {
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

static bool equals_ignoring_case(struct cc_slice text, const char *lower)
{
    if (text.length != strlen(lower))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c) != lower[i])
            return false;
    }
    return true;
}

static bool parse_length(struct cc_slice text, size_t *out)
{
    size_t value = 0;
    if (text.length == 0 || text.length > 15)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (size_t)(text.data[i] - '0');
    }
    *out = value;
    return true;
}

/* How the body is framed, RFC 9112 section 6.3. */
static enum cc_error read_framing(struct connection *connection, int minor)
{
    struct cc_http_response *response = &connection->response;
    bool has_length = false, chunked = false;
    connection->keep = minor >= 1;
    connection->body_length = 0;
    for (size_t i = 0; i < response->header_count; i++) {
        struct cc_slice name = response->headers[i].name;
        struct cc_slice value = response->headers[i].value;
        if (cc_slice_is(name, "content-length")) {
            if (has_length || !parse_length(value, &connection->body_length))
                return CC_PROTOCOL;
            has_length = true;
        } else if (cc_slice_is(name, "transfer-encoding")) {
            if (chunked || !equals_ignoring_case(value, "chunked"))
                return CC_PROTOCOL;
            chunked = true;
        } else if (cc_slice_is(name, "connection")) {
            if (equals_ignoring_case(value, "close"))
                connection->keep = false;
            else if (equals_ignoring_case(value, "keep-alive"))
                connection->keep = true;
        }
    }
    if (has_length && chunked)
        return CC_PROTOCOL;
    int status = response->status;
    if (connection->exchange->is_head || status == 204 || status == 304)
        connection->body = BODY_NONE;
    else if (chunked)
        connection->body = BODY_CHUNKED;
    else
        connection->body = has_length ? BODY_LENGTH : BODY_UNTIL_CLOSE;
    if (connection->body == BODY_UNTIL_CLOSE)
        connection->keep = false;
    memset(&connection->chunks, 0, sizeof(connection->chunks));
    connection->chunks.consume_trailer = 1;
    return CC_OK;
}

/* Slices of the response point into the input, which may still move: called again when complete. */
static int parse_head(struct connection *connection, size_t length, int *minor)
{
    struct phr_header headers[CC_HTTP_HEADERS_MAX];
    struct cc_http_response *response = &connection->response;
    const char *text;
    size_t text_length;
    response->header_count = CC_HTTP_HEADERS_MAX;
    int head = phr_parse_response(connection->input, length, minor, &response->status, &text,
                                  &text_length, headers, &response->header_count,
                                  connection->head_length ? 0 : connection->parsed_before);
    if (head <= 0)
        return head;
    for (size_t i = 0; i < response->header_count; i++) {
        if (!headers[i].name)
            return -1; /* folded */
        char *name = connection->input + (headers[i].name - connection->input);
        for (size_t j = 0; j < headers[i].name_len; j++)
            if (name[j] >= 'A' && name[j] <= 'Z')
                name[j] = (char)(name[j] | 0x20);
        response->headers[i].name = cc_slice(name, headers[i].name_len);
        response->headers[i].value = cc_slice(headers[i].value, headers[i].value_len);
    }
    return head;
}

/* CC_OK with head_length 0: more is needed. Interim responses (1xx) are dropped. */
static enum cc_error read_head(struct connection *connection)
{
    for (;;) {
        int minor = 0;
        int head = parse_head(connection, connection->length, &minor);
        if (head == -2) {
            connection->parsed_before = connection->length;
            return CC_OK;
        }
        if (head < 0 || connection->response.status == 101)
            return CC_PROTOCOL;
        if (connection->response.status >= 200) {
            connection->head_length = (size_t)head;
            enum cc_error error = read_framing(connection, minor);
            if (error == CC_OK && connection->body == BODY_LENGTH &&
                connection->body_length >
                    connection->client->options.response_max - connection->head_length)
                error = CC_TOO_LARGE;
            return error;
        }
        connection->length -= (size_t)head;
        connection->parsed_before = 0;
        memmove(connection->input, connection->input + head, connection->length);
        if (connection->length == 0)
            return CC_OK;
    }
}

/* 1: the body is complete; 0: not yet; -1: malformed. */
static int read_body(struct connection *connection)
{
    size_t have = connection->length - connection->head_length;
    if (connection->body == BODY_NONE || connection->body == BODY_LENGTH) {
        size_t want = connection->body == BODY_NONE ? 0 : connection->body_length;
        if (have > want)
            connection->keep = false; /* bytes nobody asked for */
        return have >= want;
    }
    if (connection->body == BODY_UNTIL_CLOSE) {
        connection->body_length = have;
        return 0;
    }
    size_t raw = have - connection->body_length;
    char *at = connection->input + connection->head_length + connection->body_length;
    ssize_t left = phr_decode_chunked(&connection->chunks, at, &raw);
    if (left == -1)
        return -1;
    connection->body_length += raw;
    connection->length = connection->head_length + connection->body_length;
    if (left > 0)
        connection->keep = false;
    return left >= 0;
}

static void read_response(struct connection *connection)
{
    if (connection->head_length == 0) {
        enum cc_error error = read_head(connection);
        if (error != CC_OK) {
            fail_connection(connection, error);
            return;
        }
        if (connection->head_length == 0)
            return;
    }
    int complete_now = read_body(connection);
    if (complete_now < 0)
        fail_connection(connection, CC_PROTOCOL);
    else if (complete_now > 0)
        complete(connection);
}

static void make_idle(struct connection *connection)
{
    struct cc_http_client *client = connection->client;
    connection->state = IDLE;
    connection->used = true;
    connection->length = 0;
    if (connection->capacity > INPUT_KEPT) {
        free(connection->input);
        connection->input = NULL;
        connection->capacity = 0;
    }
    int64_t due_us = cc_loop_now_us(client->loop) + client->options.idle_ms * 1000;
    if (cc_deadline_set(&connection->idle, due_us) != CC_OK)
        close_connection(connection);
}

static void complete(struct connection *connection)
{
    struct cc_http_handle *exchange = connection->exchange;
    struct pool *pool = connection->pool;
    int minor;
    parse_head(connection, connection->head_length, &minor);
    connection->response.body =
        cc_slice(connection->input + connection->head_length, connection->body_length);
    if (connection->body == BODY_NONE)
        connection->response.body.length = 0;
    connection->exchange = NULL;
    exchange->connection = NULL;
    /* The connection stays busy, and its input in place, while the callback reads the response; the
     * callback may free the client, which closes the connection. */
    finish(exchange, CC_OK, &connection->response);
    if (connection->state == CLOSING)
        return;
    if (connection->keep && !connection->writing)
        make_idle(connection);
    else
        close_connection(connection);
    pump(pool);
}

static void on_idle_too_long(struct cc_deadline *deadline)
{
    close_connection(CC_CONTAINER_OF(deadline, struct connection, idle));
}

/* ---- endings ---- */

/* Out of queue or connection; a connection that carried it is never used again. */
static void detach(struct cc_http_handle *exchange)
{
    if (exchange->queued)
        queue_remove(exchange->pool, exchange);
    if (exchange->connection)
        close_connection(exchange->connection);
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
        free(client->pools);
        client->pools = next;
    }
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

struct cc_slice cc_http_response_header(const struct cc_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (cc_slice_is(response->headers[i].name, name))
            return response->headers[i].value;
    return (struct cc_slice){NULL, 0};
}
