#include "edge/upstream.h"

#include <stdio.h>
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
    (void)snprintf(cell->identity, sizeof(cell->identity), "urn:callcell:cell:%s", cell->id);
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

/* One line of the file; false: it names no worker. */
static bool read_endpoint(struct cc_slice line, struct edge_endpoint *out)
{
    const char *comment = line.length > 0 ? memchr(line.data, '#', line.length) : NULL;
    struct cc_slice text =
        trim(comment ? cc_slice(line.data, (size_t)(comment - line.data)) : line);
    size_t length = 0;
    while (length < text.length && !strchr(" \t", text.data[length]))
        length++;
    struct cc_slice site = trim(cc_slice(text.data + length, text.length - length));
    *out = (struct edge_endpoint){cc_slice(text.data, length), cc_slice_is(site, "standby")};
    return looks_like_address(out->address) && (site.length == 0 || out->site == 1);
}

static size_t read_endpoints(struct cc_slice text, struct edge_endpoint out[CC_ENDPOINTS_MAX])
{
    size_t count = 0;
    for (size_t start = 0; start < text.length && count < CC_ENDPOINTS_MAX;) {
        const char *line = text.data + start;
        const char *newline = memchr(line, '\n', text.length - start);
        size_t length = newline ? (size_t)(newline - line) : text.length - start;
        if (read_endpoint(cc_slice(line, length), &out[count]))
            count++;
        start += length + 1;
    }
    return count;
}

bool edge_endpoints_are_named(struct cc_slice text)
{
    struct edge_endpoint endpoints[CC_ENDPOINTS_MAX];
    return read_endpoints(text, endpoints) > 0;
}

bool edge_cell_set_from_file(struct edge_cell *cell, struct cc_slice text, size_t *found)
{
    struct edge_endpoint endpoints[CC_ENDPOINTS_MAX];
    size_t count = *found = read_endpoints(text, endpoints);
    if (count == 0)
        return false;
    cell->discovered = true;
    return edge_cell_set(cell, endpoints, count);
}

/* ---- who is asked ---- */

static bool is_among(const struct cc_slice *tried, size_t count, const char *address)
{
    for (size_t i = 0; i < count; i++)
        if (cc_slice_is(tried[i], address))
            return true;
    return false;
}

static int rank(const struct edge_worker *worker)
{
    return (int)worker->health * CC_SITES_MAX + worker->site;
}

const struct edge_worker *edge_cell_pick(struct edge_cell *cell, const struct cc_slice *tried,
                                         size_t tried_count)
{
    if (cell->worker_count == 0)
        return NULL;
    /* A second attempt leaves the turn as it is: with two workers it would else pin the first
     * attempts to one of them. */
    size_t start = (tried_count > 0 ? cell->cursor : cell->cursor++) % cell->worker_count;
    const struct edge_worker *best = NULL;
    for (size_t i = 0; i < cell->worker_count; i++) {
        const struct edge_worker *worker = &cell->workers[(start + i) % cell->worker_count];
        if (worker->health == EDGE_OUT || is_among(tried, tried_count, worker->address))
            continue;
        if (!best || rank(worker) < rank(best))
            best = worker;
    }
    return best;
}

struct edge_worker *edge_cell_worker(struct edge_cell *cell, struct cc_slice address)
{
    return find_worker(cell->workers, cell->worker_count, address);
}

/* ---- signs of life ---- */

void edge_cell_asked(struct edge_cell *cell, struct cc_slice address, int64_t now_us)
{
    struct edge_worker *worker = edge_cell_worker(cell, address);
    if (worker && worker->outstanding++ == 0)
        worker->heard_us = now_us;
}

void edge_cell_ended(struct edge_cell *cell, struct cc_slice address, bool heard, int64_t now_us)
{
    struct edge_worker *worker = edge_cell_worker(cell, address);
    if (!worker)
        return;
    if (worker->outstanding > 0) /* else it went away and came back meanwhile */
        worker->outstanding--;
    if (heard)
        worker->heard_us = now_us;
}

int64_t edge_worker_silent_us(const struct edge_worker *worker, int64_t now_us)
{
    return worker->outstanding > 0 ? now_us - worker->heard_us : 0;
}

/* ---- health ---- */

enum { SLOW_SPELL_US = 1000 * 1000, SLOW_SPELLS_MAX = 4, FORGIVEN_AFTER = 200 };

static enum edge_health_change eject(struct edge_worker *worker, enum edge_health to,
                                     int64_t probe_at_us)
{
    if (worker->health >= to)
        return EDGE_HEALTH_SAME;
    worker->health = to;
    worker->probe_at_us = probe_at_us;
    worker->answers = 0;
    worker->ejections++;
    return EDGE_HEALTH_EJECTED;
}

static enum edge_health_change reinstate(struct edge_worker *worker)
{
    bool was_healthy = worker->health == EDGE_HEALTHY;
    worker->health = EDGE_HEALTHY;
    worker->failures = worker->beaten = 0;
    return was_healthy ? EDGE_HEALTH_SAME : EDGE_HEALTH_REINSTATED;
}

static enum edge_health_change on_answered(struct edge_worker *worker)
{
    worker->failures = worker->beaten = 0;
    if (++worker->answers >= FORGIVEN_AFTER)
        worker->slow_spells = 0;
    return worker->health == EDGE_OUT ? reinstate(worker) : EDGE_HEALTH_SAME;
}

/* The last healthy worker of a site stays: slow is better than nothing. */
static enum edge_health_change on_beaten(const struct edge_cell *cell, struct edge_worker *worker,
                                         int64_t now_us)
{
    bool has_peer = false;
    for (size_t i = 0; i < cell->worker_count; i++) {
        const struct edge_worker *peer = &cell->workers[i];
        has_peer |= peer != worker && peer->site == worker->site && peer->health == EDGE_HEALTHY;
    }
    if (++worker->beaten < EDGE_SLOW_AFTER || !has_peer)
        return EDGE_HEALTH_SAME;
    enum edge_health_change change =
        eject(worker, EDGE_SLOW, now_us + ((int64_t)SLOW_SPELL_US << worker->slow_spells));
    if (change == EDGE_HEALTH_EJECTED && worker->slow_spells < SLOW_SPELLS_MAX)
        worker->slow_spells++;
    return change;
}

enum edge_health_change edge_cell_report(struct edge_cell *cell, struct cc_slice address,
                                         enum edge_report report, int64_t now_us)
{
    struct edge_worker *worker = edge_cell_worker(cell, address);
    if (!worker)
        return EDGE_HEALTH_SAME;
    switch (report) {
    case EDGE_REPORT_ANSWERED:
        return on_answered(worker);
    case EDGE_REPORT_READY:
        return reinstate(worker);
    case EDGE_REPORT_BEATEN:
        return on_beaten(cell, worker, now_us);
    case EDGE_REPORT_FAILED:
        if (++worker->failures < EDGE_EJECT_AFTER)
            return EDGE_HEALTH_SAME;
        break;
    case EDGE_REPORT_FROZEN:
        break;
    }
    return eject(worker, EDGE_OUT, now_us);
}
