/*
 * Health, readiness, telemetry and state, for people and for the control plane. Rim: I/O.
 */
#ifndef EDGE_ADMIN_H
#define EDGE_ADMIN_H

#include "base/io/http_server.h"

/* Handlers; the server's context is the struct edge. */
void edge_on_healthz(struct cc_http_request *request);
void edge_on_readyz(struct cc_http_request *request); /* 503 until a country has map and carriers */
void edge_on_metrics(struct cc_http_request *request);
void edge_on_state(struct cc_http_request *request);

#endif
