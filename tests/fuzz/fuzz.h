/*
 * What every libFuzzer target has. A target aborts when a promise of the header it tests is broken.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static inline struct cc_slice fuzz_input(const uint8_t *data, size_t size)
{
    return cc_slice((const char *)data, size);
}

#endif
