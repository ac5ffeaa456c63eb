/*
 * What a failure costs: many countries with many cells, carriers that repeat, edges that answer by
 * themselves. Flows of webhooks in steps of time, not single calls, so that 10,000 cells and 100
 * million users take seconds. Pure; the same seed gives the same figures.
 *
 * A webhook goes to its first edge; a reset sends it to the second one at once, 400 ms of silence
 * too; 1.0 s after it was first sent it is unanswered. Edges and cells are queues with a constant
 * rate. What a cell cannot take within its share of 350 ms, or cannot take at all, the edge
 * answers.
 */
#ifndef BENCH_SIMULATE_H
#define BENCH_SIMULATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { BENCH_ZONES_MAX = 8 };

enum bench_failure {
    BENCH_FAIL_NOTHING,
    BENCH_FAIL_CELL,          /* all workers of some cells */
    BENCH_FAIL_ZONE,          /* a zone of some countries: edges, workers and primaries in it */
    BENCH_FAIL_REGION,        /* all edges and cells of some countries */
    BENCH_FAIL_CONTROL_PLANE, /* no call needs it */
    BENCH_FAIL_RETRY_STORM,   /* some countries' carriers send several times as much */
    BENCH_FAILURES
};
extern const char *const bench_failure_names[BENCH_FAILURES];

struct bench_simulation {
    double countries, cells; /* cells of each country */
    double users;            /* of all countries */
    double webhooks_user_hour;
    double size_spread;   /* sigma of the logarithm of cells' sizes */
    double zones;         /* of each country; 1 to BENCH_ZONES_MAX */
    double edge_headroom; /* with all zones: capacity against load, less 1; from 0 */
    double cell_headroom;
    enum bench_failure failure;
    double failed; /* cells, or countries, that it hits */
    double begins_s, lasts_s;
    bool silent;  /* what fails swallows packets; else its connections are reset */
    bool standby; /* cells have a standby site elsewhere with workers, and carriers' second
                     edge is there */
    bool second_edge_elsewhere; /* than in the country's region */
    double storm;               /* times the load of a retry storm */
    double eject_s;  /* until edges pass over silent workers: hedge and share of an attempt */
    double return_s; /* from the repair to the first answers of a cell's workers */
    double write_failover_s; /* until writes are taken again when a primary is lost */
    uint64_t seed;
};
extern const struct bench_simulation bench_simulation_defaults;

struct bench_simulated {
    double offered, by_cell, by_edge, unanswered; /* webhooks; the first is the sum of the others */
    double repeated;                              /* sent to the second edge too */
    double offered_in_failure;                    /* from its beginning to its end, everywhere */
    double cells_hit, countries_hit, users_hit;   /* had an edge answer, or none */
    double cells_without_writes;                  /* for write_failover_s, or as long as it lasts */
    double unanswered_until_s;                    /* after the beginning; 0: none was */
    double edge_answers_until_s;
    double recovery_s; /* from the end of the failure until cells answer all again */
    bool recovered;    /* false: five minutes after the failure edges' queues were still long */
    double simulated_s;
};

/* CC_NO_MEMORY. */
enum cc_error bench_simulate(const struct bench_simulation *simulation,
                             struct bench_simulated *out) CC_MUST_CHECK;

#endif
