/*
 * Asks ejected workers GET /readyz every 500 ms and reinstates those that say 200: no live call is
 * spent on finding out. Rim: I/O.
 */
#ifndef EDGE_PROBE_H
#define EDGE_PROBE_H

#include "base/io/http_client.h"
#include "base/telemetry.h"
#include "edge/upstream.h"

struct edge_prober; /* opaque */

/* The things pointed to outlive it. */
enum cc_error edge_prober_create(struct cc_loop *loop, struct cc_http_client *http,
                                 struct edge_upstreams *upstreams, struct cc_telemetry *telemetry,
                                 struct edge_prober **out) CC_MUST_CHECK;
void edge_prober_free(struct edge_prober *prober);

/* Enters what a worker did, logs and counts a change of its health. */
void edge_probe_note(struct cc_telemetry *telemetry, struct edge_cell *cell,
                     struct cc_slice address, bool good);

#endif
