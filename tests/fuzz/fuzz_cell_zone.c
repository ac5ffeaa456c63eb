/* Any bytes as a TZif file; whatever parses must answer at any time. */
#include "cell/flows/zone.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times_us[] = {
        INT64_MIN,        -62135596800000000, -1,       0, 1774745999999999,
        4102444800000000, 253402300799999999, INT64_MAX};
    struct cell_zone *zone = NULL;
    if (cell_zone_parse(fuzz_input(data, size), &zone))
        return 0;
    for (size_t i = 0; i < sizeof(times_us) / sizeof(times_us[0]); i++) {
        int64_t offset_s = cell_zone_offset_s(zone, times_us[i]);
        HOLDS(offset_s > -8 * 86400 && offset_s < 8 * 86400);
    }
    cell_zone_free(zone);
    return 0;
}
