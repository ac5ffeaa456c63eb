/*
 * A country's routing map, parsed from the payload of a CC_PUBLICATION_MAP (JSON, one object; see
 * docs/api/signed-files.md). Immutable once parsed; shared by pointer.
 */
#ifndef CC_ROUTE_MAP_H
#define CC_ROUTE_MAP_H

#include "base/publication.h"
#include "base/safest.h"
#include "base/slot.h"

enum { CC_CELLS_MAX = 256, CC_SITES_MAX = 4, CC_ENDPOINTS_MAX = 64 };

struct cc_map_site {
    struct cc_slice name; /* "a" */
    struct cc_slice
        endpoints[CC_ENDPOINTS_MAX]; /* "127.0.0.1:20101": used when discovery is gone */
    size_t endpoint_count;
};

struct cc_map_cell {
    struct cc_slice id;                     /* "se-1" */
    struct cc_map_site sites[CC_SITES_MAX]; /* the first is the active one */
    size_t site_count;
};

struct cc_route_map; /* opaque */

/* Checks everything: all slots assigned to known cells, pins to known cells, self-test vectors
 * agree with the look-up. CC_INVALID with reason. The map copies what it needs. */
enum cc_error cc_route_map_parse(const struct cc_publication *publication,
                                 struct cc_route_map **out,
                                 struct cc_json_reason *reason) CC_MUST_CHECK;
void cc_route_map_free(struct cc_route_map *map);

/* The tenant's cell: its pin, else its slot's cell. Never NULL. Borrowed from the map. */
const struct cc_map_cell *cc_route_map_cell(const struct cc_route_map *map, struct cc_slice tenant);
const struct cc_map_cell *cc_route_map_cells(const struct cc_route_map *map, size_t *count);
const struct cc_call_policy *cc_route_map_policy(const struct cc_route_map *map);
int64_t cc_route_map_epoch(const struct cc_route_map *map);
const struct cc_publication *
cc_route_map_publication(const struct cc_route_map *map); /* no payload */

/* Whether next may replace current (NULL: none): what cc_publication_follows says, and
 * CC_TOO_DIFFERENT when more slots (pins count as one each) change hands than next's slots_changed
 * says, or than half of all slots unless current has a single cell. */
enum cc_error cc_route_map_follows(const struct cc_route_map *current,
                                   const struct cc_route_map *next) CC_MUST_CHECK;

/* What the control plane writes: the payload JSON from these parts. */
struct cc_map_pin {
    struct cc_slice tenant;
    size_t cell; /* index into cells */
};
struct cc_map_parts {
    const struct cc_map_cell *cells;
    size_t cell_count;
    const uint16_t *slots; /* CC_SLOT_COUNT indexes into cells */
    const struct cc_map_pin *pins;
    size_t pin_count;
    const struct cc_call_policy *policy;
};
/* previous: the map now in force or NULL; slots_changed is counted against it. */
enum cc_error cc_route_map_compose(const struct cc_map_parts *parts,
                                   const struct cc_route_map *previous,
                                   struct cc_buffer *payload) CC_MUST_CHECK;

#endif
