/*
 * Keeps calls from waiting for something that does not answer: it is passed over after the first
 * time-out, and asked by probes of its own, which no call waits for, until it answers. Pure.
 *
 *             time-out                pause over
 *   CLOSED -------------> OPEN -----------------------> PROBING
 *     ^                    ^---- no answer ----------------'|
 *     '------------------------- answer --------------------'
 *
 * An answer to something asked earlier closes it too: it is alive.
 */
#ifndef CELL_CALLS_BREAKER_H
#define CELL_CALLS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum cell_breaker_state { CELL_BREAKER_CLOSED, CELL_BREAKER_OPEN, CELL_BREAKER_PROBING };

/* Zeroed: closed. */
struct cell_breaker {
    enum cell_breaker_state state;
    int64_t probe_at_us; /* when open: the next probe, monotonic */
};

static inline bool cell_breaker_is_closed(const struct cell_breaker *breaker)
{
    return breaker->state == CELL_BREAKER_CLOSED;
}

/* No answer in time, to a call or to a probe. True when it was closed until now. */
bool cell_breaker_timed_out(struct cell_breaker *breaker, int64_t now_us);
/* True when it was not closed until now. */
bool cell_breaker_answered(struct cell_breaker *breaker);
/* True when a probe is due, once: the caller sends it and tells what came of it. */
bool cell_breaker_probe(struct cell_breaker *breaker, int64_t now_us);

/* Whether a time-out says something about the one that was asked: it was given at least a quarter
 * of its usual time. A call with little time left proves nothing. */
bool cell_breaker_counts(int64_t given_us, int64_t usual_us);

/* A step's share of the time left, in proportion to what it has of the whole time; never more than
 * usual, never less than a millisecond. All in microseconds. */
int64_t cell_breaker_budget(int64_t usual_us, int64_t left_us, int64_t whole_us);

#endif
