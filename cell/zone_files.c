/* Rim: reads the disk. */
#include "cell/zone_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "cell/file.h"
#include "cell/model/table.h"

enum { ZONE_NAME_MAX = 64, ZONE_BYTES_MAX = 256 * 1024, ZONES_MAX = 1024, PATH_ROOM = 4096 };

struct known_zone {
    struct cell_table_node node;
    struct cell_zone *zone;
    char name[ZONE_NAME_MAX];
};

struct cell_zone_files {
    char *directory;
    struct cell_table table;
};

enum cc_error cell_zone_files_create(const char *directory, struct cell_zone_files **out)
{
    struct cell_zone_files *files = calloc(1, sizeof(*files));
    *out = NULL;
    if (!files)
        return CC_NO_MEMORY;
    files->directory = strdup(directory);
    enum cc_error error =
        files->directory ? cell_table_init(&files->table, ZONES_MAX) : CC_NO_MEMORY;
    if (error) {
        free(files->directory);
        free(files);
        return error;
    }
    *out = files;
    return CC_OK;
}

static void free_zone(struct cell_table_node *node, void *context)
{
    struct known_zone *known = (struct known_zone *)(void *)node;
    (void)context;
    cell_zone_free(known->zone);
    free(known);
}

void cell_zone_files_free(struct cell_zone_files *files)
{
    if (!files)
        return;
    cell_table_each(&files->table, free_zone, NULL);
    cell_table_deinit(&files->table);
    free(files->directory);
    free(files);
}

/* Area/Location of the IANA database: letters, digits, '_', '+', '-', single inner '/'; no dot, so
 * that a name cannot leave the folder. */
static bool is_zone_name(struct cc_slice name)
{
    if (name.length == 0 || name.length >= ZONE_NAME_MAX || name.data[0] == '/' ||
        name.data[name.length - 1] == '/')
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '+' || c == '-';
        if (!plain && (c != '/' || name.data[i - 1] == '/'))
            return false;
    }
    return true;
}

static struct cell_zone *read_zone(const struct cell_zone_files *files, struct cc_slice name)
{
    char path[PATH_ROOM];
    struct cell_zone *zone = NULL;
    int length =
        snprintf(path, sizeof(path), "%s/%.*s", files->directory, (int)name.length, name.data);
    if (length < 0 || (size_t)length >= sizeof(path))
        return NULL;
    struct cc_buffer bytes;
    cc_buffer_init(&bytes, ZONE_BYTES_MAX);
    if (cell_file_read(path, &bytes) == CC_OK &&
        cell_zone_parse(cc_buffer_slice(&bytes), &zone) != CC_OK)
        zone = NULL;
    cc_buffer_deinit(&bytes);
    return zone;
}

static const struct cell_zone *find_zone(void *context, struct cc_slice name)
{
    struct cell_zone_files *files = context;
    if (!is_zone_name(name))
        return NULL;
    struct cell_table_node *node = cell_table_find(&files->table, name);
    if (node)
        return ((struct known_zone *)(void *)node)->zone;
    if (files->table.count >= ZONES_MAX)
        return NULL;
    struct cell_zone *zone = read_zone(files, name);
    struct known_zone *known = zone ? calloc(1, sizeof(*known)) : NULL;
    if (!known) {
        cell_zone_free(zone);
        return NULL;
    }
    memcpy(known->name, name.data, name.length);
    known->zone = zone;
    cell_table_add(&files->table, &known->node, cc_slice(known->name, name.length));
    return zone;
}

struct cell_zones cell_zone_files_zones(struct cell_zone_files *files)
{
    return (struct cell_zones){find_zone, files};
}
