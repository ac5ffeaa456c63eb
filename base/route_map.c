#include "base/route_map.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

enum {
    PAYLOAD_MAX_BYTES = 32 * 1024 * 1024,
    ENDPOINT_MAX_BYTES = 128,
    SITE_NAME_MAX = 63,
    EMERGENCY_MAX = 64,
    BARRED_MAX = 4096,
    CODE_MAX_DIGITS = 4,
    SELF_TESTS_WRITTEN = 3,
    NO_CELL = 0xFFFF
};

struct pin {
    struct cc_slice tenant;
    uint16_t cell;
};

/* Slices and arrays live in the arena; pins are sorted by tenant. */
struct cc_route_map {
    struct cc_publication publication;
    struct cc_arena arena;
    struct cc_map_cell *cells;
    size_t cell_count;
    uint16_t slots[CC_SLOT_COUNT];
    struct pin *pins;
    size_t pin_count;
    struct cc_call_policy policy;
    int64_t slots_changed;
};

/* One parse under way. */
struct parse {
    struct cc_route_map *map;
    struct cc_json_reason *reason;
};

static enum cc_error refuse(struct parse *parse, const char *where, size_t index, const char *what)
{
    if (parse->reason)
        (void)snprintf(parse->reason->text, sizeof(parse->reason->text), "%s[%zu]: %s", where,
                       index, what);
    return CC_INVALID;
}

static struct cc_slice text_of(const json_t *value)
{
    return cc_slice(json_string_value(value), json_string_length(value));
}

static enum cc_error keep(struct parse *parse, struct cc_slice text, struct cc_slice *out)
{
    *out = cc_slice(cc_arena_copy(&parse->map->arena, text), text.length);
    return out->data ? CC_OK : CC_NO_MEMORY;
}

/* "host:port" */
static bool is_endpoint(struct cc_slice text)
{
    size_t colon = text.length;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (text.length > ENDPOINT_MAX_BYTES || colon < 2 || text.length - colon > 5 ||
        !cc_name_is_carrier_id(text))
        return false;
    int port = 0;
    for (size_t i = colon; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (text.data[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

static enum cc_error parse_site(struct parse *parse, const json_t *object, size_t cell_index,
                                struct cc_map_site *site)
{
    struct cc_slice name;
    const json_t *endpoints = cc_json_at(object, "endpoints");
    if (cc_json_string_at(object, "name", SITE_NAME_MAX, &name, NULL) || !cc_name_is_resource(name))
        return refuse(parse, "cells", cell_index, "a site must have a name");
    if (!json_is_array(endpoints) || json_array_size(endpoints) > CC_ENDPOINTS_MAX)
        return refuse(parse, "cells", cell_index, "a site must have at most 64 endpoints");
    if (keep(parse, name, &site->name))
        return CC_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        struct cc_slice endpoint = text_of(json_array_get(endpoints, i));
        if (!is_endpoint(endpoint))
            return refuse(parse, "cells", cell_index, "an endpoint must be address:port");
        if (keep(parse, endpoint, &site->endpoints[i]))
            return CC_NO_MEMORY;
        site->endpoint_count = i + 1;
    }
    return CC_OK;
}

static uint16_t cell_index_of(const struct cc_route_map *map, struct cc_slice id)
{
    for (size_t i = 0; i < map->cell_count; i++) {
        if (cc_slice_equal(map->cells[i].id, id))
            return (uint16_t)i;
    }
    return NO_CELL;
}

static enum cc_error parse_cell(struct parse *parse, const json_t *object, size_t index)
{
    struct cc_map_cell *cell = &parse->map->cells[index];
    const json_t *sites = cc_json_at(object, "sites");
    struct cc_slice id;
    if (cc_json_string_at(object, "id", CC_CELL_MAX, &id, NULL) || !cc_name_is_cell(id) ||
        strncmp(id.data, parse->map->publication.country, CC_COUNTRY_LENGTH) != 0)
        return refuse(parse, "cells", index, "id must be <country>-<n> of this country");
    if (cell_index_of(parse->map, id) != NO_CELL)
        return refuse(parse, "cells", index, "id stands there twice");
    if (!json_is_array(sites) || json_array_size(sites) < 1 ||
        json_array_size(sites) > CC_SITES_MAX)
        return refuse(parse, "cells", index, "must have 1 to 4 sites");
    if (keep(parse, id, &cell->id))
        return CC_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(sites); i++) {
        enum cc_error error =
            parse_site(parse, json_array_get(sites, i), index, &cell->sites[cell->site_count++]);
        if (error)
            return error;
    }
    return CC_OK;
}

static enum cc_error parse_cells(struct parse *parse, const json_t *root)
{
    const json_t *list = cc_json_at(root, "cells");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count < 1 || count > CC_CELLS_MAX)
        return refuse(parse, "cells", count, "must be a list of 1 to 256");
    parse->map->cells = cc_arena_alloc(&parse->map->arena, count * sizeof(struct cc_map_cell));
    if (!parse->map->cells)
        return CC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        enum cc_error error = parse_cell(parse, json_array_get(list, i), i);
        if (error)
            return error;
        parse->map->cell_count = i + 1;
    }
    return CC_OK;
}

