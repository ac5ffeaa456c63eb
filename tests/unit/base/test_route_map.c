#include "base/route_map.h"

#include <stdio.h>

#include "tests/unit/base/suite.h"

static struct cc_map_cell cells[3];
static uint16_t slots[CC_SLOT_COUNT];
static struct cc_map_pin pins[4];
static const struct cc_slice emergency[] = {CC_SLICE_LITERAL("112")};
static const struct cc_slice barred[] = {CC_SLICE_LITERAL("+46900")};
static const struct cc_call_policy policy = {.country_code = CC_SLICE_LITERAL("46"),
                                             .national_prefix = CC_SLICE_LITERAL("0"),
                                             .emergency = emergency,
                                             .emergency_count = 1,
                                             .barred_prefixes = barred,
                                             .barred_count = 1};
static struct cc_map_parts parts;

/* count cells; every slot belongs to the first one. */
static void set_up(size_t count)
{
    static const char *const ids[] = {"se-1", "se-2", "se-3"};
    memset(cells, 0, sizeof(cells));
    memset(slots, 0, sizeof(slots));
    for (size_t i = 0; i < count; i++) {
        cells[i].id = cc_slice_of(ids[i]);
        cells[i].site_count = 1;
        cells[i].sites[0].name = CC_SLICE_LITERAL("a");
        cells[i].sites[0].endpoint_count = 1;
        cells[i].sites[0].endpoints[0] = CC_SLICE_LITERAL("127.0.0.1:20101");
    }
    parts = (struct cc_map_parts){
        .cells = cells, .cell_count = count, .slots = slots, .pins = pins, .policy = &policy};
}

static void pin(const char *tenant, size_t cell)
{
    pins[parts.pin_count++] = (struct cc_map_pin){cc_slice_of(tenant), cell};
}

static struct cc_publication publication_of(int64_t epoch, struct cc_slice payload)
{
    return (struct cc_publication){
        .kind = CC_PUBLICATION_MAP, .country = "se", .epoch = epoch, .payload = payload};
}

/* The map that the control plane would publish from the parts as they are now. */
static struct cc_route_map *publish(int64_t epoch, const struct cc_route_map *previous)
{
    struct cc_route_map *map = NULL;
    struct cc_json_reason reason = {""};
    struct cc_buffer payload;
    cc_buffer_init(&payload, 0);
    ck_assert_int_eq(cc_route_map_compose(&parts, previous, &payload), CC_OK);
    struct cc_publication publication = publication_of(epoch, cc_buffer_slice(&payload));
    enum cc_error error = cc_route_map_parse(&publication, &map, &reason);
    ck_assert_msg(error == CC_OK, "%s", reason.text);
    cc_buffer_deinit(&payload);
    return map;
}

