#include "bench/plan.h"

#include <math.h>
#include <stdio.h>

#include "base/slot.h"

const struct bench_demand bench_plan_defaults = {
    .users = 0,
    .pbx_share = 0.25,
    .attempts_per_user = 1,
    .peak = 3,
    .webhooks_per_call = 0,
    .busy_hour_share = 0.12,
    .retention_days = 40,
    .utilisation = 0.7,
    .zones = 2,
    .core_speed = 1,
    .disk_slack = 3,
    .wal_gb = 8,
    .backup_share = 0.5,
    .answer_bytes = 1000,
    .other_memory_mb = 512,
};

const char *const bench_limit_texts[BENCH_LIMITS] = {
#define X(id, text) text,
    BENCH_LIMIT_LIST(X)
#undef X
};

static const double SECONDS_HOUR = 3600, DAYS_MONTH = 30.4, PRICE_UNIT = 1e6, KEPT_TWICE = 2;

struct planning {
    const struct bench_demand *demand;
    const struct bench_template *template;
    const struct bench_calibration *calibration;
    const struct bench_prices *prices;
    struct bench_capacity capacity;
    struct bench_plan *plan;
};

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

static double sites(const struct planning *planning)
{
    return at_least((double)planning->template->sites, 1);
}

/* Zones that are left when one is lost; alone there is nothing to lose it to. */
static double zones_left(const struct planning *planning)
{
    return at_least(planning->demand->zones - 1, 1);
}

static double us(const struct planning *planning, enum bench_part part)
{
    return planning->capacity.parts[part].us_per_webhook / planning->demand->core_speed;
}

/* How many processes of the part the calibrated platform had. */
static double measured_processes(const struct planning *planning, enum bench_part part)
{
    if (part == BENCH_EDGE)
        return planning->calibration->edges;
    return part == BENCH_WORKER ? planning->calibration->workers : 1;
}

/* Cores that one process uses whatever the load, once there is one. */
static double base_cores(const struct planning *planning, enum bench_part part)
{
    return planning->capacity.parts[part].base_cores / measured_processes(planning, part) /
           planning->demand->core_speed;
}

/* Cores in the peak, all processes of the part, besides what they use when idle. */
static double load_cores(const struct planning *planning, enum bench_part part)
{
    return planning->plan->peak_webhooks_s * us(planning, part) / 1e6;
}

/* Of a process with one thread: what calls may take of its core in the peak. */
static double usable_core(const struct planning *planning, enum bench_part part)
{
    return at_least(planning->demand->utilisation - base_cores(planning, part), 0.01);
}

static void plan_demand(struct planning *planning)
{
    const struct bench_demand *demand = planning->demand;
    struct bench_plan *plan = planning->plan;
    plan->webhooks_per_call = demand->webhooks_per_call > 0 ? demand->webhooks_per_call
                                                            : planning->capacity.webhooks_per_call;
    plan->calls_s = demand->users * demand->attempts_per_user / SECONDS_HOUR;
    plan->webhooks_s = plan->calls_s * plan->webhooks_per_call;
    plan->peak_webhooks_s = plan->webhooks_s * demand->peak;
    plan->records_day = plan->webhooks_s * SECONDS_HOUR / demand->busy_hour_share;
}

/* Workers of a cell that go on with a zone lost. A worker has one thread, so one core. */
static double workers_left(const struct planning *planning)
{
    double workers = (double)planning->template->workers * sites(planning);
    double zones = planning->demand->zones;
    return zones < 2 ? workers : at_least(floor(workers * (zones - 1) / zones), 1);
}

static double redis_idle_mb(const struct planning *planning)
{
    const struct bench_calibration *calibration = planning->calibration;
    double plans_mb = calibration->numbers * calibration->redis_bytes_per_number / 1e6;
    return at_least(calibration->memory_mb[BENCH_REDIS] - plans_mb, 0);
}