static enum cc_error parse_slot_range(struct parse *parse, const json_t *range, size_t index)
{
    const json_t *from = json_array_get(range, 0);
    const json_t *to = json_array_get(range, 1);
    json_int_t first = json_integer_value(from);
    json_int_t last = json_integer_value(to);
    if (json_array_size(range) != 3 || !json_is_integer(from) || !json_is_integer(to) ||
        first < 0 || last < first || last >= CC_SLOT_COUNT)
        return refuse(parse, "slots", index, "must be [from, to, cell] within 0 to 16383");
    uint16_t cell = cell_index_of(parse->map, text_of(json_array_get(range, 2)));
    if (cell == NO_CELL)
        return refuse(parse, "slots", index, "no such cell");
    for (json_int_t slot = first; slot <= last; slot++) {
        if (parse->map->slots[slot] != NO_CELL)
            return refuse(parse, "slots", (size_t)slot, "assigned twice");
        parse->map->slots[slot] = cell;
    }
    return CC_OK;
}

static enum cc_error parse_slots(struct parse *parse, const json_t *root)
{
    const json_t *list = cc_json_at(root, "slots");
    for (size_t i = 0; i < CC_SLOT_COUNT; i++)
        parse->map->slots[i] = NO_CELL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        enum cc_error error = parse_slot_range(parse, json_array_get(list, i), i);
        if (error)
            return error;
    }
    for (size_t i = 0; i < CC_SLOT_COUNT; i++) {
        if (parse->map->slots[i] == NO_CELL)
            return refuse(parse, "slots", i, "assigned to no cell");
    }
    return CC_OK;
}

static int compare_pins(const void *a, const void *b)
{
    struct cc_slice left = ((const struct pin *)a)->tenant;
    struct cc_slice right = ((const struct pin *)b)->tenant;
    size_t common = left.length < right.length ? left.length : right.length;
    int order = common > 0 ? memcmp(left.data, right.data, common) : 0;
    if (order != 0)
        return order;
    return left.length < right.length ? -1 : left.length > right.length;
}

static enum cc_error parse_pins(struct parse *parse, const json_t *root)
{
    struct cc_route_map *map = parse->map;
    json_t *object = cc_json_at(root, "pins");
    const char *tenant = NULL;
    json_t *cell = NULL;
    if (!json_is_object(object))
        return refuse(parse, "pins", 0, "must be an object");
    map->pins = cc_arena_alloc(&map->arena, (json_object_size(object) + 1) * sizeof(*map->pins));
    if (!map->pins)
        return CC_NO_MEMORY;
    json_object_foreach(object, tenant, cell)
    {
        struct pin *pin = &map->pins[map->pin_count];
        if (!cc_name_is_tenant(cc_slice_of(tenant)))
            return refuse(parse, "pins", map->pin_count, "not a tenant");
        pin->cell = cell_index_of(map, text_of(cell));
        if (pin->cell == NO_CELL)
            return refuse(parse, "pins", map->pin_count, "no such cell");
        if (keep(parse, cc_slice_of(tenant), &pin->tenant))
            return CC_NO_MEMORY;
        map->pin_count++;
    }
    qsort(map->pins, map->pin_count, sizeof(*map->pins), compare_pins);
    return CC_OK;
}

static bool is_digits(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return true;
}

static bool is_barred_prefix(struct cc_slice text)
{
    return text.length >= 2 && text.length <= CC_E164_MAX && text.data[0] == '+' &&
           is_digits(cc_slice(text.data + 1, text.length - 1));
}

/* A list of texts that all pass the check, into the arena. */
static enum cc_error parse_texts(struct parse *parse, const json_t *root, const char *path,
                                 size_t count_max, bool (*check)(struct cc_slice text),
                                 const struct cc_slice **out, size_t *out_count)
{
    const json_t *list = cc_json_at(root, path);
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > count_max)
        return refuse(parse, path, count, "must be a list within its bound");
    struct cc_slice *texts = cc_arena_alloc(&parse->map->arena, (count + 1) * sizeof(*texts));
    if (!texts)
        return CC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct cc_slice text = text_of(json_array_get(list, i));
        if (!check(text))
            return refuse(parse, path, i, "has a wrong form");
        if (keep(parse, text, &texts[i]))
            return CC_NO_MEMORY;
    }
    *out = texts;
    *out_count = count;
    return CC_OK;
}

