/*
 * What a worker says of itself: /healthz, /readyz, /metrics and /internal/v1/state. Rim: answers
 * requests.
 */
#ifndef CELL_STATE_PAGE_H
#define CELL_STATE_PAGE_H

#include "base/io/http_server.h"

extern const struct cc_http_route cell_state_routes[];
extern const size_t cell_state_route_count;
/* The same on the telemetry port, which is not reachable from outside: the state without token. */
extern const struct cc_http_route cell_telemetry_routes[];
extern const size_t cell_telemetry_route_count;

#endif
