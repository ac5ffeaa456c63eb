/*
 * A request's signature headers, and the help for carriers whose signature is refused. Rim: I/O.
 */
#ifndef EDGE_VERIFY_H
#define EDGE_VERIFY_H

#include "base/io/http_server.h"
#include "edge/auth.h"

/* Borrowed from the request. */
struct edge_auth_request edge_signed_request(const struct cc_http_request *request,
                                             struct cc_slice tenant);

/* POST /v1/:country/carrier/verify: 200 {"valid", "problem", "key"}; the server's context is the
 * struct edge. It says in words which check failed, and never anything of a secret. */
void edge_on_carrier_verify(struct cc_http_request *request);

#endif
