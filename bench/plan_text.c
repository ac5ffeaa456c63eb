#include "bench/plan_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { NUMBER_MAX = 48 };

struct number {
    char text[NUMBER_MAX];
};

/* 1234567 as 1,234,567: whole numbers are easier read so. */
static struct number whole(double value)
{
    struct number out;
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%.0f", value);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            out.text[used++] = ',';
        out.text[used++] = digits[i];
    }
    out.text[used] = '\0';
    return out;
}

static void print_demand(const struct bench_plan_subject *subject, const struct bench_plan *plan,
                         struct cc_buffer *out)
{
    const struct bench_demand *demand = subject->demand;
    cc_buffer_printf(out, "%s users in %s, profile %s (%.0f %% of calls PBX), template %s\n\n",
                     whole(demand->users).text, subject->country, subject->profile,
                     demand->pbx_share * 100, subject->template->name);
    cc_buffer_printf(
        out, "busy hour     %.1f calls/s (%g a user) x %.2f webhooks = %.1f webhooks/s\n",
        plan->calls_s, demand->attempts_per_user, plan->webhooks_per_call, plan->webhooks_s);
    cc_buffer_printf(out, "peak          x %g = %.1f webhooks/s\n", demand->peak,
                     plan->peak_webhooks_s);
    cc_buffer_printf(out, "records       %s a day (%g %% of a day's calls in the busy hour)\n\n",
                     whole(plan->records_day).text, demand->busy_hour_share * 100);
}

static void print_part(const char *name, const struct bench_plan_part *part, const char *note,
                       struct cc_buffer *out)
{
    cc_buffer_printf(out, "%-13s %s, %.2f cores in the peak (%.0f us a webhook)%s\n", name,
                     whole(part->processes).text, part->cores_peak, part->us_per_webhook, note);
}

static void print_parts(const struct bench_plan_subject *subject, const struct bench_plan *plan,
                        struct cc_buffer *out)
{
    const struct bench_template *template = subject->template;
    char note[160];
    cc_buffer_printf(out, "cells         %s (%s): %s users each; one carries %s webhooks/s\n",
                     whole(plan->cells).text, bench_limit_texts[plan->limit],
                     whole(plan->users_per_cell).text, whole(plan->cell_webhooks_s).text);
    print_part("edges", &plan->parts[BENCH_EDGE], "", out);
    snprintf(note, sizeof(note), ", %.0f MB each", plan->worker_mb);
    print_part("workers", &plan->parts[BENCH_WORKER], note, out);
    snprintf(note, sizeof(note), ", %.0f MB of %" PRId64 " MB each", plan->redis_mb,
             template->redis_megabytes);
    print_part("Redis", &plan->parts[BENCH_REDIS], note, out);
    print_part("primaries", &plan->parts[BENCH_PRIMARY], "", out);
    print_part("replicas", &plan->parts[BENCH_REPLICA], "", out);
    cc_buffer_printf(out,
                     "Postgres      %.2f GB of numbers and %.1f GB of records (%g days) a cell; "
                     "%.1f GB of disk a node\n",
                     plan->directory_gb, plan->records_gb, subject->demand->retention_days,
                     plan->node_disk_gb);
    cc_buffer_printf(out,
                     "spool         %" PRId64 " MB a worker: %.1f h of the busy hour with Postgres "
                     "gone and one worker left\n\n",
                     template->spool_megabytes, plan->spool_hours);
}

