/* Test vectors are written as hex. */
#ifndef TESTS_UNIT_BASE_HEX_H
#define TESTS_UNIT_BASE_HEX_H

#include <stdint.h>
#include <stdio.h>

#include "tests/unit/base/suite.h"

/* Bytes into out; returns them as a slice. */
static inline struct cc_slice from_hex(const char *hex, uint8_t *out)
{
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        unsigned byte = 0;
        ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return cc_slice((const char *)out, length);
}

#endif
