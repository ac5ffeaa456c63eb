#include "cell/calls/breaker.h"

enum { PAUSE_US = 500 * 1000, LEAST_US = 1000, PROVES_PART = 4 };

bool cell_breaker_timed_out(struct cell_breaker *breaker, int64_t now_us)
{
    bool was_closed = breaker->state == CELL_BREAKER_CLOSED;
    if (breaker->state != CELL_BREAKER_OPEN)
        breaker->probe_at_us = now_us + PAUSE_US;
    breaker->state = CELL_BREAKER_OPEN;
    return was_closed;
}

bool cell_breaker_answered(struct cell_breaker *breaker)
{
    bool was_closed = breaker->state == CELL_BREAKER_CLOSED;
    breaker->state = CELL_BREAKER_CLOSED;
    return !was_closed;
}

bool cell_breaker_probe(struct cell_breaker *breaker, int64_t now_us)
{
    if (breaker->state != CELL_BREAKER_OPEN || now_us < breaker->probe_at_us)
        return false;
    breaker->state = CELL_BREAKER_PROBING;
    return true;
}

bool cell_breaker_counts(int64_t given_us, int64_t usual_us)
{
    return given_us >= usual_us / PROVES_PART;
}

int64_t cell_breaker_budget(int64_t usual_us, int64_t left_us, int64_t whole_us)
{
    int64_t budget_us = left_us < whole_us ? usual_us * left_us / whole_us : usual_us;
    return budget_us > LEAST_US ? budget_us : LEAST_US;
}
