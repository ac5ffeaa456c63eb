/*
 * From country to the signed files in force, and from tenant or number to the cell. Pure.
 *
 * A snapshot is immutable and counted: a request holds the one it began with until it is answered,
 * while newer ones are swapped in by pointer. All on one loop: counts are plain integers.
 */
#ifndef EDGE_ROUTE_H
#define EDGE_ROUTE_H

#include "base/keyring.h"
#include "base/number_directory.h"
#include "base/route_map.h"

enum { EDGE_COUNTRIES_MAX = 256 };

/* A parsed publication shared by several snapshots. */
struct edge_shared; /* opaque */

struct edge_snapshot {
    char country[CC_COUNTRY_LENGTH + 1];
    /* Any may be NULL: not published yet. Borrowed from the shared parts below. */
    const struct cc_route_map *map;
    const struct cc_number_directory *numbers;
    const struct cc_carrier_keyring *carriers;
    /* What is held of each kind (payload empty); epoch 0: nothing. */
    struct cc_publication held[CC_PUBLICATION_KINDS];
    struct edge_shared *_parts[CC_PUBLICATION_KINDS];
    size_t _references;
};

struct edge_countries {
    struct edge_snapshot *current[EDGE_COUNTRIES_MAX];
    size_t count;
};

void edge_countries_deinit(struct edge_countries *countries);

/* The snapshot in force, borrowed until the loop runs on; NULL: unknown country. */
struct edge_snapshot *edge_countries_find(const struct edge_countries *countries,
                                          struct cc_slice country);

/* Countries that have both a map and carriers: what "ready" means. */
size_t edge_countries_ready(const struct edge_countries *countries);

/* Puts a new snapshot in force: the old one with this kind's part replaced. thing was parsed from
 * the publication and is owned from now on, also on failure. CC_FULL, CC_NO_MEMORY. */
enum cc_error edge_countries_put(struct edge_countries *countries,
                                 const struct cc_publication *publication,
                                 void *thing) CC_MUST_CHECK;

/* Holding a snapshot across callbacks. */
struct edge_snapshot *edge_snapshot_hold(struct edge_snapshot *snapshot);
void edge_snapshot_release(struct edge_snapshot *snapshot); /* NULL is fine */

/* Slices are borrowed from the snapshot or from the arguments. */
struct edge_target {
    struct cc_slice tenant;         /* empty: not known */
    const struct cc_map_cell *cell; /* NULL without tenant */
    bool known_number;              /* false: the number directory says that there is none */
    struct cc_slice fallback_target;
};

/* url_tenant: from the path, empty on the one-URL form. event NULL: the body was no call event.
 * The snapshot has a map. */
void edge_route_find(const struct edge_snapshot *snapshot, struct cc_slice url_tenant,
                     const struct cc_call_event *event, struct edge_target *out);

/* The token to show to this cell, empty when there is none. */
struct cc_slice edge_route_cell_token(const struct edge_snapshot *snapshot, struct cc_slice cell);

#endif
