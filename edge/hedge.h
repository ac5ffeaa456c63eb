/*
 * When a second worker is asked while the first has not answered (hedging). Pure.
 *
 * The delay follows the 99th percentile of how long the cell's workers have lately taken, so that
 * about one call in a hundred is asked twice whatever the cell's pace. That a cell which is slow
 * under load is not given twice the load is the tokens' part: a call that begins earns a twentieth
 * of one, a hedge costs one.
 */
#ifndef EDGE_HEDGE_H
#define EDGE_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EDGE_HEDGE_BUCKETS = 64,
    EDGE_HEDGE_LEAST_US = 20 * 1000,
    EDGE_HEDGE_MOST_US = 120 * 1000,
    EDGE_HEDGE_UNKNOWN_US = 60 * 1000, /* until enough is known */
    EDGE_HEDGE_TOKENS = 50             /* at most, and at the start */
};

struct edge_hedge {
    uint32_t counts[EDGE_HEDGE_BUCKETS]; /* of times, four to a doubling */
    uint32_t total;
    int32_t spent; /* twentieths of a token */
};

/* Zeroed: nothing known, all tokens there. */

/* How long a worker took; one that was beaten by another is entered with how long it had had. Older
 * times count for less and less. */
void edge_hedge_observe(struct edge_hedge *hedge, int64_t took_us);

int64_t edge_hedge_delay_us(const struct edge_hedge *hedge);

/* A call begins. */
void edge_hedge_earn(struct edge_hedge *hedge);
/* Takes a token; false: none is left. */
bool edge_hedge_take(struct edge_hedge *hedge);

#endif
