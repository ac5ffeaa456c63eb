#include "edge/route.h"

#include <stdlib.h>

struct edge_shared {
    enum cc_publication_kind kind;
    void *thing;
    size_t references;
};

static void free_thing(enum cc_publication_kind kind, void *thing)
{
    if (kind == CC_PUBLICATION_MAP)
        cc_route_map_free(thing);
    else if (kind == CC_PUBLICATION_NUMBERS)
        cc_number_directory_free(thing);
    else if (kind == CC_PUBLICATION_CARRIERS)
        cc_carrier_keyring_free(thing);
}

static void release_part(struct edge_shared *part)
{
    if (!part || --part->references > 0)
        return;
    free_thing(part->kind, part->thing);
    free(part);
}

struct edge_snapshot *edge_snapshot_hold(struct edge_snapshot *snapshot)
{
    snapshot->_references++;
    return snapshot;
}

void edge_snapshot_release(struct edge_snapshot *snapshot)
{
    if (!snapshot || --snapshot->_references > 0)
        return;
    for (int kind = 0; kind < CC_PUBLICATION_KINDS; kind++)
        release_part(snapshot->_parts[kind]);
    free(snapshot);
}

void edge_countries_deinit(struct edge_countries *countries)
{
    for (size_t i = 0; i < countries->count; i++)
        edge_snapshot_release(countries->current[i]);
    *countries = (struct edge_countries){0};
}

static size_t index_of(const struct edge_countries *countries, struct cc_slice country)
{
    size_t i = 0;
    while (i < countries->count && !cc_slice_is(country, countries->current[i]->country))
        i++;
    return i;
}

struct edge_snapshot *edge_countries_find(const struct edge_countries *countries,
                                          struct cc_slice country)
{
    size_t i = index_of(countries, country);
    return i < countries->count ? countries->current[i] : NULL;
}

size_t edge_countries_ready(const struct edge_countries *countries)
{
    size_t ready = 0;
    for (size_t i = 0; i < countries->count; i++)
        ready += countries->current[i]->map && countries->current[i]->carriers;
    return ready;
}

static void use_part(struct edge_snapshot *snapshot, struct edge_shared *part)
{
    part->references++;
    snapshot->_parts[part->kind] = part;
    if (part->kind == CC_PUBLICATION_MAP)
        snapshot->map = part->thing;
    else if (part->kind == CC_PUBLICATION_NUMBERS)
        snapshot->numbers = part->thing;
    else if (part->kind == CC_PUBLICATION_CARRIERS)
        snapshot->carriers = part->thing;
}

/* Takes over nothing on failure. */
static struct edge_snapshot *successor(const struct edge_snapshot *old,
                                       const struct cc_publication *publication,
                                       struct edge_shared *part)
{
    struct edge_snapshot *next = calloc(1, sizeof(*next));
    if (!next)
        return NULL;
    memcpy(next->country, publication->country, sizeof(next->country));
    next->_references = 1;
    for (int kind = 0; old && kind < CC_PUBLICATION_KINDS; kind++) {
        next->held[kind] = old->held[kind];
        if (old->_parts[kind] && kind != (int)publication->kind)
            use_part(next, old->_parts[kind]);
    }
    next->held[publication->kind] = *publication;
    next->held[publication->kind].payload = (struct cc_slice){0};
    use_part(next, part);
    return next;
}

enum cc_error edge_countries_put(struct edge_countries *countries,
                                 const struct cc_publication *publication, void *thing)
{
    enum cc_error error = CC_NO_MEMORY;
    struct edge_snapshot *next = NULL;
    struct edge_snapshot *old = NULL;
    size_t i = index_of(countries, cc_slice_of(publication->country));
    struct edge_shared *part = malloc(sizeof(*part));
    if (!part) {
        free_thing(publication->kind, thing);
        return CC_NO_MEMORY;
    }
    *part = (struct edge_shared){publication->kind, thing, 1};
    if (i == EDGE_COUNTRIES_MAX) {
        error = CC_FULL;
        goto release_part;
    }
    old = i < countries->count ? countries->current[i] : NULL;
    next = successor(old, publication, part);
    if (!next)
        goto release_part;
    countries->current[i] = next;
    countries->count += old == NULL;
    edge_snapshot_release(old);
    error = CC_OK;
release_part:
    release_part(part);
    return error;
}

/* Without a directory nothing is known of numbers: they count as existing, without fallback target.
 */
static void look_up_number(const struct edge_snapshot *snapshot, struct cc_slice url_tenant,
                           const struct cc_call_event *event, struct edge_target *out)
{
    struct cc_number_entry entry;
    struct cc_slice served = event ? cc_call_event_served(event) : (struct cc_slice){0};
    if (!snapshot->numbers || !event || (served.length == 0 && url_tenant.length > 0))
        return;
    enum cc_error error = cc_number_directory_find(snapshot->numbers, served, &entry);
    bool found =
        error == CC_OK && (url_tenant.length == 0 || cc_slice_equal(entry.tenant, url_tenant));
    out->known_number = found;
    if (!found)
        return;
    out->tenant = entry.tenant;
    out->fallback_target = entry.fallback_target;
}

void edge_route_find(const struct edge_snapshot *snapshot, struct cc_slice url_tenant,
                     const struct cc_call_event *event, struct edge_target *out)
{
    *out = (struct edge_target){.tenant = url_tenant, .known_number = true};
    if (url_tenant.length > 0 && !cc_name_is_tenant(url_tenant)) {
        out->tenant = (struct cc_slice){0};
        out->known_number = false;
        return;
    }
    look_up_number(snapshot, url_tenant, event, out);
    if (out->tenant.length > 0)
        out->cell = cc_route_map_cell(snapshot->map, out->tenant);
}

struct cc_slice edge_route_cell_token(const struct edge_snapshot *snapshot, struct cc_slice cell)
{
    if (!snapshot->carriers)
        return (struct cc_slice){0};
    return cc_carrier_keyring_cell_token(snapshot->carriers, cell);
}
