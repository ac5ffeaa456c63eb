/*
 * How far our clock is from the control plane's: the median of what the last comparisons said, so
 * that one slow answer says nothing. Pure.
 */
#ifndef EDGE_CLOCK_SKEW_H
#define EDGE_CLOCK_SKEW_H

#include <stddef.h>
#include <stdint.h>

enum { EDGE_CLOCK_SAMPLES = 5 };

/* Zeroed: nothing known. */
struct edge_clock_skew {
    int64_t ahead_us[EDGE_CLOCK_SAMPLES];
    size_t entered;
};

void edge_clock_skew_enter(struct edge_clock_skew *skew, int64_t ahead_us);
/* 0 when nothing is known. */
int64_t edge_clock_skew_us(const struct edge_clock_skew *skew);

#endif