static void print_machines(const struct bench_plan_subject *subject, const struct bench_plan *plan,
                           struct cc_buffer *out)
{
    const struct bench_demand *demand = subject->demand;
    cc_buffer_printf(out,
                     "machines      %g zones, in each %.0f virtual cores (%.0f machines) and "
                     "%.0f GB of memory\n",
                     demand->zones, plan->vcpus_per_zone, plan->machines_per_zone,
                     plan->memory_gb_per_zone);
    cc_buffer_printf(out,
                     "storage       %.0f GB of disk, %.0f GB of backups; %.0f GB a month sent\n",
                     plan->disk_gb, plan->backup_gb, plan->traffic_gb);
    cc_buffer_printf(out, "in the peak   %.0f %% of the cores busy, p99 about %.0f ms\n",
                     plan->busy * 100, plan->p99_ms);
    if (demand->zones < 2)
        cc_buffer_text(out, "a zone lost   nothing is left: there is one zone only\n\n");
    else
        cc_buffer_printf(out,
                         "a zone lost   %.0f %% busy, p99 about %.0f ms; headroom %.0f %% of the "
                         "peak (edges %.0f, workers %.0f)\n\n",
                         plan->busy_zone_lost * 100, plan->p99_zone_lost_ms, plan->headroom * 100,
                         plan->parts[BENCH_EDGE].headroom * 100,
                         plan->parts[BENCH_WORKER].headroom * 100);
}

static void print_cost(const struct bench_plan_subject *subject, const struct bench_plan *plan,
                       struct cc_buffer *out)
{
    const char *currency = subject->prices->currency;
    cc_buffer_printf(
        out, "cost a month  %.2f %s: machines %.2f, disk %.2f, backups %.2f, network %.2f\n",
        plan->cost_month, currency, plan->cost_machines, plan->cost_disk, plan->cost_backup,
        plan->cost_network);
    cc_buffer_printf(out, "a user        %.5f %s a month\n", plan->cost_user, currency);
    cc_buffer_printf(out, "prices        %s\n\n", subject->prices->name);
}

static double sum(const double *cores, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += cores[i];
    return total;
}

static void print_curve(const struct bench_calibration *calibration, enum bench_kind kind,
                        struct cc_buffer *out)
{
    const struct bench_curve *curve = &calibration->curves[kind];
    cc_buffer_printf(out, "  %-7s %10s %7s %7s %7s %7s %7s %7s %8s %8s\n", bench_kind_names[kind],
                     "webhooks/s", "edge", "worker", "redis", "primary", "replica", "all", "p50 ms",
                     "p99 ms");
    for (size_t i = 0; i < curve->count; i++) {
        const struct bench_load_step *step = &curve->steps[i];
        cc_buffer_printf(out, "  %-7s %10.0f %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f %8.1f %8.1f\n", "",
                         step->webhooks_s, step->cores[BENCH_EDGE], step->cores[BENCH_WORKER],
                         step->cores[BENCH_REDIS], step->cores[BENCH_PRIMARY],
                         step->cores[BENCH_REPLICA], sum(step->cores, BENCH_PARTS), step->p50_ms,
                         step->p99_ms);
    }
}

void bench_plan_print(const struct bench_plan_subject *subject, const struct bench_plan *plan,
                      struct cc_buffer *out)
{
    const struct bench_calibration *calibration = subject->calibration;
    print_demand(subject, plan, out);
    print_parts(subject, plan, out);
    print_machines(subject, plan, out);
    print_cost(subject, plan, out);
    cc_buffer_printf(
        out,
        "Rests on what was measured on %s: %s, %g cores with everything and the load "
        "generator on it (all of them full at %s webhooks/s of this mix). Cores used:\n",
        calibration->date, calibration->machine, calibration->cores,
        whole(plan->saturation_webhooks_s).text);
    for (enum bench_kind kind = 0; kind < BENCH_KINDS; kind++)
        print_curve(calibration, kind, out);
}

/* --- JSON --- */

struct field {
    const char *name;
    double value;
};

static void append_fields(const struct field *fields, size_t count, struct cc_buffer *out)
{
    for (size_t i = 0; i < count; i++)
        cc_buffer_printf(out, "%s\"%s\":%.10g", i ? "," : "", fields[i].name, fields[i].value);
}
#define APPEND(fields, out) append_fields(fields, sizeof(fields) / sizeof((fields)[0]), out)

