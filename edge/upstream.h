/*
 * The workers of the cells: who is there, who is healthy, who is asked next. Pure.
 *
 *             3 failures in a row, or frozen
 *   HEALTHY ----------------------------------> OUT    never asked; probed until it is ready
 *     |  ^ ^------- readyz 200, or an answer -----'
 *     |  '--- readyz 200, after a while ---.
 *     '----------------------------------> SLOW   asked when nobody is healthy
 *       beaten 5 times in a row by a hedge
 */
#ifndef EDGE_UPSTREAM_H
#define EDGE_UPSTREAM_H

#include <stdint.h>

#include "base/names.h"
#include "base/route_map.h"
#include "edge/hedge.h"

enum {
    EDGE_EJECT_AFTER = 3,
    EDGE_SLOW_AFTER = 5,
    EDGE_ADDRESS_MAX = 21 /* "255.255.255.255:65535" */
};

enum edge_health { EDGE_HEALTHY, EDGE_SLOW, EDGE_OUT };

struct edge_worker {
    char address[EDGE_ADDRESS_MAX + 1];
    int site; /* 0: the active one; above: asked when the active has nobody */
    enum edge_health health;
    int failures;        /* consecutive */
    int beaten;          /* consecutive */
    int slow_spells;     /* each is longer than the one before */
    int answers;         /* since it was last ejected, as far as they matter */
    int64_t probe_at_us; /* not healthy: not probed before, monotonic */
    bool is_met;         /* asked once since it is known here: the first handshake is no call's */
    int outstanding;     /* calls that it has not answered */
    int64_t heard_us;    /* last sign of life, or since when calls are outstanding; monotonic */
    uint64_t ejections;  /* since start */
};

struct edge_cell {
    char id[CC_CELL_MAX + 1];
    char identity[sizeof("urn:callcell:cell:") + CC_CELL_MAX]; /* of its workers' certificates */
    struct edge_worker workers[CC_ENDPOINTS_MAX];
    size_t worker_count;
    size_t cursor;    /* round robin */
    size_t in_flight; /* calls waiting for this cell */
    struct edge_hedge hedge;
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

/* One "address:port" a line, "address:port standby" for a worker of the standby site, '#' comments.
 * True when anything changed; *found gets how many there were: 0 leaves the cell as it is. */
bool edge_cell_set_from_file(struct edge_cell *cell, struct cc_slice text, size_t *found);
/* Whether the text of such a file names any worker. */
bool edge_endpoints_are_named(struct cc_slice text);

/* The worker to ask: of the active site before the standby site, in turn; slow ones when nobody is
 * healthy. Never one that is out or among `tried`. NULL when there is none. Borrowed until the next
 * change of the cell: copy the address. */
const struct edge_worker *edge_cell_pick(struct edge_cell *cell, const struct cc_slice *tried,
                                         size_t tried_count);
/* NULL: not there (any more). Borrowed likewise. */
struct edge_worker *edge_cell_worker(struct edge_cell *cell, struct cc_slice address);

/* A call was sent, and is no longer outstanding; heard: by any answer whatever. */
void edge_cell_asked(struct edge_cell *cell, struct cc_slice address, int64_t now_us);
void edge_cell_ended(struct edge_cell *cell, struct cc_slice address, bool heard, int64_t now_us);
/* How long the worker has had calls outstanding without any sign of life; 0: it has none. */
int64_t edge_worker_silent_us(const struct edge_worker *worker, int64_t now_us);

enum edge_report {
    EDGE_REPORT_ANSWERED,
    EDGE_REPORT_FAILED,
    EDGE_REPORT_FROZEN, /* not even a probe is answered */
    EDGE_REPORT_BEATEN, /* another one, asked later, answered first */
    EDGE_REPORT_READY   /* a probe is answered 200 */
};
enum edge_health_change { EDGE_HEALTH_SAME, EDGE_HEALTH_EJECTED, EDGE_HEALTH_REINSTATED };
enum edge_health_change edge_cell_report(struct edge_cell *cell, struct cc_slice address,
                                         enum edge_report report, int64_t now_us);

#endif
