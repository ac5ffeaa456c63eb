/*
 * Which cell of a country a tenant lives in (pure): slots by ranges, pins override.
 */
#ifndef CP_PLACEMENT_PLACEMENT_H
#define CP_PLACEMENT_PLACEMENT_H

#include "base/err.h"
#include "base/slot.h"

struct cp_slot_range {
    int64_t first, last; /* inclusive */
    size_t cell;         /* index into the country's cells */
};

/* Fills all CC_SLOT_COUNT slots. CC_INVALID when a range is out of bounds or names no cell, when
 * two overlap, or when a slot is left over. */
enum cc_error cp_placement_slots(const struct cp_slot_range *ranges, size_t count, size_t cells,
                                 uint16_t *slots) CC_MUST_CHECK;

/* The cell of a tenant that is not pinned. */
size_t cp_placement_cell(const uint16_t *slots, struct cc_slice tenant);

#endif
