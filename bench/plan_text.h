/*
 * A plan and a simulation for people, and as JSON. Pure; errors stick to the buffer.
 */
#ifndef BENCH_PLAN_TEXT_H
#define BENCH_PLAN_TEXT_H

#include "bench/plan.h"
#include "bench/simulate.h"

struct bench_plan_subject {
    const char *country, *profile;
    const struct bench_demand *demand;
    const struct bench_template *template;
    const struct bench_calibration *calibration;
    const struct bench_prices *prices;
};

void bench_plan_print(const struct bench_plan_subject *subject, const struct bench_plan *plan,
                      struct cc_buffer *out);
void bench_plan_json(const struct bench_plan_subject *subject, const struct bench_plan *plan,
                     struct cc_buffer *out);

void bench_simulated_print(const struct bench_simulation *simulation,
                           const struct bench_simulated *simulated, struct cc_buffer *out);
void bench_simulated_json(const struct bench_simulation *simulation,
                          const struct bench_simulated *simulated, struct cc_buffer *out);

#endif