static enum cc_error parse_policy(struct parse *parse, const json_t *root)
{
    struct cc_call_policy *policy = &parse->map->policy;
    const json_t *country_code = cc_json_at(root, "policy.country_code");
    const json_t *prefix = cc_json_at(root, "policy.national_prefix");
    struct cc_slice code_text = text_of(country_code);
    struct cc_slice prefix_text = text_of(prefix);
    if (code_text.length < 1 || code_text.length > 3 || !is_digits(code_text))
        return refuse(parse, "policy.country_code", 0, "must be 1 to 3 digits");
    if (!json_is_string(prefix) || prefix_text.length > CODE_MAX_DIGITS || !is_digits(prefix_text))
        return refuse(parse, "policy.national_prefix", 0, "must be 0 to 4 digits");
    if (keep(parse, code_text, &policy->country_code) ||
        keep(parse, prefix_text, &policy->national_prefix))
        return CC_NO_MEMORY;
    enum cc_error error =
        parse_texts(parse, root, "policy.emergency", EMERGENCY_MAX, cc_name_is_dialled,
                    &policy->emergency, &policy->emergency_count);
    if (error)
        return error;
    return parse_texts(parse, root, "policy.barred_prefixes", BARRED_MAX, is_barred_prefix,
                       &policy->barred_prefixes, &policy->barred_count);
}

static enum cc_error run_self_test(struct parse *parse, const json_t *root)
{
    const json_t *list = cc_json_at(root, "self_test");
    if (json_array_size(list) < 1)
        return refuse(parse, "self_test", 0, "must be a list of at least one");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *vector = json_array_get(list, i);
        struct cc_slice tenant;
        struct cc_slice cell;
        int64_t slot = 0;
        if (cc_json_string_at(vector, "tenant", CC_TENANT_MAX, &tenant, NULL) ||
            cc_json_integer_at(vector, "slot", 0, CC_SLOT_COUNT - 1, &slot, NULL) ||
            cc_json_string_at(vector, "cell", CC_CELL_MAX, &cell, NULL))
            return refuse(parse, "self_test", i, "must have tenant, slot and cell");
        if (cc_slot_of(tenant) != slot ||
            !cc_slice_equal(cc_route_map_cell(parse->map, tenant)->id, cell))
            return refuse(parse, "self_test", i, "does not agree with the look-up");
    }
    return CC_OK;
}

static enum cc_error parse_root(struct parse *parse, const json_t *root)
{
    enum cc_error error = parse_cells(parse, root);
    if (!error)
        error = parse_slots(parse, root);
    if (!error)
        error = parse_pins(parse, root);
    if (!error)
        error = parse_policy(parse, root);
    if (!error && cc_json_integer_at(root, "slots_changed", 0, INT64_MAX,
                                     &parse->map->slots_changed, parse->reason))
        error = CC_INVALID;
    if (!error)
        error = run_self_test(parse, root);
    return error;
}

enum cc_error cc_route_map_parse(const struct cc_publication *publication,
                                 struct cc_route_map **out, struct cc_json_reason *reason)
{
    json_t *root = NULL;
    *out = NULL;
    enum cc_error error = cc_json_parse(publication->payload, PAYLOAD_MAX_BYTES, &root, reason);
    if (error)
        return error;
    struct cc_route_map *map = calloc(1, sizeof(*map));
    if (!map) {
        error = CC_NO_MEMORY;
        goto done;
    }
    struct parse parse = {.map = map, .reason = reason};
    map->publication = *publication;
    map->publication.payload = cc_slice(NULL, 0);
    cc_arena_init(&map->arena, 4 * (size_t)PAYLOAD_MAX_BYTES);
    error = parse_root(&parse, root);
    if (error)
        cc_route_map_free(map);
    else
        *out = map;
done:
    json_decref(root);
    return error;
}

void cc_route_map_free(struct cc_route_map *map)
{
    if (!map)
        return;
    cc_arena_reset(&map->arena);
    free(map);
}

const struct cc_map_cell *cc_route_map_cell(const struct cc_route_map *map, struct cc_slice tenant)
{
    struct pin wanted = {.tenant = tenant};
    const struct pin *pin =
        bsearch(&wanted, map->pins, map->pin_count, sizeof(wanted), compare_pins);
    return &map->cells[pin ? pin->cell : map->slots[cc_slot_of(tenant)]];
}

