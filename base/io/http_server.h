/*
 * HTTP/1.1 server on libh2o (libuv flavour), HTTP/1.1 only, every request screened (http_screen.h).
 *
 * A handler is called on the loop with a complete request and must call exactly one of
 * cc_http_reply / cc_http_problem for it, at once or later. The request stays valid until then,
 * even when the client has gone (the reply then goes nowhere). Handlers must bound their own
 * waiting.
 */
#ifndef CC_IO_HTTP_SERVER_H
#define CC_IO_HTTP_SERVER_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/io/http_screen.h"
#include "base/io/loop.h"
#include "base/io/tls.h"

enum { CC_HTTP_SEGMENTS_MAX = 12, CC_HTTP_REPLY_HEADERS_MAX = 12 };

struct cc_http_header {
    struct cc_slice name; /* lower case */
    struct cc_slice value;
};

/* All slices live as long as the request. */
struct cc_http_request {
    struct cc_slice method;
    struct cc_slice path;                           /* as received, without query */
    struct cc_slice query;                          /* without '?' */
    struct cc_slice segments[CC_HTTP_SEGMENTS_MAX]; /* "/v1/se/calls" -> v1 se calls; not decoded */
    size_t segment_count;
    struct cc_slice body;
    struct cc_slice peer;     /* "127.0.0.1:40000" */
    struct cc_slice identity; /* of the verified client: "urn:callcell:edge:edge-1"; empty: none */
    int64_t received_us;      /* monotonic, when the head and body were complete */
    int64_t received_wall_us; /* wall clock */
    struct cc_arena arena;    /* 1 MiB, dies with the request */
    void *server_context;     /* as given to cc_http_server_create */
};

struct cc_http_reply {
    int status;
    struct cc_http_header headers[CC_HTTP_REPLY_HEADERS_MAX]; /* content-type too; content-length
                                                                 and date are ours */
    size_t header_count;
    struct cc_slice body; /* copied before cc_http_reply returns */
    bool close;           /* close the connection after it */
};

/* The value of the first header of this lower-case name; empty when absent; *count (may be NULL)
 * gets how often it stands there. */
struct cc_slice cc_http_header(const struct cc_http_request *request, const char *name,
                               size_t *count);
/* The raw (undecoded) value of a query parameter, or empty. */
struct cc_slice cc_http_query(const struct cc_http_request *request, const char *name);

/* Whether the client has closed its side: an answer would reach nobody. Asks the kernel: for
 * answers that are rare or late. Whoever ends only his sending (a TCP half-close) counts as gone.
 */
bool cc_http_client_is_gone(const struct cc_http_request *request);

void cc_http_reply(struct cc_http_request *request, const struct cc_http_reply *reply);
/* Content-Type application/json. */
void cc_http_json(struct cc_http_request *request, int status, struct cc_slice body);
/* RFC 9457 problem+json: type urn:callcell:problem:<name>, title, status, detail. */
void cc_http_problem(struct cc_http_request *request, int status, const char *name,
                     const char *title, struct cc_slice detail);

typedef void (*cc_http_handler)(struct cc_http_request *request);

/* pattern: "/v1/:country/tenants/:tenant/calls": a segment with ':' matches any one segment. */
struct cc_http_route {
    const char *method;
    const char *pattern;
    cc_http_handler handler;
};

struct cc_http_server_options {
    const char *address;          /* IPv4 to bind, default "127.0.0.1" */
    int64_t port;                 /* 0: any free one */
    size_t body_max;              /* bytes; 413 above */
    int64_t request_timeout_ms;   /* idle + head + body in one, libh2o's own; default 10,000 */
    size_t in_flight_max;         /* 503 + Retry-After above, default 10,000 */
    struct cc_tls *tls;           /* NULL: plain; outlives the server */
    int64_t handshake_timeout_ms; /* with tls; default 3,000, then the connection is closed */
    size_t connections_max; /* default 10,000; above, the oldest that has no request under way is
                               closed: a flood of them must not keep the next caller out */
    const struct cc_http_route *routes;
    size_t route_count; /* no route: 404 problem; other method: 405 problem with Allow */
    /* Told of every request that never reached a handler (screened, 404, 405, over the bound), and
     * of connections that never became HTTP (status 0, "handshake"). */
    void (*on_refused)(void *context, int status, const char *why, const struct cc_http_request *);
    void *context;
};

struct cc_http_server; /* opaque */
/* TCP_NODELAY on, SO_REUSEPORT on. CC_IO with a log line when the port cannot be bound. */
enum cc_error cc_http_server_create(struct cc_loop *loop,
                                    const struct cc_http_server_options *options,
                                    struct cc_http_server **out) CC_MUST_CHECK;
int64_t cc_http_server_port(const struct cc_http_server *server);
size_t cc_http_server_in_flight(const struct cc_http_server *server);

/* Stops accepting, answers what is in flight with "connection: close", closes idle connections, and
 * calls on_drained when none is left or at the hard deadline. Requests already received are served;
 * one that is still arriving has two seconds to be whole. */
void cc_http_server_drain(struct cc_http_server *server, int64_t deadline_us,
                          void (*on_drained)(void *context), void *context);
/* After draining (or at once, cutting connections). */
void cc_http_server_free(struct cc_http_server *server);

#endif
