/*
 * One step of one country, in the order of a webhook's way:
 *
 *   new webhooks ─┬─> queue of the first edge's zone ──> answered in time? ─┬─> cell's queue ─> by
 * cell │        │ more than 400 ms to wait                       │      │ full, gone │        v │ v
 *                 └─> repeats (400 ms later) ──> queue of the next zone ────┘   by edge
 *                       reset: at once                 │ more than 1.0 s in all
 *                                                      v
 *                                                  unanswered
 *
 * A queue is FIFO with a constant rate, so what waits is known on arrival: length / rate. Countries
 * that nothing hits are not stepped: their cells answer all.
 */
#include "bench/simulate.h"

#include <math.h>
#include <stdlib.h>

const char *const bench_failure_names[BENCH_FAILURES] = {
    [BENCH_FAIL_NOTHING] = "nothing",
    [BENCH_FAIL_CELL] = "cell",
    [BENCH_FAIL_ZONE] = "zone",
    [BENCH_FAIL_REGION] = "region",
    [BENCH_FAIL_CONTROL_PLANE] = "control-plane",
    [BENCH_FAIL_RETRY_STORM] = "retry-storm",
};

/* Measured: docs/recovery-times.md (both workers killed; the primary's node lost) and
 * docs/adr/0012 (120 ms to eject a frozen worker). */
const struct bench_simulation bench_simulation_defaults = {
    .countries = 1,
    .cells = 1,
    .users = 250000,
    .webhooks_user_hour = 7.5,
    .size_spread = 0.3,
    .zones = 2,
    .edge_headroom = 1.86,
    .cell_headroom = 1.86,
    .failed = 1,
    .begins_s = 10,
    .lasts_s = 60,
    .storm = 10,
    .eject_s = 0.12,
    .return_s = 0.21,
    .write_failover_s = 4.86,
    .seed = 1,
};

/* STEP divides SILENCE. */
static const double STEP_S = 0.02, SILENCE_S = 0.4, BUDGET_S = 1.0, CELL_SHARE_S = 0.35;
static const double SETTLED_S = 5, GIVE_UP_S = 300, NOTHING = 1e-9;
enum { REPEAT_STEPS = 20 };

struct cell {
    double users;
    double rate;  /* webhooks/s offered */
    double queue; /* webhooks */
    bool hit;     /* its workers fail */
    bool was_hit; /* an answer of it was the edge's, or none came */
};

/* Webhooks that wait to be repeated at the next zone's edge. */
struct repeat {
    double webhooks;
    double first_wait_s; /* what the first edge would take; INFINITY: never */
};

struct country {
    struct cell *cells; /* borrowed */
    size_t cell_count;
    double users, rate;
    bool hit;
    double edge_queue[BENCH_ZONES_MAX];
    struct repeat repeats[BENCH_ZONES_MAX][REPEAT_STEPS];
};

struct world {
    const struct bench_simulation *simulation;
    struct bench_simulated *out;
    struct cell *cells;
    struct country *countries;
    size_t cell_count, country_count, zones;
    uint64_t random;
    double now_s;
    size_t step;
};

