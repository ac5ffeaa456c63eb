/* Rim: reads files on the thread pool. */
#include "edge/discovery.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

enum { INTERVAL_US = 500 * 1000, FILE_MAX = 8 * 1024 };

/* One reading of all cells' files: filled on the thread pool, used on the loop. */
struct reading {
    struct edge_discovery *discovery; /* NULL: freed meanwhile */
    const char *directory;            /* own copy */
    size_t count;
    struct reading_file {
        char cell[CC_CELL_MAX + 1];
        size_t length;
        char text[FILE_MAX];
    } files[];
};

struct edge_discovery {
    struct cc_loop *loop;
    char *directory;
    const struct edge_countries *countries;
    struct edge_upstreams *upstreams;
    struct cc_deadline due;
    struct reading *reading; /* under way */
};

static void on_due(struct cc_deadline *due);
static struct reading *prepare(struct edge_discovery *discovery);
static void read_files(void *context);
static void on_read(void *context);
static void use_files(struct edge_discovery *discovery, const struct reading *reading);

static void free_reading(struct reading *reading)
{
    if (!reading)
        return;
    free((void *)(uintptr_t)reading->directory);
    free(reading);
}

static void schedule(struct edge_discovery *discovery)
{
    enum cc_error error =
        cc_deadline_set(&discovery->due, cc_loop_now_us(discovery->loop) + INTERVAL_US);
    if (error != CC_OK)
        CC_LOG(CC_LOG_ERROR, "discovery_stopped", cc_log_error_field(error));
}

enum cc_error edge_discovery_create(struct cc_loop *loop, const char *directory,
                                    const struct edge_countries *countries,
                                    struct edge_upstreams *upstreams, struct edge_discovery **out)
{
    struct edge_discovery *discovery = calloc(1, sizeof(*discovery));
    if (!discovery)
        return CC_NO_MEMORY;
    *discovery =
        (struct edge_discovery){.loop = loop, .countries = countries, .upstreams = upstreams};
    cc_deadline_init(&discovery->due, loop, on_due);
    *out = discovery;
    if (!directory)
        return CC_OK;
    discovery->directory = strdup(directory);
    struct reading *first = discovery->directory ? prepare(discovery) : NULL;
    if (!first) {
        edge_discovery_free(discovery);
        return CC_NO_MEMORY;
    }
    read_files(first);
    use_files(discovery, first);
    free_reading(first);
    schedule(discovery);
    return CC_OK;
}

void edge_discovery_free(struct edge_discovery *discovery)
{
    if (!discovery)
        return;
    cc_deadline_clear(&discovery->due);
    if (discovery->reading)
        discovery->reading->discovery = NULL;
    free(discovery->directory);
    free(discovery);
}

static struct reading *prepare(struct edge_discovery *discovery)
{
    size_t count = discovery->upstreams->count;
    struct reading *reading = calloc(1, sizeof(*reading) + count * sizeof(reading->files[0]));
    char *directory = strdup(discovery->directory);
    if (!reading || !directory) {
        free(reading);
        free(directory);
        return NULL;
    }
    reading->discovery = discovery;
    reading->directory = directory;
    reading->count = count;
    for (size_t i = 0; i < count; i++)
        memcpy(reading->files[i].cell, discovery->upstreams->cells[i]->id, CC_CELL_MAX + 1);
    return reading;
}

static void on_due(struct cc_deadline *due)
{
    struct edge_discovery *discovery = CC_CONTAINER_OF(due, struct edge_discovery, due);
    struct reading *reading = prepare(discovery);
    if (reading && cc_loop_work(discovery->loop, read_files, on_read, reading) == CC_OK) {
        discovery->reading = reading;
        return;
    }
    free_reading(reading);
    schedule(discovery);
}

/* On a pool thread: touches nothing but the reading. */
static void read_files(void *context)
{
    struct reading *reading = context;
    for (size_t i = 0; i < reading->count; i++) {
        struct reading_file *slot = &reading->files[i];
        char path[PATH_MAX];
        int length =
            snprintf(path, sizeof(path), "%s/%s.endpoints", reading->directory, slot->cell);
        if (length < 0 || length >= (int)sizeof(path))
            continue;
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0)
            continue;
        ssize_t got = read(file, slot->text, sizeof(slot->text));
        slot->length = got > 0 ? (size_t)got : 0;
        (void)close(file);
    }
}

static void on_read(void *context)
{
    struct reading *reading = context;
    struct edge_discovery *discovery = reading->discovery;
    if (discovery) {
        discovery->reading = NULL;
        use_files(discovery, reading);
        schedule(discovery);
    }
    free_reading(reading);
}

static const struct cc_map_cell *map_cell(const struct edge_countries *countries,
                                          struct cc_slice id)
{
    struct edge_snapshot *snapshot =
        edge_countries_find(countries, cc_slice(id.data, CC_COUNTRY_LENGTH));
    size_t count = 0;
    const struct cc_map_cell *cells =
        snapshot && snapshot->map ? cc_route_map_cells(snapshot->map, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        if (cc_slice_equal(cells[i].id, id))
            return &cells[i];
    return NULL;
}

static void use_files(struct edge_discovery *discovery, const struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++) {
        const struct reading_file *slot = &reading->files[i];
        struct cc_slice id = cc_slice_of(slot->cell);
        struct edge_cell *cell = edge_upstreams_cell(discovery->upstreams, id, false);
        if (!cell)
            continue;
        size_t found = 0;
        bool changed = edge_cell_set_from_file(cell, cc_slice(slot->text, slot->length), &found);
        if (found == 0 && cell->discovered) {
            const struct cc_map_cell *from_map = map_cell(discovery->countries, id);
            changed = from_map && edge_cell_set_from_map(cell, from_map);
        }
        if (changed)
            CC_LOG(CC_LOG_INFO, "workers_changed", cc_log_text("cell", cell->id),
                   cc_log_text("from", cell->discovered ? "discovery" : "map"),
                   cc_log_number("workers", (int64_t)cell->worker_count));
    }
}
