/*
 * Whether a worker can do its work. Pure.
 *
 * To become ready it needs what cannot be had later within a call (routing map, sealing keys, time
 * zones) and somewhere to know numbers from: a store that is connected or, when all have failed or
 * none is there after CELL_READY_STORES_US, call plans on its own disk. Once ready it stays so: it
 * serves from memory and disk when stores die, degraded.
 */
#ifndef CELL_READINESS_H
#define CELL_READINESS_H

#include <stdbool.h>
#include <stdint.h>

/* For connections that hang; half of the second in which a worker must be up from disk alone. */
enum { CELL_READY_STORES_US = 500 * 1000 };

struct cell_readiness {
    int64_t started_us; /* when the loop began to run, monotonic */
    bool was_ready;
};

struct cell_readiness_facts {
    int64_t now_us;
    bool stopping;
    bool has_map;
    bool has_keys;
    bool has_zones;
    bool answers_calls; /* the role: without it no store of call plans is needed */
    bool redis_up;
    bool replica_up;
    bool primary_up;
    bool stores_failed; /* all: nothing is to be waited for */
    bool has_disk;      /* call plans were found there at start */
};

/* What is missing, as words; NULL: ready. */
const char *cell_readiness_missing(struct cell_readiness *readiness,
                                   const struct cell_readiness_facts *facts);

/* What a ready worker does without, as a JSON array of words; "[]": nothing. */
const char *cell_readiness_without(const struct cell_readiness_facts *facts);

#endif