/* splitmix64 */
static uint64_t random_bits(struct world *world)
{
    uint64_t z = (world->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double uniform(struct world *world)
{
    return (double)(random_bits(world) >> 11) / 9007199254740992.0;
}

/* About normal: the sum of twelve uniform ones. */
static double normal(struct world *world)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += uniform(world);
    return sum;
}

/* --- the world before anything happens --- */

static void make_sizes(struct world *world)
{
    const struct bench_simulation *simulation = world->simulation;
    double sum = 0;
    for (size_t i = 0; i < world->cell_count; i++) {
        world->cells[i].users = exp(simulation->size_spread * normal(world));
        sum += world->cells[i].users;
    }
    for (size_t i = 0; i < world->cell_count; i++) {
        struct cell *cell = &world->cells[i];
        cell->users *= simulation->users / sum;
        cell->rate = cell->users * simulation->webhooks_user_hour / 3600;
    }
}

static void make_countries(struct world *world)
{
    size_t each = world->cell_count / world->country_count;
    for (size_t i = 0; i < world->country_count; i++) {
        struct country *country = &world->countries[i];
        country->cells = &world->cells[i * each];
        country->cell_count = each;
        for (size_t j = 0; j < each; j++) {
            country->users += country->cells[j].users;
            country->rate += country->cells[j].rate;
        }
    }
}

/* One after the other from a place that the seed picks. */
static void choose_hit(struct world *world)
{
    const struct bench_simulation *simulation = world->simulation;
    enum bench_failure failure = simulation->failure;
    size_t wanted = (size_t)simulation->failed;
    size_t first = (size_t)(random_bits(world) >> 1);
    if (failure == BENCH_FAIL_NOTHING || failure == BENCH_FAIL_CONTROL_PLANE)
        return;
    bool of_cells = failure == BENCH_FAIL_CELL;
    size_t count = of_cells ? world->cell_count : world->country_count;
    for (size_t i = 0; i < wanted && i < count; i++) {
        size_t at = (first + i) % count;
        size_t each = world->cell_count / world->country_count;
        if (of_cells)
            world->cells[at].hit = true;
        world->countries[of_cells ? at / each : at].hit = true;
    }
    for (size_t i = 0; failure == BENCH_FAIL_REGION && i < world->cell_count; i++)
        world->cells[i].hit = world->countries[i * world->country_count / world->cell_count].hit;
}

/* --- what is up --- */

static bool failing(const struct world *world)
{
    const struct bench_simulation *simulation = world->simulation;
    return world->now_s >= simulation->begins_s &&
           world->now_s < simulation->begins_s + simulation->lasts_s;
}

static bool edge_is_up(const struct world *world, size_t zone)
{
    enum bench_failure failure = world->simulation->failure;
    if (!failing(world))
        return true;
    return failure != BENCH_FAIL_REGION && (failure != BENCH_FAIL_ZONE || zone != 0);
}

/* Whether the second edge of a zone's carriers is one outside of the region. */
static bool has_edge_elsewhere(const struct world *world)
{
    return world->simulation->second_edge_elsewhere || world->simulation->standby;
}

static double edge_rate(const struct world *world, const struct country *country)
{
    return country->rate * (1 + world->simulation->edge_headroom) / (double)world->zones;
}

/* Webhooks a second that a cell's workers take now. */
static double cell_rate(const struct world *world, const struct cell *cell)
{
    const struct bench_simulation *simulation = world->simulation;
    double all = cell->rate * (1 + simulation->cell_headroom);
    double since_s = world->now_s - simulation->begins_s;
    bool away = since_s >= 0 && since_s < simulation->lasts_s + simulation->return_s;
    if (cell->hit && away) {
        bool noticed = !simulation->silent || since_s >= simulation->eject_s;
        return simulation->standby && noticed ? all : 0;
    }
    if (simulation->failure == BENCH_FAIL_ZONE && away)
        return all * (double)(world->zones - 1) / (double)world->zones;
    return all;
}

/* --- a webhook's way --- */

static double wait_at(const struct world *world, const struct country *country, size_t zone)
{
    return country->edge_queue[zone] / edge_rate(world, country);
}

/* Gives how long they wait. What would wait for longer than carriers do costs the edge nothing: its
 * connection is closed before it is read. */
static double queue_at(const struct world *world, struct country *country, size_t zone,
                       double webhooks)
{
    double wait_s = wait_at(world, country, zone);
    if (wait_s > BUDGET_S)
        return INFINITY;
    country->edge_queue[zone] += webhooks;
    return wait_s;
}

static void count_unanswered(struct world *world, struct country *country, double webhooks)
{
    struct bench_simulated *out = world->out;
    if (webhooks <= NOTHING)
        return;
    out->unanswered += webhooks;
    out->unanswered_until_s = world->now_s + STEP_S - world->simulation->begins_s;
    for (size_t i = 0; i < country->cell_count; i++)
        country->cells[i].was_hit = true;
}

/* The webhooks that edges took in time go on to their cells. */
static void ask_cells(struct world *world, struct country *country, double webhooks)
{
    struct bench_simulated *out = world->out;
    for (size_t i = 0; i < country->cell_count; i++) {
        struct cell *cell = &country->cells[i];
        double mine = webhooks * cell->rate / country->rate;
        double rate = cell_rate(world, cell);
        double room = rate * STEP_S + fmax(rate * CELL_SHARE_S - cell->queue, 0);
        double taken = fmin(mine, room);
        cell->queue = fmax(cell->queue + taken - rate * STEP_S, 0);
        if (rate <= 0)
            cell->queue = 0;
        out->by_cell += taken;
        out->by_edge += mine - taken;
        if (mine - taken > NOTHING) {
            cell->was_hit = true;
            out->edge_answers_until_s = world->now_s + STEP_S - world->simulation->begins_s;
        }
    }
}

/* At the second edge, waited_s after the first attempt; gives what it answers in time. */
static double ask_second(struct world *world, struct country *country, size_t first,
                         double webhooks, double waited_s, double first_wait_s)
{
    size_t zone = (first + 1) % world->zones;
    double wait_s = 0; /* an edge elsewhere has room */
    if (webhooks <= 0)
        return 0;
    world->out->repeated += webhooks;
    if (edge_is_up(world, zone) && zone != first) {
        wait_s = queue_at(world, country, zone, webhooks);
    } else if (!has_edge_elsewhere(world)) {
        wait_s = INFINITY;
    }
    if (fmin(first_wait_s, waited_s + wait_s) <= BUDGET_S)
        return webhooks;
    count_unanswered(world, country, webhooks);
    return 0;
}

/* At the first edge; gives what is answered in time without a repeat. */
static double ask_first(struct world *world, struct country *country, size_t zone, double webhooks)
{
    struct repeat *later = &country->repeats[zone][world->step % REPEAT_STEPS];
    double due = ask_second(world, country, zone, later->webhooks, SILENCE_S, later->first_wait_s);
    *later = (struct repeat){0};
    if (!edge_is_up(world, zone)) {
        country->edge_queue[zone] = 0;
        if (!world->simulation->silent)
            return due + ask_second(world, country, zone, webhooks, 0, INFINITY);
        *later = (struct repeat){.webhooks = webhooks, .first_wait_s = INFINITY};
        return due;
    }
    double wait_s = queue_at(world, country, zone, webhooks);
    if (wait_s <= SILENCE_S)
        return due + webhooks;
    *later = (struct repeat){.webhooks = webhooks, .first_wait_s = wait_s};
    return due;
}

static void step_country(struct world *world, struct country *country)
{
    const struct bench_simulation *simulation = world->simulation;
    double webhooks = country->rate * STEP_S;
    if (simulation->failure == BENCH_FAIL_RETRY_STORM && failing(world))
        webhooks *= simulation->storm;
    world->out->offered += webhooks;
    if (failing(world))
        world->out->offered_in_failure += webhooks;
    double in_time = 0;
    for (size_t zone = 0; zone < world->zones; zone++)
        in_time += ask_first(world, country, zone, webhooks / (double)world->zones);
    double served = edge_rate(world, country) * STEP_S;
    for (size_t zone = 0; zone < world->zones; zone++)
        country->edge_queue[zone] = fmax(country->edge_queue[zone] - served, 0);
    ask_cells(world, country, in_time);
}

/* After the last step: what was waiting to be repeated is repeated. */
static void settle(struct world *world, struct country *country)
{
    for (size_t i = 0; i < REPEAT_STEPS; i++, world->step++)
        for (size_t zone = 0; zone < world->zones; zone++) {
            struct repeat *later = &country->repeats[zone][world->step % REPEAT_STEPS];
            ask_cells(
                world, country,
                ask_second(world, country, zone, later->webhooks, SILENCE_S, later->first_wait_s));
            *later = (struct repeat){0};
        }
}

static bool quiet(const struct world *world)
{
    double busy = 0;
    for (size_t i = 0; i < world->country_count; i++)
        for (size_t zone = 0; zone < world->zones && world->countries[i].hit; zone++)
            busy = fmax(busy, wait_at(world, &world->countries[i], zone));
    return busy < STEP_S * 2;
}

/* Until the failure is over and the queues have been short for a while; false: they stay long,
 * since what is repeated keeps them so. */
static bool run(struct world *world)
{
    const struct bench_simulation *simulation = world->simulation;
    double over_s = simulation->begins_s + simulation->lasts_s + simulation->return_s;
    double quiet_since_s = over_s;
    while (world->now_s < fmax(over_s, quiet_since_s) + SETTLED_S) {
        for (size_t i = 0; i < world->country_count; i++)
            if (world->countries[i].hit)
                step_country(world, &world->countries[i]);
        world->step++;
        world->now_s = (double)world->step * STEP_S;
        if (!quiet(world))
            quiet_since_s = world->now_s;
        if (world->now_s > over_s + GIVE_UP_S)
            return false;
    }
    return true;
}

static void count_untouched(struct world *world)
{
    struct bench_simulated *out = world->out;
    for (size_t i = 0; i < world->country_count; i++) {
        const struct country *country = &world->countries[i];
        if (country->hit)
            continue;
        out->offered += country->rate * world->now_s;
        out->by_cell += country->rate * world->now_s;
        out->offered_in_failure += country->rate * world->simulation->lasts_s;
    }
}

static void count_hit(struct world *world)
{
    const struct bench_simulation *simulation = world->simulation;
    struct bench_simulated *out = world->out;
    for (size_t i = 0; i < world->country_count; i++) {
        struct country *country = &world->countries[i];
        double users = 0;
        for (size_t j = 0; j < country->cell_count; j++) {
            const struct cell *cell = &country->cells[j];
            out->cells_hit += cell->was_hit;
            users += cell->was_hit ? cell->users : 0;
            /* A zone has a share of the primaries. */
            if (country->hit && simulation->failure == BENCH_FAIL_ZONE)
                out->cells_without_writes += j % world->zones == 0;
            out->cells_without_writes += simulation->failure == BENCH_FAIL_REGION && cell->hit;
        }
        out->users_hit += users;
        out->countries_hit += users > 0;
    }
    out->recovery_s =
        fmax(fmax(out->edge_answers_until_s, out->unanswered_until_s) - simulation->lasts_s, 0);
    out->simulated_s = world->now_s;
}

enum cc_error bench_simulate(const struct bench_simulation *simulation, struct bench_simulated *out)
{
    *out = (struct bench_simulated){0};
    struct world world = {.simulation = simulation,
                          .out = out,
                          .random = simulation->seed,
                          .zones = (size_t)simulation->zones,
                          .country_count = (size_t)simulation->countries,
                          .cell_count = (size_t)simulation->countries * (size_t)simulation->cells};
    enum cc_error error = CC_NO_MEMORY;
    world.cells = calloc(world.cell_count, sizeof(*world.cells));
    world.countries = calloc(world.country_count, sizeof(*world.countries));
    if (world.cells && world.countries) {
        make_sizes(&world);
        make_countries(&world);
        choose_hit(&world);
        out->recovered = run(&world);
        error = CC_OK;
        for (size_t i = 0; i < world.country_count; i++)
            if (world.countries[i].hit)
                settle(&world, &world.countries[i]);
        count_untouched(&world);
        count_hit(&world);
    }
    free(world.cells);
    free(world.countries);
    return error;
}
