/*
 * What a worker knows of its country: the routing map and the sealing keyring, both from signed
 * publications, swapped as a whole. Pure.
 *
 * Pointers into the map or the keyring are used within one callback of the loop, never kept.
 */
#ifndef CELL_COUNTRY_H
#define CELL_COUNTRY_H

#include "base/keyring.h"
#include "base/route_map.h"

struct cell_country {
    struct cc_route_map *map;                  /* NULL: none yet */
    struct cc_sealing_keyring *keyring;        /* NULL: none yet */
    struct cc_publication keyring_publication; /* of keyring, without payload */
};

void cell_country_deinit(struct cell_country *country);

/* A verified publication (map or sealing): parses it, checks that it follows the one held, and
 * takes its place. Else the refusal: the old one stays. */
enum cc_error cell_country_take(struct cell_country *country,
                                const struct cc_publication *publication,
                                struct cc_json_reason *reason) CC_MUST_CHECK;

bool cell_country_is_known(const struct cell_country *country); /* both are held */
/* Whether the map says that the tenant lives in the cell; true without a map. */
bool cell_country_is_home(const struct cell_country *country, struct cc_slice tenant,
                          struct cc_slice cell);
int64_t cell_country_epoch(const struct cell_country *country); /* of the map; 0: none */

#endif
