#include "base/decimal.h"

struct cc_slice cc_decimal(int64_t value, char *out)
{
    char *at = out + CC_DECIMAL_TEXT - 1;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *at = '\0';
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        *--at = '-';
    return cc_slice(at, (size_t)(out + CC_DECIMAL_TEXT - 1 - at));
}
