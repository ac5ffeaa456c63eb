/*
 * What one machine was measured to do: CPU of every part of a platform at stepped loads, for mobile
 * and for PBX calls, and bytes that are kept. `callcell-bench calibrate` writes it, the planner
 * reads it. Pure.
 */
#ifndef BENCH_CALIBRATION_H
#define BENCH_CALIBRATION_H

#include "base/buffer.h"
#include "base/json.h"

enum { BENCH_LOAD_STEPS_MAX = 16, BENCH_NAME_MAX = 96 };

/* Parts of a platform, by name in the file. LOADER is the load generator itself, on the same
 * machine; CONTROL all that no call needs (control plane, registry, monitors, supervisors). */
#define BENCH_PART_LIST(X)                                                                         \
    X(EDGE, "edge")                                                                                \
    X(WORKER, "worker")                                                                            \
    X(REDIS, "redis")                                                                              \
    X(PRIMARY, "primary")                                                                          \
    X(REPLICA, "replica")                                                                          \
    X(CONTROL, "control")                                                                          \
    X(LOADER, "loader")

enum bench_part {
#define X(id, name) BENCH_##id,
    BENCH_PART_LIST(X)
#undef X
        BENCH_PARTS
};
extern const char *const bench_part_names[BENCH_PARTS];

enum bench_kind { BENCH_MOBILE, BENCH_PBX, BENCH_KINDS };
extern const char *const bench_kind_names[BENCH_KINDS];

/* A load that was held for a while. */
struct bench_load_step {
    double webhooks_s;         /* answered a second */
    double cores[BENCH_PARTS]; /* CPU seconds a second of all processes of the part together */
    double foreign_cores;      /* used by others on the machine */
    double p50_ms, p99_ms;     /* from the intended time of sending */
};

struct bench_curve {
    double webhooks_per_call;
    struct bench_load_step
        steps[BENCH_LOAD_STEPS_MAX]; /* rising; the first is idle: 0 webhooks/s */
    size_t count;                    /* at least 2 */
};

struct bench_calibration {
    char machine[BENCH_NAME_MAX]; /* its processor, for people */
    char date[16];                /* 2026-11-29 */
    double cores;                 /* of the machine */
    double edges, workers;        /* processes of the measured platform */
    double numbers;               /* in the cell while it was measured */
    struct bench_curve curves[BENCH_KINDS];
    double memory_mb[BENCH_PARTS];    /* resident, all processes of the part, after the load */
    double worker_bytes_per_number;   /* in memory */
    double redis_bytes_per_number;    /* key and call plan */
    double postgres_bytes_per_number; /* tables and indexes of the directory */
    double postgres_bytes_per_record; /* tables and indexes of the events and of their inbox */
    double spool_bytes_per_record;
};

/* CC_INVALID with the field in reason. */
enum cc_error bench_calibration_read(struct cc_slice json, struct bench_calibration *out,
                                     struct cc_json_reason *reason) CC_MUST_CHECK;

/* As a file that bench_calibration_read takes; errors stick to the buffer. */
void bench_calibration_write(const struct bench_calibration *calibration, struct cc_buffer *out);

#endif
