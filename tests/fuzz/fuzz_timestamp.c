#include "base/timestamp.h"
#include "tests/fuzz/fuzz.h"

/* What parses is printed and parses to the same time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t time_us = 0;
    int64_t again_us = 0;
    char text[CC_TIMESTAMP_TEXT_MAX];
    if (cc_timestamp_parse(fuzz_input(data, size), &time_us))
        return 0;
    cc_timestamp_format(time_us, text);
    HOLDS(strlen(text) == CC_TIMESTAMP_TEXT_MAX - 1);
    HOLDS(cc_timestamp_parse(cc_slice_of(text), &again_us) == CC_OK);
    HOLDS(again_us == time_us);
    return 0;
}
