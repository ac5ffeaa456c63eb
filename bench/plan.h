/*
 * The capacity planner: so many users of one country, what do they need and what does it cost.
 * Pure: all that was measured and assumed comes in. docs/capacity.md explains each assumption;
 * docs/adr/0019 why the model is so simple.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "bench/capacity.h"
#include "bench/prices.h"
#include "bench/template.h"

/* Of the people and of the operator; bench_plan_defaults fills it. */
struct bench_demand {
    double users;
    double pbx_share;         /* of calls, 0 to 1 */
    double attempts_per_user; /* call attempts of a user in the busy hour */
    double peak;              /* the worst minute against the busy hour's mean */
    double webhooks_per_call; /* 0: by kind, as measured */
    double busy_hour_share;   /* of a day's calls, 0 to 1 */
    double retention_days;    /* of call records */
    double utilisation;       /* of a core, in the peak with one zone lost; 0 to 1 */
    double zones;             /* failure zones that parts are spread over */
    double core_speed;        /* of the machines to be bought, against the calibrated one's */
    double disk_slack;        /* disk against data: bloat, a base backup beside what it replaces */
    double wal_gb;            /* that a node keeps at most for its replica and for the archive */
    double backup_share;      /* of data, that compressed backups take */
    double answer_bytes;      /* sent to a carrier per webhook */
    double other_memory_mb;   /* of a machine: its operating system */
};
extern const struct bench_demand bench_plan_defaults;

struct bench_plan_part {
    double us_per_webhook; /* of the machines to be bought */
    double cores_peak;     /* all processes, in the peak, with what they use when idle */
    double processes;      /* over all zones and cells */
    double headroom;       /* with a zone lost: what the rest carries against the peak, less 1; of
                              edges and workers, which have one thread each */
};

/* What asks for so many cells. */
#define BENCH_LIMIT_LIST(X)                                                                        \
    X(ONE, "one is enough")                                                                        \
    X(PLANS, "call_plans_max of the template")                                                     \
    X(WORKERS, "workers of the template, with a zone lost")                                        \
    X(REDIS_MEMORY, "redis_megabytes of the template")                                             \
    X(REDIS_CPU, "one core of Redis") X(PRIMARY, "cores of the largest machine, for the primary")
enum bench_limit {
#define X(id, text) BENCH_LIMIT_##id,
    BENCH_LIMIT_LIST(X)
#undef X
        BENCH_LIMITS
};
extern const char *const bench_limit_texts[BENCH_LIMITS];

struct bench_plan {
    double calls_s;           /* mean of the busy hour */
    double webhooks_per_call; /* over the mix */
    double webhooks_s;        /* mean of the busy hour */
    double peak_webhooks_s;
    double records_day; /* one for each webhook */

    double cells;
    enum bench_limit limit;
    double users_per_cell;
    double cell_webhooks_s; /* what a cell carries at that utilisation with a zone lost */
    struct bench_plan_part parts[BENCH_PARTS]; /* LOADER: nothing */

    double headroom;             /* with a zone lost, the least of edges, workers and machines; one
                                    zone: -1 */
    double busy, busy_zone_lost; /* of the machines in the peak, 0 to 1; one zone: the latter 0 */
    double p99_ms, p99_zone_lost_ms; /* measured where the calibrated machine was as busy */

    /* Of one cell */
    double redis_mb;
    double worker_mb;    /* one worker with the cell's call plans */
    double spool_hours;  /* of the busy hour that one worker's spool holds, the others dead */
    double directory_gb; /* in Postgres */
    double records_gb;
    double node_disk_gb; /* of one Postgres node */

    double vcpus_per_zone;
    double machines_per_zone;
    double memory_gb_per_zone;
    double disk_gb; /* these three over all */
    double backup_gb;
    double traffic_gb; /* a month */

    double cost_machines, cost_disk, cost_backup, cost_network; /* a month */
    double cost_month, cost_user;
    double saturation_webhooks_s; /* of the calibrated machine, its load generator included */
};

/* CC_INVALID with the reason when it cannot be done: more cells than a country has slots. */
enum cc_error bench_plan_make(const struct bench_demand *demand,
                              const struct bench_template *template,
                              const struct bench_calibration *calibration,
                              const struct bench_prices *prices, struct bench_plan *out,
                              struct cc_json_reason *reason) CC_MUST_CHECK;

#endif
