/*
 * What a running platform's telemetry says about its calls, for `plan --from-live`. Pure.
 */
#ifndef BENCH_LIVE_H
#define BENCH_LIVE_H

#include "base/slice.h"
#include "bench/plan.h"

/* Counters of edges and workers, added up over their pages. */
struct bench_live {
    double requests; /* webhooks that edges got */
    double mobile;   /* decisions that only the first webhook of a mobile call has */
    double flow;     /* steps of PBX calls */
    double ended;    /* decisions that ask for nothing: a call's last webhook */
};

/* Adds a page (Prometheus text) of an edge or of a worker. */
void bench_live_add(struct bench_live *live, struct cc_slice page);

/* Puts what happened between two looks, seconds apart, into the demand: attempts per user (of
 * live_users, as if it went on for an hour), webhooks per call, share of PBX calls. CC_NOT_FOUND:
 * no call ended meanwhile. */
enum cc_error bench_live_demand(const struct bench_live *before, const struct bench_live *after,
                                double seconds, double live_users,
                                struct bench_demand *demand) CC_MUST_CHECK;

#endif
