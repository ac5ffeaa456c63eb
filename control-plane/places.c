/* Rim: reads the registry and files. */
#include "control-plane/places.h"

#include <dirent.h>
#include <stdlib.h>

#include "control-plane/files.h"
#include "control-plane/registry.h"

/* Value of "key: number" in one of our configuration files; 0: not there. */
static int number_of(struct cp_context *context, const char *path, const char *key)
{
    struct cc_slice text;
    if (cp_file_read(context, path, &text))
        return 0;
    const char *at = strstr(text.data, cp_format(context, "\n%s: ", key));
    return at ? (int)strtol(at + strlen(key) + 3, NULL, 10) : 0;
}

static int tls_port_of(struct cp_context *context, const char *edge)
{
    return number_of(context, cp_path(context, "edges/%s/edge.yaml", edge), "tls_port");
}

static bool read_registry(struct cp_context *context, struct cp_places *out)
{
    PGresult *cells, *edges;
    if (!context->registry ||
        cp_sql_read(context, &cells,
                    "SELECT cell, country, state, number FROM cells ORDER BY number",
                    CP_NO_PARAMETERS) ||
        cp_sql_read(context, &edges, "SELECT edge, port, telemetry_port FROM edges ORDER BY edge",
                    CP_NO_PARAMETERS))
        return false;
    for (int row = 0; row < PQntuples(cells) && row < CP_PLACES_MAX; row++)
        out->cells[out->cell_count++] =
            (struct cp_place_cell){cp_sql_value(cells, row, 0), cp_sql_value(cells, row, 1),
                                   cp_sql_value(cells, row, 2), (int)cp_sql_integer(cells, row, 3)};
    for (int row = 0; row < PQntuples(edges) && row < CP_PLACES_MAX; row++)
        out->edges[out->edge_count++] = (struct cp_place_edge){
            cp_sql_value(edges, row, 0), cp_port(context, (int)cp_sql_integer(edges, row, 1)),
            cp_port(context, (int)cp_sql_integer(edges, row, 2)),
            tls_port_of(context, cp_sql_value(edges, row, 0))};
    return true;
}

static void add_cell(struct cp_context *context, struct cp_places *out, const char *name)
{
    int port = number_of(context, cp_path(context, "cells/%s/etc/cell-worker-1.yaml", name),
                         "listen_port");
    int number = (port - cp_port(context, cp_ports_worker(0, 1))) / 100;
    if (port > 0 && number > 0 && out->cell_count < CP_PLACES_MAX)
        out->cells[out->cell_count++] =
            (struct cp_place_cell){cp_copy(context, cc_slice_of(name)),
                                   cp_copy(context, cc_slice(name, 2)), "unknown", number};
}

static void add_edge(struct cp_context *context, struct cp_places *out, const char *name)
{
    const char *file = cp_path(context, "edges/%s/edge.yaml", name);
    int port = number_of(context, file, "listen_port");
    if (port > 0 && out->edge_count < CP_PLACES_MAX)
        out->edges[out->edge_count++] = (struct cp_place_edge){
            cp_copy(context, cc_slice_of(name)), port, number_of(context, file, "telemetry_port"),
            tls_port_of(context, name)};
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void each_folder(struct cp_context *context, const char *below, struct cp_places *out,
                        void (*add)(struct cp_context *context, struct cp_places *out,
                                    const char *name))
{
    struct dirent **entries = NULL;
    int count = scandir(cp_path(context, "%s", below), &entries, is_shown, alphasort);
    for (int i = 0; i < count; i++) {
        add(context, out, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

void cp_places_read(struct cp_context *context, struct cp_places *out)
{
    *out = (struct cp_places){0};
    if (read_registry(context, out))
        return;
    *out = (struct cp_places){0};
    each_folder(context, "cells", out, add_cell);
    each_folder(context, "edges", out, add_edge);
}
