/*
 * The request's path: handlers of the carriers' port. Rim: I/O.
 */
#ifndef EDGE_PIPELINE_H
#define EDGE_PIPELINE_H

#include "base/io/http_server.h"

/* Handlers; the server's context is the struct edge. */
void edge_on_call(struct cc_http_request *request);         /* /v1/:country/calls */
void edge_on_tenant_call(struct cc_http_request *request);  /* /v1/:country/tenants/:tenant/calls */
void edge_on_tenant_event(struct cc_http_request *request); /* ... /calls/:call/events */

/* For the server's on_refused; context is the struct edge. */
void edge_on_refused(void *context, int status, const char *why,
                     const struct cc_http_request *request);

#endif
