/*
 * What workers do is entered here, and those in doubt are asked GET /readyz, so that no live call
 * is spent on finding out. One that has just become known is asked too: a first TLS handshake may
 * take longer than a call has. Rim: I/O.
 *
 * A worker that is silent while calls wait for it is asked at once: a process that lives answers
 * within milliseconds, however slow its stores are; one that does not is frozen, and is ejected.
 * Ejected ones are asked at once and then every 250 ms, and are reinstated when they say 200.
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
void edge_prober_note(struct edge_prober *prober, struct edge_cell *cell, struct cc_slice address,
                      enum edge_report report);

/* A call has waited for this worker for longer than usual. */
void edge_prober_suspect(struct edge_prober *prober, struct edge_cell *cell,
                         struct cc_slice address);

#endif
