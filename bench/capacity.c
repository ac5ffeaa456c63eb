#include "bench/capacity.h"

/* From where it idles: with one load there is nothing else to go by. */
static struct bench_line fit_through_idle(const struct bench_curve *curve, enum bench_part part)
{
    const struct bench_load_step *idle = &curve->steps[0];
    double sum_cores = 0, sum_webhooks = 0;
    for (size_t i = 1; i < curve->count; i++) {
        sum_cores += curve->steps[i].cores[part] - idle->cores[part];
        sum_webhooks += curve->steps[i].webhooks_s;
    }
    double us = sum_webhooks > 0 ? sum_cores * 1e6 / sum_webhooks : 0;
    return (struct bench_line){.base_cores = idle->cores[part], .us_per_webhook = us > 0 ? us : 0};
}

struct bench_line bench_capacity_fit(const struct bench_curve *curve, enum bench_part part)
{
    double weight = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (size_t i = 1; i < curve->count; i++) {
        double webhooks_s = curve->steps[i].webhooks_s, cores = curve->steps[i].cores[part];
        weight += 1 / webhooks_s;
        x += 1;
        y += cores / webhooks_s;
        xx += webhooks_s;
        xy += cores;
    }
    double divisor = weight * xx - x * x;
    struct bench_line idle = fit_through_idle(curve, part);
    if (curve->count < 3 || divisor <= 0)
        return idle;
    double slope = (weight * xy - x * y) / divisor;
    double base = (y - slope * x) / weight;
    if (slope < 0)
        return (struct bench_line){.base_cores = y / weight};
    if (base < idle.base_cores)
        return idle;
    return (struct bench_line){.base_cores = base, .us_per_webhook = slope * 1e6};
}

static double rate_when_full(double cores, double base_cores, double us_per_webhook)
{
    if (us_per_webhook <= 0)
        return 0;
    return cores > base_cores ? (cores - base_cores) * 1e6 / us_per_webhook : 0;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

struct bench_capacity bench_capacity_of(const struct bench_calibration *calibration,
                                        double pbx_share)
{
    const struct bench_curve *mobile = &calibration->curves[BENCH_MOBILE];
    const struct bench_curve *pbx = &calibration->curves[BENCH_PBX];
    struct bench_capacity out = {
        .webhooks_per_call =
            (1 - pbx_share) * mobile->webhooks_per_call + pbx_share * pbx->webhooks_per_call,
    };
    double of_pbx = pbx_share * pbx->webhooks_per_call / out.webhooks_per_call;
    double base_cores = 0, us = 0;
    for (enum bench_part part = 0; part < BENCH_PARTS; part++) {
        struct bench_line one = bench_capacity_fit(mobile, part);
        struct bench_line other = bench_capacity_fit(pbx, part);
        out.parts[part].base_cores = (one.base_cores + other.base_cores) / 2;
        out.parts[part].us_per_webhook =
            (1 - of_pbx) * one.us_per_webhook + of_pbx * other.us_per_webhook;
        base_cores += out.parts[part].base_cores;
        us += out.parts[part].us_per_webhook;
    }
    out.machine_webhooks_s = rate_when_full(calibration->cores, base_cores, us);
    out.edge_webhooks_s = rate_when_full(calibration->edges, out.parts[BENCH_EDGE].base_cores,
                                         out.parts[BENCH_EDGE].us_per_webhook);
    out.worker_webhooks_s = rate_when_full(calibration->workers, out.parts[BENCH_WORKER].base_cores,
                                           out.parts[BENCH_WORKER].us_per_webhook);
    out.saturation_webhooks_s =
        least(out.machine_webhooks_s, least(out.edge_webhooks_s, out.worker_webhooks_s));
    return out;
}

double bench_capacity_cores(const struct bench_capacity *capacity, enum bench_part part,
                            double webhooks_s)
{
    const struct bench_line *line = &capacity->parts[part];
    return line->base_cores + line->us_per_webhook * webhooks_s / 1e6;
}

static double busy_of(const struct bench_calibration *calibration,
                      const struct bench_load_step *step)
{
    double cores = step->foreign_cores;
    for (size_t part = 0; part < BENCH_PARTS; part++)
        cores += step->cores[part];
    return cores / calibration->cores;
}

double bench_capacity_p99_ms(const struct bench_calibration *calibration, enum bench_kind kind,
                             double busy)
{
    const struct bench_curve *curve = &calibration->curves[kind];
    for (size_t i = 1; i < curve->count; i++) {
        const struct bench_load_step *step = &curve->steps[i], *before = &curve->steps[i - 1];
        double here = busy_of(calibration, step), there = busy_of(calibration, before);
        if (busy > here)
            continue;
        if (i == 1 || here <= there)
            return step->p99_ms;
        return before->p99_ms + (step->p99_ms - before->p99_ms) * (busy - there) / (here - there);
    }
    return curve->steps[curve->count - 1].p99_ms;
}
