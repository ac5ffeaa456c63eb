/*
 * The cells and edges there are, as the registry says; when it does not answer, as the files of the
 * home say: what is asked in trouble must not need the registry.
 */
#ifndef CP_PLACES_H
#define CP_PLACES_H

#include "control-plane/context.h"

enum { CP_PLACES_MAX = 512 };

struct cp_place_cell {
    const char *cell, *country, *state; /* state "unknown" from files */
    int number;
};
struct cp_place_edge {
    const char *edge;
    int port, telemetry_port, tls_port; /* with the offset; tls_port from its file, 0: not there */
};
struct cp_places {
    struct cp_place_cell cells[CP_PLACES_MAX];
    struct cp_place_edge edges[CP_PLACES_MAX];
    size_t cell_count, edge_count;
};

/* From the registry when the context is connected to it, else from the home. */
void cp_places_read(struct cp_context *context, struct cp_places *out);

#endif