const struct cc_map_cell *cc_route_map_cells(const struct cc_route_map *map, size_t *count)
{
    *count = map->cell_count;
    return map->cells;
}

const struct cc_call_policy *cc_route_map_policy(const struct cc_route_map *map)
{
    return &map->policy;
}

int64_t cc_route_map_epoch(const struct cc_route_map *map)
{
    return map->publication.epoch;
}

const struct cc_publication *cc_route_map_publication(const struct cc_route_map *map)
{
    return &map->publication;
}

static bool changes_hands(const struct cc_route_map *a, const struct cc_route_map *b,
                          struct cc_slice tenant)
{
    return !cc_slice_equal(cc_route_map_cell(a, tenant)->id, cc_route_map_cell(b, tenant)->id);
}

static bool is_pinned(const struct cc_route_map *map, struct cc_slice tenant)
{
    struct pin wanted = {.tenant = tenant};
    return bsearch(&wanted, map->pins, map->pin_count, sizeof(wanted), compare_pins) != NULL;
}

/* Slots with another cell, and tenants pinned in either map with another cell. */
static int64_t count_changes(const struct cc_route_map *current, const struct cc_route_map *next)
{
    int64_t changes = 0;
    for (size_t i = 0; i < CC_SLOT_COUNT; i++)
        changes +=
            !cc_slice_equal(current->cells[current->slots[i]].id, next->cells[next->slots[i]].id);
    for (size_t i = 0; i < next->pin_count; i++)
        changes += changes_hands(current, next, next->pins[i].tenant);
    for (size_t i = 0; i < current->pin_count; i++) {
        struct cc_slice tenant = current->pins[i].tenant;
        changes += !is_pinned(next, tenant) && changes_hands(current, next, tenant);
    }
    return changes;
}

enum cc_error cc_route_map_follows(const struct cc_route_map *current,
                                   const struct cc_route_map *next)
{
    if (!current)
        return CC_OK;
    enum cc_error error = cc_publication_follows(&current->publication, &next->publication);
    if (error)
        return error;
    int64_t changes = count_changes(current, next);
    if (changes > next->slots_changed)
        return CC_TOO_DIFFERENT;
    if (changes > CC_SLOT_COUNT / 2 && current->cell_count > 1)
        return CC_TOO_DIFFERENT;
    return CC_OK;
}

static void compose_cells(const struct cc_map_parts *parts, struct cc_buffer *out)
{
    for (size_t i = 0; i < parts->cell_count; i++) {
        const struct cc_map_cell *cell = &parts->cells[i];
        cc_buffer_text(out, i > 0 ? ",{\"id\":" : "{\"id\":");
        cc_buffer_json_string(out, cell->id);
        cc_buffer_text(out, ",\"sites\":[");
        for (size_t j = 0; j < cell->site_count; j++) {
            const struct cc_map_site *site = &cell->sites[j];
            cc_buffer_text(out, j > 0 ? ",{\"name\":" : "{\"name\":");
            cc_buffer_json_string(out, site->name);
            cc_buffer_text(out, ",\"endpoints\":[");
            for (size_t k = 0; k < site->endpoint_count; k++) {
                cc_buffer_text(out, k > 0 ? "," : "");
                cc_buffer_json_string(out, site->endpoints[k]);
            }
            cc_buffer_text(out, "]}");
        }
        cc_buffer_text(out, "]}");
    }
}

/* Runs of slots with the same cell. */
static void compose_slots(const struct cc_map_parts *parts, struct cc_buffer *out)
{
    size_t first = 0;
    for (size_t i = 1; i <= CC_SLOT_COUNT; i++) {
        if (i < CC_SLOT_COUNT && parts->slots[i] == parts->slots[first])
            continue;
        cc_buffer_printf(out, "%s[%zu,%zu,", first > 0 ? "," : "", first, i - 1);
        cc_buffer_json_string(out, parts->cells[parts->slots[first]].id);
        cc_buffer_text(out, "]");
        first = i;
    }
}

static void compose_texts(const struct cc_slice *texts, size_t count, struct cc_buffer *out)
{
    cc_buffer_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        cc_buffer_text(out, i > 0 ? "," : "");
        cc_buffer_json_string(out, texts[i]);
    }
    cc_buffer_text(out, "]");
}

