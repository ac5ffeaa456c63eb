/*
 * Integers as text on the path of a call, where printf is too dear.
 */
#ifndef CC_DECIMAL_H
#define CC_DECIMAL_H

#include <stdint.h>

#include "base/slice.h"

enum { CC_DECIMAL_TEXT = 21 }; /* "-9223372036854775808" and NUL */

/* Into out, which has CC_DECIMAL_TEXT bytes and outlives the slice; NUL-terminated. */
struct cc_slice cc_decimal(int64_t value, char *out);

#endif
