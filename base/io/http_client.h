/*
 * HTTP/1.1 client with persistent connections, one pool per address (IPv4 "127.0.0.1:20101") and
 * peer that is wanted there. Built
 * on uv_tcp and libh2o's exported response parser. Every exchange has a deadline, which covers the
 * connection and its TLS handshake; the callback runs
 * exactly once, never before cc_http_exchange_start returns. Responses are buffered whole.
 */
#ifndef CC_IO_HTTP_CLIENT_H
#define CC_IO_HTTP_CLIENT_H

#include "base/io/http_server.h"

struct cc_http_client; /* opaque */

struct cc_http_client_options {
    size_t connections_per_address; /* default 64; more exchanges wait in a queue */
    size_t queue_per_address;       /* default 1,024; beyond it CC_FULL */
    size_t response_max;            /* bytes of head + body, default 1 MiB */
    struct cc_tls *tls; /* NULL: plain; outlives the client. New connections show its identity; idle
                           ones live on with the one they were made with */
    const char *peer;   /* with tls: the role a server must have where an exchange names none,
                           "urn:callcell:control"; copied; NULL: a certificate for its address */
    int64_t idle_ms;    /* an idle connection is closed, default 5,000 (below the server's) */
};
enum cc_error cc_http_client_create(struct cc_loop *loop,
                                    const struct cc_http_client_options *options,
                                    struct cc_http_client **out) CC_MUST_CHECK;
/* Exchanges under way end with CC_CANCELLED, from the loop, before the memory goes. */
void cc_http_client_free(struct cc_http_client *client);

/* Valid during the callback only. */
struct cc_http_response {
    int status;
    struct cc_http_header headers[CC_HTTP_HEADERS_MAX];
    size_t header_count;
    struct cc_slice body;
};
struct cc_slice cc_http_response_header(const struct cc_http_response *response, const char *name);

/* error: CC_OK with response; CC_TIMEOUT, CC_UNAVAILABLE (refused, reset before any byte of an
 * answer), CC_FORBIDDEN (TLS: one does not believe the other), CC_PROTOCOL, CC_TOO_LARGE,
 * CC_CANCELLED with response NULL. */
typedef void (*cc_http_done)(void *context, enum cc_error error,
                             const struct cc_http_response *response);

struct cc_http_exchange {
    struct cc_slice address; /* "127.0.0.1:20101" */
    const char *peer;        /* with tls: who must answer there, "urn:callcell:cell:se-1"; NULL: the
                                client's        peer */
    struct cc_slice method;
    struct cc_slice path;                 /* with query */
    const struct cc_http_header *headers; /* host, content-length are ours */
    size_t header_count;
    struct cc_slice body;
    int64_t deadline_us; /* monotonic */
    /* A reused connection that closes before the first byte of an answer is retried once on a fresh
     * connection within the deadline (RFC 9112 section 9.3.1) if this says that it is safe. */
    bool retry_stale_connection;
    cc_http_done done;
    void *context;
};
/* Copies all it needs. CC_INVALID for a malformed address, CC_FULL, CC_NO_MEMORY: done is not
 * called. *handle (may be NULL) allows cancelling until done has run. */
struct cc_http_handle;
enum cc_error cc_http_exchange_start(struct cc_http_client *client,
                                     const struct cc_http_exchange *exchange,
                                     struct cc_http_handle **handle) CC_MUST_CHECK;
/* done will not be called. Its connection is closed. */
void cc_http_exchange_cancel(struct cc_http_handle *handle);
/* done will not be called. What has been sent is left to be answered until its deadline, so that
 * its connection lives on: a new one costs a TLS handshake. */
void cc_http_exchange_abandon(struct cc_http_handle *handle);

#endif
