#include "tests/unit/edge/fixture.h"

#include <check.h>
#include <stdio.h>

static struct cc_publication publication(enum cc_publication_kind kind, int64_t epoch,
                                         struct cc_slice payload)
{
    return (struct cc_publication){
        .kind = kind, .country = "se", .epoch = epoch, .payload = payload};
}

static void compose_map(struct cc_buffer *payload)
{
    static const struct cc_slice emergency[] = {CC_SLICE_LITERAL("112")};
    static const struct cc_slice barred[] = {CC_SLICE_LITERAL("+4690")};
    static uint16_t slots[CC_SLOT_COUNT]; /* all in the first cell */
    const struct cc_call_policy policy = {.country_code = CC_SLICE_LITERAL("46"),
                                          .national_prefix = CC_SLICE_LITERAL("0"),
                                          .emergency = emergency,
                                          .emergency_count = 1,
                                          .barred_prefixes = barred,
                                          .barred_count = 1};
    const struct cc_map_cell cells[] = {
        {.id = CC_SLICE_LITERAL("se-1"),
         .sites = {{.name = CC_SLICE_LITERAL("a"),
                    .endpoints = {CC_SLICE_LITERAL("127.0.0.1:20101"),
                                  CC_SLICE_LITERAL("127.0.0.1:20102")},
                    .endpoint_count = 2},
                   {.name = CC_SLICE_LITERAL("b"),
                    .endpoints = {CC_SLICE_LITERAL("127.0.0.2:20101")},
                    .endpoint_count = 1}},
         .site_count = 2},
        {.id = CC_SLICE_LITERAL("se-2"),
         .sites = {{.name = CC_SLICE_LITERAL("a"),
                    .endpoints = {CC_SLICE_LITERAL("127.0.0.1:20201")},
                    .endpoint_count = 1}},
         .site_count = 1},
    };
    const struct cc_map_pin pins[] = {{.tenant = CC_SLICE_LITERAL("globex"), .cell = 1}};
    const struct cc_map_parts parts = {.cells = cells,
                                       .cell_count = 2,
                                       .slots = slots,
                                       .pins = pins,
                                       .pin_count = 1,
                                       .policy = &policy};
    ck_assert_int_eq(cc_route_map_compose(&parts, NULL, payload), CC_OK);
}

struct cc_route_map *fixture_map(int64_t epoch)
{
    struct cc_route_map *map = NULL;
    struct cc_json_reason reason = {""};
    struct cc_buffer payload;
    cc_buffer_init(&payload, 0);
    compose_map(&payload);
    struct cc_publication file = publication(CC_PUBLICATION_MAP, epoch, cc_buffer_slice(&payload));
    ck_assert_msg(cc_route_map_parse(&file, &map, &reason) == CC_OK, "%s", reason.text);
    cc_buffer_deinit(&payload);
    return map;
}

struct cc_number_directory *fixture_numbers(void)
{
    static const char payload[] = "+46101234567\tacme\tpbx\t+46700000001\n"
                                  "+46101234568\tacme\tpbx\t-\n"
                                  "+46701112233\tacme\tmobile\t-\n"
                                  "+46701112244\tglobex\tmobile\t-\n";
    struct cc_number_directory *numbers = NULL;
    struct cc_json_reason reason = {""};
    struct cc_publication file = publication(CC_PUBLICATION_NUMBERS, 1, cc_slice_of(payload));
    ck_assert_msg(cc_number_directory_parse(&file, &numbers, &reason) == CC_OK, "%s", reason.text);
    return numbers;
}

struct cc_carrier_keyring *fixture_keyring(const char *keys_json)
{
    struct cc_carrier_keyring *keyring = NULL;
    struct cc_json_reason reason = {""};
    struct cc_buffer payload;
    cc_buffer_init(&payload, 0);
    cc_buffer_printf(&payload, "{\"keys\":[%s],\"cells\":{\"se-1\":\"token-of-se-1\"}}", keys_json);
    struct cc_publication file = publication(CC_PUBLICATION_CARRIERS, 1, cc_buffer_slice(&payload));
    ck_assert_msg(cc_carrier_keyring_parse(&file, &keyring, &reason) == CC_OK, "%s", reason.text);
    cc_buffer_deinit(&payload);
    return keyring;
}

static void put(struct edge_countries *countries, enum cc_publication_kind kind, void *thing)
{
    struct cc_publication file = publication(kind, 7, (struct cc_slice){0});
    ck_assert_int_eq(edge_countries_put(countries, &file, thing), CC_OK);
}

struct edge_snapshot *fixture_country(struct edge_countries *countries)
{
    put(countries, CC_PUBLICATION_MAP, fixture_map(7));
    put(countries, CC_PUBLICATION_NUMBERS, fixture_numbers());
    put(countries, CC_PUBLICATION_CARRIERS,
        fixture_keyring("{\"id\":\"telia-1\",\"carrier\":\"telia\",\"tenants\":[\"*\"],"
                        "\"mode\":\"enforce\",\"secrets\":["
                        "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]}"));
    return edge_countries_find(countries, CC_SLICE_LITERAL("se"));
}

void fixture_event(struct cc_arena *arena, const char *kind, const char *direction,
                   const char *event, const char *from, const char *to, const char *state,
                   struct cc_call_event *out)
{
    char body[1024];
    struct cc_json_reason reason = {""};
    int length =
        snprintf(body, sizeof(body),
                 "{\"event_id\":\"e-1\",\"event\":\"%s\","
                 "\"occurred_at\":\"2026-11-23T09:00:00Z\",\"call\":{\"id\":\"c-1\","
                 "\"kind\":\"%s\",\"direction\":\"%s\",\"from\":{\"e164\":\"%s\"},"
                 "\"to\":{\"%s\":\"%s\"}},\"state\":\"%s\"}",
                 event, kind, direction, from, to[0] == '+' ? "e164" : "dialled", to, state);
    ck_assert_int_lt(length, (int)sizeof(body));
    ck_assert_msg(cc_call_event_parse(cc_slice(body, (size_t)length), arena, out, &reason) == CC_OK,
                  "%s", reason.text);
}
