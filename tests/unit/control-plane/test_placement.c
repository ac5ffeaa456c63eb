#include "control-plane/placement/placement.h"

#include "tests/unit/control-plane/suite.h"

static uint16_t slots[CC_SLOT_COUNT];

START_TEST(ranges_fill_every_slot)
{
    const struct cp_slot_range ranges[] = {{0, 99, 0}, {100, 16383, 1}};
    ck_assert_int_eq(cp_placement_slots(ranges, 2, 2, slots), CC_OK);
    ck_assert_uint_eq(slots[0], 0);
    ck_assert_uint_eq(slots[99], 0);
    ck_assert_uint_eq(slots[100], 1);
    ck_assert_uint_eq(slots[16383], 1);
    struct cc_slice tenant = CC_SLICE_LITERAL("acme");
    ck_assert_uint_eq(cp_placement_cell(slots, tenant), cc_slot_of(tenant) < 100 ? 0 : 1);
}
END_TEST

START_TEST(gaps_overlaps_and_strangers_are_refused)
{
    const struct cp_slot_range gap[] = {{0, 99, 0}, {101, 16383, 0}};
    const struct cp_slot_range overlap[] = {{0, 100, 0}, {100, 16383, 0}};
    const struct cp_slot_range beyond[] = {{0, 16384, 0}};
    const struct cp_slot_range backwards[] = {{5, 4, 0}};
    const struct cp_slot_range stranger[] = {{0, 16383, 1}};
    ck_assert_int_eq(cp_placement_slots(gap, 2, 1, slots), CC_INVALID);
    ck_assert_int_eq(cp_placement_slots(overlap, 2, 1, slots), CC_INVALID);
    ck_assert_int_eq(cp_placement_slots(beyond, 1, 1, slots), CC_INVALID);
    ck_assert_int_eq(cp_placement_slots(backwards, 1, 1, slots), CC_INVALID);
    ck_assert_int_eq(cp_placement_slots(stranger, 1, 1, slots), CC_INVALID);
    ck_assert_int_eq(cp_placement_slots(NULL, 0, 1, slots), CC_INVALID);
}
END_TEST

SUITE_MAIN("placement", ranges_fill_every_slot, gaps_overlaps_and_strangers_are_refused)