static void append_text(const char *name, const char *value, struct cc_buffer *out)
{
    cc_buffer_printf(out, "\"%s\":", name);
    cc_buffer_json_string(out, cc_slice_of(value));
    cc_buffer_text(out, ",");
}

static void append_demand(const struct bench_demand *demand, struct cc_buffer *out)
{
    const struct field fields[] = {
        {"pbx_share", demand->pbx_share},
        {"attempts_per_user", demand->attempts_per_user},
        {"peak", demand->peak},
        {"busy_hour_share", demand->busy_hour_share},
        {"retention_days", demand->retention_days},
        {"utilisation", demand->utilisation},
        {"zones", demand->zones},
        {"core_speed", demand->core_speed},
        {"disk_slack", demand->disk_slack},
        {"wal_gb", demand->wal_gb},
        {"backup_share", demand->backup_share},
        {"answer_bytes", demand->answer_bytes},
        {"other_memory_mb", demand->other_memory_mb},
    };
    cc_buffer_text(out, "\"assumed\":{");
    APPEND(fields, out);
    cc_buffer_text(out, "},");
}

static void append_parts(const struct bench_plan *plan, struct cc_buffer *out)
{
    cc_buffer_text(out, ",\"parts\":{");
    for (size_t part = 0; part < BENCH_LOADER; part++) {
        const struct field fields[] = {{"processes", plan->parts[part].processes},
                                       {"cores_peak", plan->parts[part].cores_peak},
                                       {"us_per_webhook", plan->parts[part].us_per_webhook}};
        cc_buffer_printf(out, "%s\"%s\":{", part ? "," : "", bench_part_names[part]);
        APPEND(fields, out);
        cc_buffer_text(out, "}");
    }
    cc_buffer_text(out, "}");
}

void bench_plan_json(const struct bench_plan_subject *subject, const struct bench_plan *plan,
                     struct cc_buffer *out)
{
    const struct field fields[] = {
        {"users", subject->demand->users},
        {"calls_per_second", plan->calls_s},
        {"webhooks_per_call", plan->webhooks_per_call},
        {"webhooks_per_second", plan->webhooks_s},
        {"peak_webhooks_per_second", plan->peak_webhooks_s},
        {"records_per_day", plan->records_day},
        {"cells", plan->cells},
        {"users_per_cell", plan->users_per_cell},
        {"cell_webhooks_per_second", plan->cell_webhooks_s},
        {"redis_mb", plan->redis_mb},
        {"worker_mb", plan->worker_mb},
        {"spool_hours", plan->spool_hours},
        {"directory_gb", plan->directory_gb},
        {"records_gb", plan->records_gb},
        {"node_disk_gb", plan->node_disk_gb},
        {"vcpus_per_zone", plan->vcpus_per_zone},
        {"machines_per_zone", plan->machines_per_zone},
        {"memory_gb_per_zone", plan->memory_gb_per_zone},
        {"disk_gb", plan->disk_gb},
        {"backup_gb", plan->backup_gb},
        {"traffic_gb", plan->traffic_gb},
        {"busy", plan->busy},
        {"busy_zone_lost", plan->busy_zone_lost},
        {"headroom_zone_lost", plan->headroom},
        {"p99_ms", plan->p99_ms},
        {"p99_zone_lost_ms", plan->p99_zone_lost_ms},
        {"cost_month", plan->cost_month},
        {"cost_user_month", plan->cost_user},
        {"calibrated_saturation_webhooks_per_second", plan->saturation_webhooks_s},
    };
    cc_buffer_text(out, "{");
    append_text("country", subject->country, out);
    append_text("profile", subject->profile, out);
    append_text("template", subject->template->name, out);
    append_text("prices", subject->prices->name, out);
    append_text("currency", subject->prices->currency, out);
    append_text("cells_because", bench_limit_texts[plan->limit], out);
    append_text("calibrated_on", subject->calibration->machine, out);
    append_text("calibrated_at", subject->calibration->date, out);
    append_demand(subject->demand, out);
    APPEND(fields, out);
    append_parts(plan, out);
    cc_buffer_text(out, "}\n");
}