static void plan_cells(struct planning *planning)
{
    const struct bench_template *template = planning->template;
    struct bench_plan *plan = planning->plan;
    double utilisation = planning->demand->utilisation, users = planning->demand->users;
    double redis_mb = at_least((double)template->redis_megabytes - redis_idle_mb(planning), 1);
    double plans_mb = users * planning->calibration->redis_bytes_per_number * KEPT_TWICE / 1e6;
    const double wanted[BENCH_LIMITS] = {
        [BENCH_LIMIT_ONE] = 1,
        [BENCH_LIMIT_PLANS] = users / (double)template->call_plans_max,
        [BENCH_LIMIT_WORKERS] = load_cores(planning, BENCH_WORKER) /
                                usable_core(planning, BENCH_WORKER) / workers_left(planning),
        [BENCH_LIMIT_REDIS_MEMORY] = plans_mb / redis_mb,
        [BENCH_LIMIT_REDIS_CPU] = load_cores(planning, BENCH_REDIS) / utilisation,
        [BENCH_LIMIT_PRIMARY] = load_cores(planning, BENCH_PRIMARY) / utilisation /
                                (double)planning->prices->vcpus_most,
    };
    for (enum bench_limit limit = 0; limit < BENCH_LIMITS; limit++) {
        if (ceil(wanted[limit]) > plan->cells) {
            plan->cells = ceil(wanted[limit]);
            plan->limit = limit;
        }
    }
    plan->users_per_cell = users / plan->cells;
    plan->cell_webhooks_s = workers_left(planning) * usable_core(planning, BENCH_WORKER) * 1e6 /
                            at_least(us(planning, BENCH_WORKER), 1e-3);
}

static double processes(const struct planning *planning, enum bench_part part)
{
    const struct bench_demand *demand = planning->demand;
    double cells = planning->plan->cells;
    switch (part) {
    case BENCH_EDGE:
        return at_least(
            ceil(load_cores(planning, part) / usable_core(planning, part) / zones_left(planning)) *
                demand->zones,
            2);
    case BENCH_WORKER:
        return cells * (double)planning->template->workers * sites(planning);
    case BENCH_REDIS:
        return cells * sites(planning);
    case BENCH_PRIMARY:
    case BENCH_REPLICA:
        return cells;
    case BENCH_CONTROL:
        return 1;
    case BENCH_LOADER:
    case BENCH_PARTS:
        break;
    }
    return 0;
}

/* Of so many processes with one thread each. */
static double headroom(const struct planning *planning, enum bench_part part, double left)
{
    return left * (1 - base_cores(planning, part)) / load_cores(planning, part) - 1;
}

static void plan_parts(struct planning *planning)
{
    struct bench_plan *plan = planning->plan;
    for (enum bench_part part = 0; part < BENCH_PARTS; part++) {
        struct bench_plan_part *out = &plan->parts[part];
        out->processes = processes(planning, part);
        if (out->processes == 0)
            continue;
        out->us_per_webhook = us(planning, part);
        out->cores_peak = base_cores(planning, part) * out->processes + load_cores(planning, part);
    }
    double edges_left =
        plan->parts[BENCH_EDGE].processes * zones_left(planning) / planning->demand->zones;
    plan->parts[BENCH_EDGE].headroom = headroom(planning, BENCH_EDGE, edges_left);
    plan->parts[BENCH_WORKER].headroom =
        headroom(planning, BENCH_WORKER, workers_left(planning) * plan->cells);
}

static void plan_stores(struct planning *planning)
{
    const struct bench_calibration *calibration = planning->calibration;
    struct bench_plan *plan = planning->plan;
    double users = plan->users_per_cell;
    double held_mb = calibration->numbers * calibration->worker_bytes_per_number / 1e6;
    double record_mb_s = plan->webhooks_s / plan->cells * calibration->spool_bytes_per_record / 1e6;
    plan->redis_mb =
        redis_idle_mb(planning) + users * calibration->redis_bytes_per_number * KEPT_TWICE / 1e6;
    plan->worker_mb =
        at_least(calibration->memory_mb[BENCH_WORKER] / calibration->workers - held_mb, 0) +
        users * calibration->worker_bytes_per_number / 1e6;
    plan->spool_hours =
        (double)planning->template->spool_megabytes / at_least(record_mb_s, 1e-9) / SECONDS_HOUR;
    plan->directory_gb = users * calibration->postgres_bytes_per_number / 1e9;
    plan->records_gb = plan->records_day / plan->cells * planning->demand->retention_days *
                       calibration->postgres_bytes_per_record / 1e9;
    plan->node_disk_gb = (plan->directory_gb + plan->records_gb) * planning->demand->disk_slack +
                         planning->demand->wal_gb;
}

static double memory_mb(const struct planning *planning)
{
    const struct bench_calibration *calibration = planning->calibration;
    const struct bench_plan *plan = planning->plan;
    const struct bench_template *template = planning->template;
    double postgres_mb = calibration->memory_mb[BENCH_PRIMARY] +
                         calibration->memory_mb[BENCH_REPLICA] +
                         2 * (double)template->postgres_megabytes;
    return plan->parts[BENCH_EDGE].processes * calibration->memory_mb[BENCH_EDGE] /
               calibration->edges +
           plan->parts[BENCH_WORKER].processes * plan->worker_mb +
           plan->parts[BENCH_REDIS].processes * (double)template->redis_megabytes +
           plan->cells * postgres_mb + calibration->memory_mb[BENCH_CONTROL];
}

