/*
 * The time budget of a call: attempts at workers, then the edge's own answer. Pure.
 *
 *   receipt          350              700    800        1000 ms
 *   |- first attempt -|- second attempt -|- fall back -|- spare -|
 *
 * The shares scale with the deadline. Each attempt has a share of its own: the second starts at
 * once when the first fails fast, and after the hedge delay (hedge.h) when it is silent, so that
 * without any worker the edge answers long before 700 ms. A third attempt (the standby site, as a
 * rule) ends where the second could have ended.
 */
#ifndef EDGE_RETRY_H
#define EDGE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { EDGE_DEADLINE_FLOOR_MS = 50, EDGE_ATTEMPTS = 3, EDGE_SHARES = 2 };

struct edge_budget {
    int64_t received_us; /* monotonic */
    int64_t share_us;    /* of one attempt */
};

struct edge_attempt {
    int number; /* from 1 */
    int64_t deadline_us;
    int64_t remaining_ms;
};

/* requested_ms: the event's deadline_ms, 0 when it has none. */
struct edge_budget edge_budget_of(int64_t received_us, int64_t configured_ms, int64_t requested_ms);

/* The attempt after `made` ones; false: none is left, or no time for it. */
bool edge_budget_next(const struct edge_budget *budget, int made, int64_t now_us,
                      struct edge_attempt *out);

enum edge_outcome {
    EDGE_OUTCOME_ANSWER,
    EDGE_OUTCOME_TIMEOUT,
    EDGE_OUTCOME_UNAVAILABLE,
    EDGE_OUTCOME_NOT_MINE,   /* 421 */
    EDGE_OUTCOME_OVERLOADED, /* 503 */
    EDGE_OUTCOME_NO_PLAN,    /* 503: it could not learn the number's call plan */
    EDGE_OUTCOME_FULL,       /* not sent: too many wait for this worker */
    EDGE_OUTCOME_STATUS      /* anything else: the worker does not speak our contract */
};

/* What an exchange came to; status and body only count with CC_OK. */
enum edge_outcome edge_outcome_of(enum cc_error error, int status, struct cc_slice body);
const char *edge_outcome_name(enum edge_outcome outcome);

/* Whether the outcome speaks against the worker's health. A time-out only does when the worker had
 * a fair share of time: a carrier's tiny deadline_ms must not eject healthy workers. */
bool edge_outcome_blames_worker(enum edge_outcome outcome, int64_t given_ms);

#endif
