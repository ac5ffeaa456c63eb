#include "edge/clock_skew.h"

#include <string.h>

void edge_clock_skew_enter(struct edge_clock_skew *skew, int64_t ahead_us)
{
    skew->ahead_us[skew->entered++ % EDGE_CLOCK_SAMPLES] = ahead_us;
}

int64_t edge_clock_skew_us(const struct edge_clock_skew *skew)
{
    int64_t sorted[EDGE_CLOCK_SAMPLES];
    size_t count = skew->entered < EDGE_CLOCK_SAMPLES ? skew->entered : EDGE_CLOCK_SAMPLES;
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > skew->ahead_us[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = skew->ahead_us[i];
    }
    return count > 0 ? sorted[count / 2] : 0;
}
