#include "tests/unit/bench/sample.h"

#include <stdio.h>

/* 200 us a webhook in the edge, 400 in the worker, twice that for PBX. */
static struct bench_curve curve(double webhooks_per_call, double factor)
{
    struct bench_curve curve = {.webhooks_per_call = webhooks_per_call, .count = 3};
    for (size_t i = 0; i < curve.count; i++) {
        double webhooks_s = 500.0 * (double)i;
        struct bench_load_step *step = &curve.steps[i];
        *step = (struct bench_load_step){
            .webhooks_s = webhooks_s, .p50_ms = 1, .p99_ms = 5.0 * (double)i};
        for (size_t part = 0; part < BENCH_PARTS; part++)
            step->cores[part] = 0.01 + webhooks_s * factor * 1e-4;
        step->cores[BENCH_EDGE] = 0.02 + webhooks_s * factor * 200e-6;
        step->cores[BENCH_WORKER] = 0.02 + webhooks_s * factor * 400e-6;
    }
    return curve;
}

struct bench_calibration sample_calibration(void)
{
    struct bench_calibration calibration = {
        .machine = "sample",
        .date = "2026-11-29",
        .cores = 2,
        .edges = 2,
        .workers = 2,
        .numbers = 1000,
        .curves = {[BENCH_MOBILE] = curve(2, 1), [BENCH_PBX] = curve(4, 2)},
        .worker_bytes_per_number = 500,
        .redis_bytes_per_number = 400,
        .postgres_bytes_per_number = 1000,
        .postgres_bytes_per_record = 600,
        .spool_bytes_per_record = 700,
    };
    for (size_t part = 0; part < BENCH_PARTS; part++)
        calibration.memory_mb[part] = 20;
    return calibration;
}

struct bench_prices sample_prices(void)
{
    static char name[] = "sample", currency[] = "EUR";
    return (struct bench_prices){.name = name,
                                 .currency = currency,
                                 .vcpu = 10000000,
                                 .memory_gb = 1000000,
                                 .disk_gb = 100000,
                                 .backup_gb = 10000,
                                 .balancer = 5000000,
                                 .traffic_gb = 10000,
                                 .vcpus_least = 2,
                                 .vcpus_most = 16,
                                 .memory_gb_least = 4};
}

struct bench_template sample_template(void)
{
    return (struct bench_template){.name = "sample",
                                   .workers = 2,
                                   .sites = 1,
                                   .redis_megabytes = 256,
                                   .postgres_megabytes = 512,
                                   .spool_megabytes = 1024,
                                   .call_plans_max = 250000};
}
