/*
 * Keeps the countries' snapshots current: maps, number directories and carrier keys of all
 * countries, from the control plane's sources and from disk. Rim: I/O.
 */
#ifndef EDGE_MAP_SOURCE_H
#define EDGE_MAP_SOURCE_H

#include "base/io/http_client.h"
#include "base/telemetry.h"
#include "edge/route.h"
#include "edge/settings.h"
#include "edge/upstream.h"

struct edge_map_source; /* opaque */

struct cc_tls;

struct edge_map_source_options {
    const struct edge_settings *settings;
    struct edge_countries *countries;
    struct edge_upstreams *upstreams; /* a map's cells and endpoints are entered here */
    struct cc_telemetry *telemetry;
    struct cc_tls *tls; /* NULL: plain */
};
/* Boots from disk before it returns. The things pointed to outlive it. */
enum cc_error edge_map_source_create(struct cc_loop *loop,
                                     const struct edge_map_source_options *options,
                                     struct edge_map_source **out) CC_MUST_CHECK;
void edge_map_source_free(struct edge_map_source *source);

/* Milliseconds since a control plane last answered; -1: never. */
int64_t edge_map_source_contact_age_ms(const struct edge_map_source *source);

/* Our clock minus the control plane's; false: it has not told its own of late. */
bool edge_map_source_clock_skew(const struct edge_map_source *source, int64_t *ahead_us);

#endif
