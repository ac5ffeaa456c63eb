/*
 * Which port belongs to what (pure). An offset is added to each: two homes can live on one machine.
 */
#ifndef CP_PORTS_H
#define CP_PORTS_H

#include <stdbool.h>

enum {
    CP_SERVES = 2,
    CP_CELL_NUMBER_MAX = 400,
    CP_WORKERS_PER_CELL = 2,
    CP_SCRATCHES_PER_CELL = 5
};

/* Of `callcell serve`; instance from 1. Its telemetry is one above. */
int cp_ports_serve(int instance);
/* The registry's monitor and nodes; node from 1. */
int cp_ports_registry_monitor(void);
int cp_ports_registry_node(int node);

/* cell: number of the cell, from 1 in order of creation over all countries. */
int cp_ports_worker(int cell, int worker); /* 1 and 2 at site a, 3 and 4 at the standby site */
int cp_ports_worker_telemetry(int cell, int worker); /* plain: health, metrics, state */
int cp_ports_redis(int cell);
int cp_ports_monitor(int cell);
int cp_ports_node(int cell, int node);    /* node from 1 */
int cp_ports_scratch(int cell, int slot); /* slot from 0 */

/* PgBouncer in front of the monitor that has this port: a cell's or the registry's. */
int cp_ports_pooler(int monitor);

/* The TLS port of an edge whose plain one this is, unless another is asked for: 8080 -> 8443. */
int cp_ports_edge_tls(int port);

/* Whether port may be given to an edge: no cell will ever want it, nor the control plane. */
bool cp_ports_edge_ok(int port);

#endif
