/*
 * The workers of the cells: who is there, who is healthy, who is asked next. Pure.
 *
 * A worker: healthy --(3 consecutive failures)--> ejected --(readyz 200, or an answer)--> healthy.
 * Ejected workers are probed, not tried with calls, unless nobody else is left.
 */
#ifndef EDGE_UPSTREAM_H
#define EDGE_UPSTREAM_H

#include <stdint.h>

#include "base/names.h"
#include "base/route_map.h"

enum { EDGE_EJECT_AFTER = 3, EDGE_ADDRESS_MAX = 21 /* "255.255.255.255:65535" */ };

struct edge_worker {
    char address[EDGE_ADDRESS_MAX + 1];
    int site;     /* 0: the active one; a standby site is asked when the active has nobody */
    int failures; /* consecutive */
    bool ejected;
    uint64_t ejections; /* since start */
};

struct edge_cell {
    char id[CC_CELL_MAX + 1];
    struct edge_worker workers[CC_ENDPOINTS_MAX];
    size_t worker_count;
    size_t cursor;   /* round robin */
    bool discovered; /* from the discovery file rather than from the map */
};

struct edge_upstreams {
    struct edge_cell **cells; /* never removed: pointers stay valid until deinit */
    size_t count;
};

void edge_upstreams_init(struct edge_upstreams *upstreams);
void edge_upstreams_deinit(struct edge_upstreams *upstreams);

/* The cell of this id, made when absent and make is true; else NULL (also when memory is out). */
struct edge_cell *edge_upstreams_cell(struct edge_upstreams *upstreams, struct cc_slice id,
                                      bool make);

struct edge_endpoint {
    struct cc_slice address;
    int site;
};
/* Replaces the workers; an address that stays keeps its health. Malformed and double ones are left
 * out. True when anything changed. */
bool edge_cell_set(struct edge_cell *cell, const struct edge_endpoint *endpoints, size_t count);

/* A map's endpoints of the cell, all sites. */
bool edge_cell_set_from_map(struct edge_cell *cell, const struct cc_map_cell *map_cell);

/* One "address:port" a line, '#' comments. True when anything changed; *found gets how many there
 * were: 0 leaves the cell as it is. */
bool edge_cell_set_from_file(struct edge_cell *cell, struct cc_slice text, size_t *found);

/* The worker to ask: healthy before ejected, active site before standby, in turn; `avoid` (an
 * address, may be empty) only when there is no other. NULL when the cell has no worker. Borrowed
 * until the next change of the cell: copy the address. */
const struct edge_worker *edge_cell_pick(struct edge_cell *cell, struct cc_slice avoid);

enum edge_health_change { EDGE_HEALTH_SAME, EDGE_HEALTH_EJECTED, EDGE_HEALTH_REINSTATED };
enum edge_health_change edge_cell_report(struct edge_cell *cell, struct cc_slice address,
                                         bool good);

#endif
