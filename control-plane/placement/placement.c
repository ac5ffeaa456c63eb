#include "control-plane/placement/placement.h"

enum { NOBODY = UINT16_MAX };

static bool take(const struct cp_slot_range *range, size_t cells, uint16_t *slots)
{
    if (range->first < 0 || range->last < range->first || range->last >= CC_SLOT_COUNT ||
        range->cell >= cells || cells >= NOBODY)
        return false;
    for (int64_t slot = range->first; slot <= range->last; slot++) {
        if (slots[slot] != NOBODY)
            return false;
        slots[slot] = (uint16_t)range->cell;
    }
    return true;
}

enum cc_error cp_placement_slots(const struct cp_slot_range *ranges, size_t count, size_t cells,
                                 uint16_t *slots)
{
    for (size_t i = 0; i < CC_SLOT_COUNT; i++)
        slots[i] = NOBODY;
    for (size_t i = 0; i < count; i++) {
        if (!take(&ranges[i], cells, slots))
            return CC_INVALID;
    }
    for (size_t i = 0; i < CC_SLOT_COUNT; i++) {
        if (slots[i] == NOBODY)
            return CC_INVALID;
    }
    return CC_OK;
}

size_t cp_placement_cell(const uint16_t *slots, struct cc_slice tenant)
{
    return slots[cc_slot_of(tenant)];
}
