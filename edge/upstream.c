#include "edge/upstream.h"

#include <stdlib.h>

void edge_upstreams_init(struct edge_upstreams *upstreams)
{
    *upstreams = (struct edge_upstreams){0};
}

void edge_upstreams_deinit(struct edge_upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->count; i++)
        free(upstreams->cells[i]);
    free(upstreams->cells);
    edge_upstreams_init(upstreams);
}

static struct edge_cell *add_cell(struct edge_upstreams *upstreams, struct cc_slice id)
{
    if (!cc_name_is_cell(id))
        return NULL;
    struct edge_cell **grown =
        realloc(upstreams->cells, (upstreams->count + 1) * sizeof(struct edge_cell *));
    if (!grown)
        return NULL;
    upstreams->cells = grown;
    struct edge_cell *cell = calloc(1, sizeof(*cell));
    if (!cell)
        return NULL;
    memcpy(cell->id, id.data, id.length);
    upstreams->cells[upstreams->count++] = cell;
    return cell;
}

struct edge_cell *edge_upstreams_cell(struct edge_upstreams *upstreams, struct cc_slice id,
                                      bool make)
{
    for (size_t i = 0; i < upstreams->count; i++)
        if (cc_slice_is(id, upstreams->cells[i]->id))
            return upstreams->cells[i];
    return make ? add_cell(upstreams, id) : NULL;
}

static struct edge_worker *find_worker(struct edge_worker *workers, size_t count,
                                       struct cc_slice address)
{
    for (size_t i = 0; i < count; i++)
        if (cc_slice_is(address, workers[i].address))
            return &workers[i];
    return NULL;
}

/* "a.b.c.d:port" as far as characters go; the HTTP client parses it in earnest. */
static bool looks_like_address(struct cc_slice address)
{
    if (address.length < 9 || address.length > EDGE_ADDRESS_MAX)
        return false;
    size_t dots = 0, colons = 0;
    for (size_t i = 0; i < address.length; i++) {
        char c = address.data[i];
        dots += c == '.';
        colons += c == ':';
        if (c != '.' && c != ':' && (c < '0' || c > '9'))
            return false;
    }
    return dots == 3 && colons == 1;
}

bool edge_cell_set(struct edge_cell *cell, const struct edge_endpoint *endpoints, size_t count)
{
    struct edge_worker next[CC_ENDPOINTS_MAX] = {0};
    size_t next_count = 0;
    bool changed = false;
    for (size_t i = 0; i < count && next_count < CC_ENDPOINTS_MAX; i++) {
        struct cc_slice address = endpoints[i].address;
        if (!looks_like_address(address) || find_worker(next, next_count, address))
            continue;
        struct edge_worker *worker = &next[next_count++];
        const struct edge_worker *held = find_worker(cell->workers, cell->worker_count, address);
        if (held)
            *worker = *held;
        else
            memcpy(worker->address, address.data, address.length);
        changed |= !held || held->site != endpoints[i].site;
        worker->site = endpoints[i].site;
    }
    changed |= next_count != cell->worker_count;
    memcpy(cell->workers, next, sizeof(next));
    cell->worker_count = next_count;
    return changed;
}

bool edge_cell_set_from_map(struct edge_cell *cell, const struct cc_map_cell *map_cell)
{
    struct edge_endpoint endpoints[CC_ENDPOINTS_MAX];
    size_t count = 0;
    for (size_t s = 0; s < map_cell->site_count; s++) {
        const struct cc_map_site *site = &map_cell->sites[s];
        for (size_t e = 0; e < site->endpoint_count && count < CC_ENDPOINTS_MAX; e++)
            endpoints[count++] = (struct edge_endpoint){site->endpoints[e], (int)s};
    }
    cell->discovered = false;
    return edge_cell_set(cell, endpoints, count);
}

static struct cc_slice trim(struct cc_slice text)
{
    while (text.length > 0 && strchr(" \t\r", text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && strchr(" \t\r", text.data[text.length - 1]))
        text.length--;
    return text;
}

bool edge_cell_set_from_file(struct edge_cell *cell, struct cc_slice text, size_t *found)
{
    struct edge_endpoint endpoints[CC_ENDPOINTS_MAX];
    size_t count = 0;
    for (size_t start = 0; start < text.length && count < CC_ENDPOINTS_MAX;) {
        const char *line = text.data + start;
        const char *newline = memchr(line, '\n', text.length - start);
        size_t length = newline ? (size_t)(newline - line) : text.length - start;
        const char *comment = memchr(line, '#', length);
        struct cc_slice address = trim(cc_slice(line, comment ? (size_t)(comment - line) : length));
        if (looks_like_address(address))
            endpoints[count++] = (struct edge_endpoint){address, 0};
        start += length + 1;
    }
    *found = count;
    if (count == 0)
        return false;
    cell->discovered = true;
    return edge_cell_set(cell, endpoints, count);
}

static int rank(const struct edge_worker *worker, struct cc_slice avoid)
{
    int avoided = avoid.length > 0 && cc_slice_is(avoid, worker->address);
    return avoided * 4 * CC_SITES_MAX + worker->ejected * 2 * CC_SITES_MAX + worker->site;
}

const struct edge_worker *edge_cell_pick(struct edge_cell *cell, struct cc_slice avoid)
{
    if (cell->worker_count == 0)
        return NULL;
    /* A second attempt leaves the turn as it is: with two workers it would else pin the first
     * attempts to one of them. */
    size_t start = (avoid.length > 0 ? cell->cursor : cell->cursor++) % cell->worker_count;
    const struct edge_worker *best = NULL;
    for (size_t i = 0; i < cell->worker_count; i++) {
        const struct edge_worker *worker = &cell->workers[(start + i) % cell->worker_count];
        if (!best || rank(worker, avoid) < rank(best, avoid))
            best = worker;
    }
    return best;
}

enum edge_health_change edge_cell_report(struct edge_cell *cell, struct cc_slice address, bool good)
{
    struct edge_worker *worker = find_worker(cell->workers, cell->worker_count, address);
    if (!worker)
        return EDGE_HEALTH_SAME;
    if (good) {
        bool was_ejected = worker->ejected;
        worker->failures = 0;
        worker->ejected = false;
        return was_ejected ? EDGE_HEALTH_REINSTATED : EDGE_HEALTH_SAME;
    }
    worker->failures++;
    if (worker->ejected || worker->failures < EDGE_EJECT_AFTER)
        return EDGE_HEALTH_SAME;
    worker->ejected = true;
    worker->ejections++;
    return EDGE_HEALTH_EJECTED;
}
