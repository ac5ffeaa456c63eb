#include "cell/country.h"

void cell_country_deinit(struct cell_country *country)
{
    if (country->map)
        cc_route_map_free(country->map);
    if (country->keyring)
        cc_sealing_keyring_free(country->keyring);
    *country = (struct cell_country){0};
}

static enum cc_error take_map(struct cell_country *country,
                              const struct cc_publication *publication,
                              struct cc_json_reason *reason)
{
    struct cc_route_map *next = NULL;
    enum cc_error error = cc_route_map_parse(publication, &next, reason);
    if (error)
        return error;
    error = cc_route_map_follows(country->map, next);
    if (error) {
        cc_route_map_free(next);
        return error;
    }
    if (country->map)
        cc_route_map_free(country->map);
    country->map = next;
    return CC_OK;
}

static enum cc_error take_keyring(struct cell_country *country,
                                  const struct cc_publication *publication,
                                  struct cc_json_reason *reason)
{
    struct cc_sealing_keyring *next = NULL;
    enum cc_error error = cc_publication_follows(
        country->keyring ? &country->keyring_publication : NULL, publication);
    if (error)
        return error;
    error = cc_sealing_keyring_parse(publication, &next, reason);
    if (error)
        return error;
    if (country->keyring)
        cc_sealing_keyring_free(country->keyring);
    country->keyring = next;
    country->keyring_publication = *publication;
    country->keyring_publication.payload = cc_slice(NULL, 0);
    return CC_OK;
}

enum cc_error cell_country_take(struct cell_country *country,
                                const struct cc_publication *publication,
                                struct cc_json_reason *reason)
{
    switch (publication->kind) {
    case CC_PUBLICATION_MAP:
        return take_map(country, publication, reason);
    case CC_PUBLICATION_SEALING:
        return take_keyring(country, publication, reason);
    case CC_PUBLICATION_NUMBERS:
    case CC_PUBLICATION_CARRIERS:
    case CC_PUBLICATION_KINDS:
        break;
    }
    return CC_UNSUPPORTED;
}

bool cell_country_is_known(const struct cell_country *country)
{
    return country->map && country->keyring;
}

bool cell_country_is_home(const struct cell_country *country, struct cc_slice tenant,
                          struct cc_slice cell)
{
    return !country->map || cc_slice_equal(cc_route_map_cell(country->map, tenant)->id, cell);
}

int64_t cell_country_epoch(const struct cell_country *country)
{
    return country->map ? cc_route_map_epoch(country->map) : 0;
}
