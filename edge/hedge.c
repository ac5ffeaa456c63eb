#include "edge/hedge.h"

enum {
    UNIT_US = 250, /* of the lowest four buckets */
    PER_DOUBLING_BITS = 2,
    PER_DOUBLING = 1 << PER_DOUBLING_BITS,
    ENOUGH = 32,
    HALVE_AT = 2048,
    TOKEN = 20 /* calls that earn one */
};

static int bucket_of(int64_t us)
{
    int64_t units = us < 0 ? 0 : us / UNIT_US;
    if (units < PER_DOUBLING)
        return (int)units;
    int doubling = 63 - __builtin_clzll((unsigned long long)units) - PER_DOUBLING_BITS;
    int bucket = (doubling + 1) * PER_DOUBLING + (int)(units >> doubling) - PER_DOUBLING;
    return bucket < EDGE_HEDGE_BUCKETS ? bucket : EDGE_HEDGE_BUCKETS - 1;
}

static int64_t upper_edge_us(int bucket)
{
    if (bucket < PER_DOUBLING)
        return (int64_t)(bucket + 1) * UNIT_US;
    int doubling = bucket / PER_DOUBLING - 1;
    return ((int64_t)(bucket % PER_DOUBLING + PER_DOUBLING + 1) << doubling) * UNIT_US;
}

static void halve(struct edge_hedge *hedge)
{
    hedge->total = 0;
    for (int i = 0; i < EDGE_HEDGE_BUCKETS; i++) {
        hedge->counts[i] /= 2;
        hedge->total += hedge->counts[i];
    }
}

void edge_hedge_observe(struct edge_hedge *hedge, int64_t took_us)
{
    hedge->counts[bucket_of(took_us)]++;
    if (++hedge->total >= HALVE_AT)
        halve(hedge);
}

int64_t edge_hedge_delay_us(const struct edge_hedge *hedge)
{
    if (hedge->total < ENOUGH)
        return EDGE_HEDGE_UNKNOWN_US;
    uint32_t above = hedge->total / 100, seen = 0;
    int bucket = EDGE_HEDGE_BUCKETS;
    while (bucket > 0 && seen <= above)
        seen += hedge->counts[--bucket];
    int64_t delay_us = upper_edge_us(bucket);
    if (delay_us < EDGE_HEDGE_LEAST_US)
        return EDGE_HEDGE_LEAST_US;
    return delay_us > EDGE_HEDGE_MOST_US ? EDGE_HEDGE_MOST_US : delay_us;
}

void edge_hedge_earn(struct edge_hedge *hedge)
{
    if (hedge->spent > 0)
        hedge->spent--;
}

bool edge_hedge_take(struct edge_hedge *hedge)
{
    if (hedge->spent + TOKEN > EDGE_HEDGE_TOKENS * TOKEN)
        return false;
    hedge->spent += TOKEN;
    return true;
}
