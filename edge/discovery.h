/*
 * Service discovery of the `local` target: <directory>/<cell>.endpoints, read again every 500 ms
 * off the loop. What a file last named is kept on the edge's own disk: it counts when the file is
 * missing or names nobody, and after a restart without any file. Then the map's endpoints. Rim:
 * I/O.
 */
#ifndef EDGE_DISCOVERY_H
#define EDGE_DISCOVERY_H

#include "base/io/loop.h"
#include "edge/route.h"
#include "edge/upstream.h"

struct edge_discovery; /* opaque */

/* directory NULL: the map's endpoints only. own: the edge's own folder, where "endpoints" is made
 * when it is not there. Reads once before it returns. The things pointed to outlive it. */
enum cc_error edge_discovery_create(struct cc_loop *loop, const char *directory, const char *own,
                                    const struct edge_countries *countries,
                                    struct edge_upstreams *upstreams,
                                    struct edge_discovery **out) CC_MUST_CHECK;
void edge_discovery_free(struct edge_discovery *discovery);

#endif