static void compose_policy(const struct cc_call_policy *policy, struct cc_buffer *out)
{
    cc_buffer_text(out, "{\"country_code\":");
    cc_buffer_json_string(out, policy->country_code);
    cc_buffer_text(out, ",\"national_prefix\":");
    cc_buffer_json_string(out, policy->national_prefix);
    cc_buffer_text(out, ",\"emergency\":");
    compose_texts(policy->emergency, policy->emergency_count, out);
    cc_buffer_text(out, ",\"barred_prefixes\":");
    compose_texts(policy->barred_prefixes, policy->barred_count, out);
    cc_buffer_text(out, "}");
}

static size_t cell_of_parts(const struct cc_map_parts *parts, struct cc_slice tenant)
{
    for (size_t i = 0; i < parts->pin_count; i++) {
        if (cc_slice_equal(parts->pins[i].tenant, tenant))
            return parts->pins[i].cell;
    }
    return parts->slots[cc_slot_of(tenant)];
}

/* Fixed tenants, which need not exist, and the first pins. */
static void compose_self_test(const struct cc_map_parts *parts, struct cc_buffer *out)
{
    static const char *const fixed[SELF_TESTS_WRITTEN] = {"acme", "self-test-a", "self-test-b"};
    size_t pins = parts->pin_count < SELF_TESTS_WRITTEN ? parts->pin_count : SELF_TESTS_WRITTEN;
    for (size_t i = 0; i < SELF_TESTS_WRITTEN + pins; i++) {
        struct cc_slice tenant = i < SELF_TESTS_WRITTEN
                                     ? cc_slice_of(fixed[i])
                                     : parts->pins[i - SELF_TESTS_WRITTEN].tenant;
        cc_buffer_text(out, i > 0 ? ",{\"tenant\":" : "{\"tenant\":");
        cc_buffer_json_string(out, tenant);
        cc_buffer_printf(out, ",\"slot\":%u,\"cell\":", (unsigned)cc_slot_of(tenant));
        cc_buffer_json_string(out, parts->cells[cell_of_parts(parts, tenant)].id);
        cc_buffer_text(out, "}");
    }
}

static void compose(const struct cc_map_parts *parts, int64_t slots_changed, struct cc_buffer *out)
{
    cc_buffer_text(out, "{\"cells\":[");
    compose_cells(parts, out);
    cc_buffer_text(out, "],\"slots\":[");
    compose_slots(parts, out);
    cc_buffer_text(out, "],\"pins\":{");
    for (size_t i = 0; i < parts->pin_count; i++) {
        cc_buffer_text(out, i > 0 ? "," : "");
        cc_buffer_json_string(out, parts->pins[i].tenant);
        cc_buffer_text(out, ":");
        cc_buffer_json_string(out, parts->cells[parts->pins[i].cell].id);
    }
    cc_buffer_text(out, "},\"slots_changed\":");
    cc_buffer_integer(out, slots_changed);
    cc_buffer_text(out, ",\"policy\":");
    compose_policy(parts->policy, out);
    cc_buffer_text(out, ",\"self_test\":[");
    compose_self_test(parts, out);
    cc_buffer_text(out, "]}");
}

static bool indexes_fit(const struct cc_map_parts *parts)
{
    for (size_t i = 0; i < CC_SLOT_COUNT; i++) {
        if (parts->slots[i] >= parts->cell_count)
            return false;
    }
    for (size_t i = 0; i < parts->pin_count; i++) {
        if (parts->pins[i].cell >= parts->cell_count)
            return false;
    }
    return true;
}

/* Composed once to be read back: that checks the parts, and gives what the changes are counted on.
 */
enum cc_error cc_route_map_compose(const struct cc_map_parts *parts,
                                   const struct cc_route_map *previous, struct cc_buffer *payload)
{
    struct cc_route_map *map = NULL;
    struct cc_buffer draft;
    if (parts->cell_count == 0 || !cc_name_is_cell(parts->cells[0].id) || !indexes_fit(parts))
        return CC_INVALID;
    cc_buffer_init(&draft, PAYLOAD_MAX_BYTES);
    compose(parts, 0, &draft);
    enum cc_error error = draft.error;
    if (!error) {
        struct cc_publication publication = {.kind = CC_PUBLICATION_MAP,
                                             .payload = cc_buffer_slice(&draft)};
        memcpy(publication.country, parts->cells[0].id.data, CC_COUNTRY_LENGTH);
        error = cc_route_map_parse(&publication, &map, NULL);
    }
    if (!error) {
        compose(parts, previous ? count_changes(previous, map) : 0, payload);
        error = payload->error;
    }
    cc_route_map_free(map);
    cc_buffer_deinit(&draft);
    return error;
}
