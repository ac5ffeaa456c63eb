#include "tests/fuzz/json_view_holds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)view_holds(fuzz_input(data, size));
    return 0;
}
