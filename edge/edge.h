/*
 * What one running edge consists of: made and taken down by main.c, read by the HTTP handlers. Rim:
 * I/O.
 */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "base/io/http_client.h"
#include "edge/discovery.h"
#include "edge/journal.h"
#include "edge/log_gate.h"
#include "edge/map_source.h"
#include "edge/probe.h"
#include "edge/settings.h"
#include "edge/telemetry_list.h"

struct edge {
    struct edge_settings settings;
    struct cc_loop *loop;
    struct cc_telemetry telemetry;
    struct cc_http_client *http;
    struct edge_countries countries;
    struct edge_upstreams upstreams;
    struct edge_map_source *map_source;
    struct edge_discovery *discovery;
    struct edge_prober *prober;
    struct edge_journal *journal;
    struct cc_tls *tls;                  /* NULL: plain to workers and sources */
    struct cc_tls *public_tls;           /* NULL: no TLS port */
    struct cc_http_server *calls_server; /* NULL: no plain port */
    struct cc_http_server *calls_tls_server;
    struct cc_http_server *telemetry_server;
    struct cc_deadline drained_check;
    struct edge_log_gate answers_gate, refusals_gate;
    size_t in_flight; /* calls waiting for a cell */
    int draining_servers;
    bool draining;
};

#endif
