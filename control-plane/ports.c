#include "control-plane/ports.h"

enum { SERVE_BASE = 7300, REGISTRY_BASE = 7304, CONTROL_END = 7310 };
enum { CELL_BASE = 20000, CELL_STEP = 100, WORKER_TELEMETRY = 10, EDGE_TLS = 8443 - 8080 };
enum { SECOND_SITE = 50, POOLER = 3 };

static int base_of(int cell)
{
    return CELL_BASE + CELL_STEP * cell;
}

int cp_ports_serve(int instance)
{
    return SERVE_BASE + 2 * (instance - 1);
}

int cp_ports_registry_monitor(void)
{
    return REGISTRY_BASE;
}

int cp_ports_registry_node(int node)
{
    return REGISTRY_BASE + node;
}

int cp_ports_worker(int cell, int worker)
{
    int site = (worker - 1) / CP_WORKERS_PER_CELL;
    return base_of(cell) + worker + site * (SECOND_SITE - CP_WORKERS_PER_CELL);
}

int cp_ports_worker_telemetry(int cell, int worker)
{
    return cp_ports_worker(cell, worker) + WORKER_TELEMETRY;
}

int cp_ports_redis(int cell)
{
    return base_of(cell) + 20;
}

int cp_ports_monitor(int cell)
{
    return base_of(cell) + 30;
}

int cp_ports_node(int cell, int node)
{
    return base_of(cell) + 30 + node;
}

int cp_ports_scratch(int cell, int slot)
{
    return base_of(cell) + 40 + slot;
}

int cp_ports_pooler(int monitor)
{
    return monitor + POOLER;
}

int cp_ports_edge_tls(int port)
{
    return port + EDGE_TLS;
}

bool cp_ports_edge_ok(int port)
{
    if (port < 1 || port > 65535 || (port >= SERVE_BASE && port < CONTROL_END))
        return false;
    return port < CELL_BASE + CELL_STEP || port >= CELL_BASE + CELL_STEP * (CP_CELL_NUMBER_MAX + 1);
}
