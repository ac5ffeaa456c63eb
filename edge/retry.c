#include "edge/retry.h"

enum { SHARE_PER_MILLE = 350, ATTEMPT_FLOOR_MS = 5, FAIR_SHARE_MS = 150 };

struct edge_budget edge_budget_of(int64_t received_us, int64_t configured_ms, int64_t requested_ms)
{
    int64_t deadline_ms = configured_ms;
    if (requested_ms > 0 && requested_ms < deadline_ms)
        deadline_ms = requested_ms;
    if (deadline_ms < EDGE_DEADLINE_FLOOR_MS)
        deadline_ms = EDGE_DEADLINE_FLOOR_MS;
    return (struct edge_budget){received_us, deadline_ms * SHARE_PER_MILLE};
}

bool edge_budget_next(const struct edge_budget *budget, int made, int64_t now_us,
                      struct edge_attempt *out)
{
    if (made >= EDGE_ATTEMPTS)
        return false;
    int shares = made + 1 < EDGE_SHARES ? made + 1 : EDGE_SHARES;
    int64_t end_us = budget->received_us + shares * budget->share_us;
    if (end_us > now_us + budget->share_us)
        end_us = now_us + budget->share_us;
    int64_t remaining_ms = (end_us - now_us) / 1000;
    if (remaining_ms < ATTEMPT_FLOOR_MS)
        return false;
    *out = (struct edge_attempt){made + 1, end_us, remaining_ms};
    return true;
}

static bool says_no_plan(struct cc_slice body)
{
    static const char type[] = "urn:callcell:problem:no-call-plan\"";
    return body.length > 0 && memmem(body.data, body.length, type, sizeof(type) - 1);
}

enum edge_outcome edge_outcome_of(enum cc_error error, int status, struct cc_slice body)
{
    if (error == CC_TIMEOUT)
        return EDGE_OUTCOME_TIMEOUT;
    if (error == CC_FULL)
        return EDGE_OUTCOME_FULL;
    if (error == CC_PROTOCOL || error == CC_TOO_LARGE)
        return EDGE_OUTCOME_STATUS;
    if (error != CC_OK)
        return EDGE_OUTCOME_UNAVAILABLE;
    if (status == 200 && body.length > 0)
        return EDGE_OUTCOME_ANSWER;
    if (status == 421)
        return EDGE_OUTCOME_NOT_MINE;
    if (status != 503)
        return EDGE_OUTCOME_STATUS;
    return says_no_plan(body) ? EDGE_OUTCOME_NO_PLAN : EDGE_OUTCOME_OVERLOADED;
}

const char *edge_outcome_name(enum edge_outcome outcome)
{
    static const char *const names[] = {"answer",     "timeout", "unavailable", "not_mine",
                                        "overloaded", "no_plan", "full",        "status"};
    return names[outcome];
}

bool edge_outcome_blames_worker(enum edge_outcome outcome, int64_t given_ms)
{
    if (outcome == EDGE_OUTCOME_TIMEOUT)
        return given_ms >= FAIR_SHARE_MS;
    return outcome == EDGE_OUTCOME_UNAVAILABLE || outcome == EDGE_OUTCOME_OVERLOADED;
}