START_TEST(composed_and_looked_up)
{
    size_t count = 0;
    set_up(2);
    cells[1].sites[1] = cells[1].sites[0];
    cells[1].sites[1].name = CC_SLICE_LITERAL("b");
    cells[1].site_count = 2;
    for (size_t i = 8000; i < CC_SLOT_COUNT; i++)
        slots[i] = 1;
    pin("acme", 1);
    pin("aaa", 0);
    struct cc_route_map *map = publish(3, NULL);
    ASSERT_SLICE(cc_route_map_cell(map, CC_SLICE_LITERAL("acme"))->id, "se-2");
    ASSERT_SLICE(cc_route_map_cell(map, CC_SLICE_LITERAL("aaa"))->id, "se-1");
    ASSERT_SLICE(cc_route_map_cell(map, CC_SLICE_LITERAL("foo"))->id, "se-2");
    ASSERT_SLICE(cc_route_map_cell(map, CC_SLICE_LITERAL("bar"))->id, "se-1");
    const struct cc_map_cell *listed = cc_route_map_cells(map, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(listed[1].site_count, 2);
    ASSERT_SLICE(listed[1].sites[1].name, "b");
    ASSERT_SLICE(listed[1].sites[1].endpoints[0], "127.0.0.1:20101");
    ck_assert_int_eq(cc_route_map_epoch(map), 3);
    ck_assert_ptr_null(cc_route_map_publication(map)->payload.data);
    ASSERT_SLICE(cc_route_map_policy(map)->emergency[0], "112");
    ASSERT_SLICE(cc_route_map_policy(map)->barred_prefixes[0], "+46900");
    ASSERT_SLICE(cc_route_map_policy(map)->national_prefix, "0");
    cc_route_map_free(map);
}
END_TEST

START_TEST(the_payload_is_as_documented)
{
    struct cc_buffer payload;
    set_up(1);
    pin("beta", 0);
    cc_buffer_init(&payload, 0);
    ck_assert_int_eq(cc_route_map_compose(&parts, NULL, &payload), CC_OK);
    struct cc_slice text = cc_buffer_slice(&payload);
    struct cc_slice start = CC_SLICE_LITERAL(
        "{\"cells\":[{\"id\":\"se-1\",\"sites\":[{\"name\":\"a\",\"endpoints\":[\"127.0.0.1:"
        "20101\"]}]}"
        "],\"slots\":[[0,16383,\"se-1\"]],\"pins\":{\"beta\":\"se-1\"},\"slots_changed\":0,"
        "\"policy\":"
        "{\"country_code\":\"46\",\"national_prefix\":\"0\",\"emergency\":[\"112\"],"
        "\"barred_prefixes\":[\"+46900\"]},\"self_test\":[{\"tenant\":\"acme\",\"slot\":");
    ck_assert(cc_slice_starts_with(text, start));
    cc_buffer_deinit(&payload);
}
END_TEST

#define CELLS                                                                                      \
    "\"cells\":[{\"id\":\"se-1\",\"sites\":[{\"name\":\"a\",\"endpoints\":[\"10.0.0.1:1\"]}]}]"
#define SLOTS "\"slots\":[[0,16383,\"se-1\"]]"
#define PINS "\"pins\":{}"
#define CHANGED "\"slots_changed\":0"
#define POLICY                                                                                     \
    "\"policy\":{\"country_code\":\"46\",\"national_prefix\":\"0\",\"emergency\":[\"112\"],"       \
    "\"barred_prefixes\":[]}"
#define TEST "\"self_test\":[{\"tenant\":\"foo\",\"slot\":12182,\"cell\":\"se-1\"}]"
#define MAP(cells, slots, pins, changed, policy, test)                                             \
    "{" cells "," slots "," pins "," changed "," policy "," test "}"

static enum cc_error parse(const char *payload, struct cc_json_reason *reason)
{
    struct cc_route_map *map = NULL;
    struct cc_publication publication = publication_of(1, cc_slice_of(payload));
    enum cc_error error = cc_route_map_parse(&publication, &map, reason);
    cc_route_map_free(map);
    return error;
}

START_TEST(what_is_refused)
{
    static const char *const bad[][2] = {
        {MAP("\"cells\":[]", SLOTS, PINS, CHANGED, POLICY, TEST), "cells[0]: must be a list"},
        {MAP("\"cells\":[{\"id\":\"no-1\",\"sites\":[{\"name\":\"a\",\"endpoints\":[]}]}]", SLOTS,
             PINS, CHANGED, POLICY, TEST),
         "cells[0]: id must be <country>-<n>"},
        {MAP("\"cells\":[{\"id\":\"se-1\",\"sites\":[]}]", SLOTS, PINS, CHANGED, POLICY, TEST),
         "cells[0]: must have 1 to 4 sites"},
        {MAP("\"cells\":[{\"id\":\"se-1\",\"sites\":[{\"name\":\"a\",\"endpoints\":[\"x:0\"]}]}]",
             SLOTS, PINS, CHANGED, POLICY, TEST),
         "cells[0]: an endpoint must be address:port"},
        {MAP(CELLS, "\"slots\":[[0,16382,\"se-1\"]]", PINS, CHANGED, POLICY, TEST),
         "slots[16383]: assigned to no cell"},
        {MAP(CELLS, "\"slots\":[[0,16383,\"se-1\"],[5,5,\"se-1\"]]", PINS, CHANGED, POLICY, TEST),
         "slots[5]: assigned twice"},
        {MAP(CELLS, "\"slots\":[[0,16384,\"se-1\"]]", PINS, CHANGED, POLICY, TEST),
         "slots[0]: must be [from, to, cell]"},
        {MAP(CELLS, "\"slots\":[[0,16383,\"se-2\"]]", PINS, CHANGED, POLICY, TEST),
         "slots[0]: no such cell"},
        {MAP(CELLS, SLOTS, "\"pins\":{\"acme\":\"se-2\"}", CHANGED, POLICY, TEST),
         "pins[0]: no such cell"},
        {MAP(CELLS, SLOTS, "\"pins\":{\"A\":\"se-1\"}", CHANGED, POLICY, TEST),
         "pins[0]: not a tenant"},
        {MAP(CELLS, SLOTS, "\"pins\":[]", CHANGED, POLICY, TEST), "pins[0]: must be an object"},
        {MAP(CELLS, SLOTS, PINS, "\"slots_changed\":-1", POLICY, TEST), "slots_changed: must be"},
        {MAP(CELLS, SLOTS, PINS, CHANGED, "\"policy\":{}", TEST), "policy.country_code[0]"},
        {MAP(CELLS, SLOTS, PINS, CHANGED,
             "\"policy\":{\"country_code\":\"46\",\"national_prefix\":\"0\",\"emergency\":[\"\"],"
             "\"barred_prefixes\":[]}",
             TEST),
         "policy.emergency[0]: has a wrong form"},
        {MAP(CELLS, SLOTS, PINS, CHANGED,
             "\"policy\":{\"country_code\":\"46\",\"national_prefix\":\"0\",\"emergency\":[],"
             "\"barred_prefixes\":[\"900\"]}",
             TEST),
         "policy.barred_prefixes[0]: has a wrong form"},
        {MAP(CELLS, SLOTS, PINS, CHANGED, POLICY, "\"self_test\":[]"),
         "self_test[0]: must be a list"},
        {MAP(CELLS, SLOTS, PINS, CHANGED, POLICY,
             "\"self_test\":[{\"tenant\":\"foo\",\"slot\":12183,\"cell\":\"se-1\"}]"),
         "self_test[0]: does not agree"},
        {MAP(CELLS, SLOTS, PINS, CHANGED, POLICY,
             "\"self_test\":[{\"tenant\":\"foo\",\"slot\":12182,\"cell\":\"se-2\"}]"),
         "self_test[0]: does not agree"},
        {"{", "not valid JSON"}};
    struct cc_json_reason reason;
    ck_assert_int_eq(parse(MAP(CELLS, SLOTS, PINS, CHANGED, POLICY, TEST), &reason), CC_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        reason.text[0] = '\0';
        ck_assert_msg(parse(bad[i][0], &reason) == CC_INVALID, "accepted %s", bad[i][0]);
        ck_assert_msg(strncmp(reason.text, bad[i][1], strlen(bad[i][1])) == 0,
                      "reason \"%s\", expected \"%s\"", reason.text, bad[i][1]);
    }
}
END_TEST

START_TEST(parts_that_do_not_fit_are_refused)
{
    struct cc_buffer payload;
    cc_buffer_init(&payload, 0);
    set_up(2);
    slots[7] = 2;
    ck_assert_int_eq(cc_route_map_compose(&parts, NULL, &payload), CC_INVALID);
    set_up(2);
    pin("acme", 2);
    ck_assert_int_eq(cc_route_map_compose(&parts, NULL, &payload), CC_INVALID);
    set_up(2);
    pin("acme", 0);
    pin("acme", 1);
    ck_assert_int_eq(cc_route_map_compose(&parts, NULL, &payload), CC_INVALID);
    set_up(0);
    ck_assert_int_eq(cc_route_map_compose(&parts, NULL, &payload), CC_INVALID);
    ck_assert_uint_eq(payload.length, 0);
    cc_buffer_deinit(&payload);
}
END_TEST

/* What an edge says of next, published honestly or (liar) as if nothing had changed. */
static void assert_follows(const struct cc_route_map *current, int64_t epoch, bool liar,
                           enum cc_error expected)
{
    struct cc_route_map *self = liar ? publish(epoch, NULL) : NULL;
    struct cc_route_map *next = publish(epoch, liar ? self : current);
    ck_assert_int_eq(cc_route_map_follows(current, next), expected);
    cc_route_map_free(next);
    cc_route_map_free(self);
}

START_TEST(changes_must_be_said)
{
    set_up(2);
    for (size_t i = 8192; i < CC_SLOT_COUNT; i++)
        slots[i] = 1;
    struct cc_route_map *current = publish(1, NULL);
    assert_follows(NULL, 1, false, CC_OK);
    assert_follows(current, 1, false, CC_STALE);
    assert_follows(current, 3, true, CC_OK);
    slots[0] = 1;
    assert_follows(current, 3, false, CC_OK);
    assert_follows(current, 3, true, CC_TOO_DIFFERENT);
    cc_route_map_free(current);
}
END_TEST

START_TEST(a_pin_counts_as_one_change)
{
    set_up(2);
    struct cc_route_map *current = publish(1, NULL);
    pin("acme", 1);
    assert_follows(current, 3, false, CC_OK);
    assert_follows(current, 3, true, CC_TOO_DIFFERENT);
    struct cc_route_map *pinned = publish(2, current);
    parts.pin_count = 0;
    assert_follows(pinned, 4, false, CC_OK);
    assert_follows(pinned, 4, true, CC_TOO_DIFFERENT);
    parts.pin_count = 0;
    pin("beta", 0);
    assert_follows(current, 3, true, CC_OK);
    cc_route_map_free(pinned);
    cc_route_map_free(current);
}
END_TEST

START_TEST(more_than_half_of_all_slots_is_too_different)
{
    set_up(2);
    struct cc_route_map *current = publish(1, NULL);
    for (size_t i = 0; i < CC_SLOT_COUNT / 2; i++)
        slots[i] = 1;
    assert_follows(current, 3, false, CC_OK);
    slots[CC_SLOT_COUNT / 2] = 1;
    assert_follows(current, 3, false, CC_TOO_DIFFERENT);
    cc_route_map_free(current);
}
END_TEST

START_TEST(a_single_cell_may_give_away_more)
{
    set_up(1);
    struct cc_route_map *current = publish(1, NULL);
    set_up(3);
    for (size_t i = 0; i < CC_SLOT_COUNT; i++)
        slots[i] = (uint16_t)(i % 3);
    assert_follows(current, 3, false, CC_OK);
    assert_follows(current, 3, true, CC_TOO_DIFFERENT);
    cc_route_map_free(current);
}
END_TEST

START_TEST(another_order_of_cells_changes_nothing)
{
    set_up(2);
    for (size_t i = 0; i < 100; i++)
        slots[i] = 1;
    struct cc_route_map *current = publish(1, NULL);
    struct cc_map_cell first = cells[0];
    cells[0] = cells[1];
    cells[1] = first;
    for (size_t i = 0; i < CC_SLOT_COUNT; i++)
        slots[i] = i < 100 ? 0 : 1;
    assert_follows(current, 3, true, CC_OK);
    cc_route_map_free(current);
}
END_TEST

SUITE_MAIN("route_map", composed_and_looked_up, the_payload_is_as_documented, what_is_refused,
           parts_that_do_not_fit_are_refused, changes_must_be_said, a_pin_counts_as_one_change,
           more_than_half_of_all_slots_is_too_different, a_single_cell_may_give_away_more,
           another_order_of_cells_changes_nothing)