static void plan_machines(struct planning *planning)
{
    const struct bench_demand *demand = planning->demand;
    const struct bench_prices *prices = planning->prices;
    struct bench_plan *plan = planning->plan;
    double cores = 0;
    for (size_t part = 0; part < BENCH_PARTS; part++)
        cores += plan->parts[part].cores_peak;
    plan->vcpus_per_zone = at_least(ceil(cores / demand->utilisation / zones_left(planning)),
                                    (double)prices->vcpus_least);
    plan->machines_per_zone = ceil(plan->vcpus_per_zone / (double)prices->vcpus_most);
    double mb =
        memory_mb(planning) / demand->zones + plan->machines_per_zone * demand->other_memory_mb;
    plan->memory_gb_per_zone =
        at_least(ceil(mb / 1000), (double)prices->memory_gb_least * plan->machines_per_zone);
    plan->busy = cores / (plan->vcpus_per_zone * demand->zones);
    double least = plan->parts[BENCH_EDGE].headroom;
    if (plan->parts[BENCH_WORKER].headroom < least)
        least = plan->parts[BENCH_WORKER].headroom;
    if (demand->zones < 2) {
        plan->headroom = -1;
        return;
    }
    plan->busy_zone_lost = cores / (plan->vcpus_per_zone * (demand->zones - 1));
    double machines = 1 / plan->busy_zone_lost - 1;
    plan->headroom = machines < least ? machines : least;
}

static double p99_ms(const struct planning *planning, double busy)
{
    double mobile = bench_capacity_p99_ms(planning->calibration, BENCH_MOBILE, busy);
    double pbx = bench_capacity_p99_ms(planning->calibration, BENCH_PBX, busy);
    return planning->demand->pbx_share > 0 && pbx > mobile ? pbx : mobile;
}

static void plan_cost(struct planning *planning)
{
    const struct bench_demand *demand = planning->demand;
    const struct bench_prices *prices = planning->prices;
    struct bench_plan *plan = planning->plan;
    double spools_gb =
        plan->parts[BENCH_WORKER].processes * (double)planning->template->spool_megabytes / 1e3;
    plan->disk_gb = plan->cells * 2 * plan->node_disk_gb + spools_gb;
    plan->backup_gb = plan->cells * (plan->directory_gb + plan->records_gb) * demand->backup_share;
    plan->traffic_gb = plan->records_day * DAYS_MONTH * demand->answer_bytes / 1e9;
    plan->cost_machines = demand->zones *
                          (plan->vcpus_per_zone * (double)prices->vcpu +
                           plan->memory_gb_per_zone * (double)prices->memory_gb) /
                          PRICE_UNIT;
    plan->cost_disk = plan->disk_gb * (double)prices->disk_gb / PRICE_UNIT;
    plan->cost_backup = plan->backup_gb * (double)prices->backup_gb / PRICE_UNIT;
    plan->cost_network =
        (demand->zones * (double)prices->balancer + plan->traffic_gb * (double)prices->traffic_gb) /
        PRICE_UNIT;
    plan->cost_month =
        plan->cost_machines + plan->cost_disk + plan->cost_backup + plan->cost_network;
    plan->cost_user = plan->cost_month / demand->users;
}

enum cc_error bench_plan_make(const struct bench_demand *demand,
                              const struct bench_template *template,
                              const struct bench_calibration *calibration,
                              const struct bench_prices *prices, struct bench_plan *out,
                              struct cc_json_reason *reason)
{
    *out = (struct bench_plan){0};
    struct planning planning = {.demand = demand,
                                .template = template,
                                .calibration = calibration,
                                .prices = prices,
                                .capacity = bench_capacity_of(calibration, demand->pbx_share),
                                .plan = out};
    plan_demand(&planning);
    plan_cells(&planning);
    if (out->cells > CC_SLOT_COUNT) {
        snprintf(reason->text, sizeof(reason->text),
                 "%.0f cells of the template %s: a country has at most %d, its slots", out->cells,
                 template->name, CC_SLOT_COUNT);
        return CC_INVALID;
    }
    plan_parts(&planning);
    plan_stores(&planning);
    plan_machines(&planning);
    plan_cost(&planning);
    out->p99_ms = p99_ms(&planning, out->busy);
    out->p99_zone_lost_ms = p99_ms(&planning, out->busy_zone_lost);
    out->saturation_webhooks_s = planning.capacity.saturation_webhooks_s;
    return CC_OK;
}
