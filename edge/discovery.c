/* Rim: reads files on the thread pool. */
#include "edge/discovery.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/folder.h"
#include "base/log.h"

enum { INTERVAL_US = 500 * 1000, FILE_MAX = 8 * 1024 };

/* One reading of all cells' files: filled on the thread pool, used on the loop. */
struct reading {
    struct edge_discovery *discovery; /* NULL: freed meanwhile */
    char *directory, *kept;           /* own copies */
    bool failed;                      /* something could not be kept */
    size_t count;
    struct reading_file {
        char cell[CC_CELL_MAX + 1];
        size_t length;
        char text[FILE_MAX];
    } files[];
};

struct edge_discovery {
    struct cc_loop *loop;
    char *directory, *kept;
    bool failed; /* has been told */
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
    free(reading->directory);
    free(reading->kept);
    free(reading);
}

static void schedule(struct edge_discovery *discovery)
{
    enum cc_error error =
        cc_deadline_set(&discovery->due, cc_loop_now_us(discovery->loop) + INTERVAL_US);
    if (error != CC_OK)
        CC_LOG(CC_LOG_ERROR, "discovery_stopped", cc_log_error_field(error));
}

enum cc_error edge_discovery_create(struct cc_loop *loop, const char *directory, const char *own,
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
    if (asprintf(&discovery->kept, "%s/endpoints", own) < 0)
        discovery->kept = NULL;
    struct reading *first = discovery->directory && discovery->kept ? prepare(discovery) : NULL;
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
    free(discovery->kept);
    free(discovery);
}

static struct reading *prepare(struct edge_discovery *discovery)
{
    size_t count = discovery->upstreams->count;
    struct reading *reading = calloc(1, sizeof(*reading) + count * sizeof(reading->files[0]));
    if (!reading)
        return NULL;
    reading->discovery = discovery;
    reading->directory = strdup(discovery->directory);
    reading->kept = strdup(discovery->kept);
    if (!reading->directory || !reading->kept) {
        free_reading(reading);
        return NULL;
    }
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

/* ---- on a pool thread: touches nothing but the reading ---- */

static bool path_of(char path[PATH_MAX], const char *directory, const char *cell,
                    const char *suffix)
{
    int length = snprintf(path, PATH_MAX, "%s/%s.%s", directory, cell, suffix);
    return length > 0 && length < PATH_MAX;
}

/* How much there is; 0: nothing to be read. */
static size_t read_whole(const char *path, char text[FILE_MAX])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t got = read(file, text, FILE_MAX);
    (void)close(file);
    return got > 0 ? (size_t)got : 0;
}

static bool write_whole(const char *path, const char *text, size_t length)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0)
        return false;
    bool written = write(file, text, length) == (ssize_t)length && fsync(file) == 0;
    return close(file) == 0 && written;
}

static bool keep(const struct reading *reading, const struct reading_file *slot)
{
    char path[PATH_MAX], draft[PATH_MAX];
    if (!path_of(path, reading->kept, slot->cell, "endpoints") ||
        !path_of(draft, reading->kept, slot->cell, "draft") ||
        cc_folder_make(reading->kept) != CC_OK)
        return false;
    return write_whole(draft, slot->text, slot->length) && rename(draft, path) == 0;
}

/* The file, or what it last named. */
static void read_one(struct reading *reading, struct reading_file *slot)
{
    char path[PATH_MAX], kept[FILE_MAX];
    size_t kept_length = 0;
    if (path_of(path, reading->kept, slot->cell, "endpoints"))
        kept_length = read_whole(path, kept);
    if (path_of(path, reading->directory, slot->cell, "endpoints"))
        slot->length = read_whole(path, slot->text);
    if (!edge_endpoints_are_named(cc_slice(slot->text, slot->length))) {
        slot->length = kept_length;
        memcpy(slot->text, kept, kept_length);
    } else if (slot->length != kept_length || memcmp(slot->text, kept, kept_length) != 0) {
        reading->failed |= !keep(reading, slot);
    }
}

static void read_files(void *context)
{
    struct reading *reading = context;
    for (size_t i = 0; i < reading->count; i++)
        read_one(reading, &reading->files[i]);
}

/* ---- on the loop ---- */

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

static void tell_failure(struct edge_discovery *discovery, bool failed)
{
    if (failed && !discovery->failed)
        CC_LOG(CC_LOG_WARNING, "endpoints_not_kept", cc_log_text("folder", discovery->kept));
    discovery->failed = failed;
}

static void use_files(struct edge_discovery *discovery, const struct reading *reading)
{
    tell_failure(discovery, reading->failed);
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
