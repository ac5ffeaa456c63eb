/*
 * SplitMix64 (Steele, Lea, Flood 2014): small, seedable, good enough to spread load. The state is
 * the caller's; any value will do.
 */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H

#include <stdint.h>

static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to below - 1; below > 0. */
static inline uint64_t bench_random_below(uint64_t *state, uint64_t below)
{
    return bench_random(state) % below;
}

/* Above 0, at most 1. */
static inline double bench_random_unit(uint64_t *state)
{
    return (double)((bench_random(state) >> 11) + 1) / 9007199254740992.0;
}

#endif
