/*
 * One request between http_server.c (connections) and http_call.c (the request and its answer); not
 * for others.
 *
 * A call is our own memory: it lives until it is answered, even when its connection has gone. The
 * link lies in h2o's pool of the request and goes with it; each points to the other, and whichever
 * dies first clears the other's pointer.
 */
#ifndef CC_IO_HTTP_CALL_H
#define CC_IO_HTTP_CALL_H

#include <h2o.h>

#include "base/io/http_server.h"

enum { CC_HTTP_PEER_TEXT = 32 };

struct http_call;

struct http_link {
    struct http_call *call; /* NULL: answered */
    h2o_req_t *req;
};

struct http_call {
    struct cc_http_request request; /* first: handlers hold this */
    struct cc_http_server *server;
    struct http_link *link; /* NULL: the connection has gone */
    size_t raw_length;      /* bytes of head and body on the wire */
    size_t header_count;
    struct cc_http_header headers[CC_HTTP_HEADERS_MAX];
    char peer[CC_HTTP_PEER_TEXT];
    char identity[CC_IDENTITY_MAX + 1];
    char bytes[]; /* head and body; all slices of the request point here */
};

/* From a screened request whose body is complete. NULL: out of memory, or a head that the library
 * reads otherwise than the screening did. */
struct http_call *http_call_create(struct cc_http_server *server, h2o_req_t *req,
                                   struct cc_slice raw, void *server_context);
/* Who sent it; before any handler sees it. */
void http_call_identify(struct http_call *call, const char *peer, const char *identity);

/* Starts the answer; copies all it needs into the request's pool. */
void http_send(h2o_req_t *req, const struct cc_http_reply *reply);

/* A problem+json answer to a request that never became a call; closes the connection. */
void http_send_problem(h2o_req_t *req, int status, const char *name, const char *title,
                       struct cc_slice detail);

/* What http_server.c does around an answer. */
bool http_server_is_last(const struct http_call *call); /* close the connection after this answer */
void http_server_answered(struct http_call *call);      /* one less in flight; the call is buried */

#endif
