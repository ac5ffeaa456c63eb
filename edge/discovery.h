/*
 * Service discovery of the `local` target: <directory>/<cell>.endpoints, read again every 500 ms
 * off the loop. A missing or empty file means the map's endpoints. Rim: I/O.
 */
#ifndef EDGE_DISCOVERY_H
#define EDGE_DISCOVERY_H

#include "base/io/loop.h"
#include "edge/route.h"
#include "edge/upstream.h"

struct edge_discovery; /* opaque */

/* directory NULL: the map's endpoints only. Reads once before it returns. The things pointed to
 * outlive it. */
enum cc_error edge_discovery_create(struct cc_loop *loop, const char *directory,
                                    const struct edge_countries *countries,
                                    struct edge_upstreams *upstreams,
                                    struct edge_discovery **out) CC_MUST_CHECK;
void edge_discovery_free(struct edge_discovery *discovery);

#endif