/* --- simulations --- */

static void print_share(const char *name, double value, double of, struct cc_buffer *out)
{
    cc_buffer_printf(out, "%-13s %s webhooks, %.4f %%\n", name, whole(value).text,
                     of > 0 ? value / of * 100 : 0);
}

void bench_simulated_print(const struct bench_simulation *simulation,
                           const struct bench_simulated *simulated, struct cc_buffer *out)
{
    cc_buffer_printf(out,
                     "%s users, %g countries of %g cells; failure: %s, %g of them, %s, for %g s; "
                     "seed %" PRIu64 "\n\n",
                     whole(simulation->users).text, simulation->countries, simulation->cells,
                     bench_failure_names[simulation->failure], simulation->failed,
                     simulation->silent ? "silent" : "reset", simulation->lasts_s,
                     simulation->seed);
    cc_buffer_printf(out, "simulated     %.1f s, %s webhooks, of these %s while it lasted\n",
                     simulated->simulated_s, whole(simulated->offered).text,
                     whole(simulated->offered_in_failure).text);
    print_share("by cells", simulated->by_cell, simulated->offered, out);
    print_share("by edges", simulated->by_edge, simulated->offered, out);
    print_share("unanswered", simulated->unanswered, simulated->offered, out);
    print_share("repeated", simulated->repeated, simulated->offered, out);
    cc_buffer_printf(out, "blast radius  %s cells in %s countries, %s users (%.2f %%)\n",
                     whole(simulated->cells_hit).text, whole(simulated->countries_hit).text,
                     whole(simulated->users_hit).text,
                     simulated->users_hit / simulation->users * 100);
    if (!simulated->recovered)
        cc_buffer_text(out, "recovery      never by itself: what is repeated keeps edges full\n");
    else
        cc_buffer_printf(out, "recovery      %.2f s after the failure's end\n",
                         simulated->recovery_s);
    double held_s = simulation->write_failover_s;
    if (simulation->failure == BENCH_FAIL_REGION && !simulation->standby)
        held_s = simulation->lasts_s;
    cc_buffer_printf(out, "writes        held in %s cells",
                     whole(simulated->cells_without_writes).text);
    if (simulated->cells_without_writes > 0)
        cc_buffer_printf(out, " for %.1f s", held_s);
    bool control = simulation->failure == BENCH_FAIL_CONTROL_PLANE;
    cc_buffer_printf(out, "\n%s", control ? "no call needs the control plane: changes wait\n" : "");
}

void bench_simulated_json(const struct bench_simulation *simulation,
                          const struct bench_simulated *simulated, struct cc_buffer *out)
{
    const struct field fields[] = {
        {"offered", simulated->offered},
        {"by_cell", simulated->by_cell},
        {"by_edge", simulated->by_edge},
        {"unanswered", simulated->unanswered},
        {"repeated", simulated->repeated},
        {"offered_in_failure", simulated->offered_in_failure},
        {"cells_hit", simulated->cells_hit},
        {"countries_hit", simulated->countries_hit},
        {"users_hit", simulated->users_hit},
        {"cells_without_writes", simulated->cells_without_writes},
        {"unanswered_until_s", simulated->unanswered_until_s},
        {"edge_answers_until_s", simulated->edge_answers_until_s},
        {"recovery_s", simulated->recovery_s},
        {"simulated_s", simulated->simulated_s},
    };
    cc_buffer_text(out, "{");
    append_text("failure", bench_failure_names[simulation->failure], out);
    cc_buffer_printf(out, "\"recovered\":%s,", simulated->recovered ? "true" : "false");
    APPEND(fields, out);
    cc_buffer_text(out, "}\n");
}
