/*
 * CPU and memory of every service of a platform, found from its home: what runit supervises there,
 * each service with all its descendants (a Postgres with its backends). Rim: reads /proc, on a
 * thread of the pool.
 */
#ifndef BENCH_PROCESSES_H
#define BENCH_PROCESSES_H

#include "base/io/loop.h"

enum { BENCH_SERVICES_MAX = 128, BENCH_SERVICE_NAME_MAX = 64, BENCH_PSS_EVERY = 5 };

struct bench_usage {
    uint32_t at_ms;   /* since the first sample */
    uint32_t cpu_ms;  /* per second, since the sample before */
    uint32_t rss_kib; /* pages shared by several processes of it count several times */
    uint32_t pss_kib; /* shared pages divided among all who share them; of every fifth sample */
    uint32_t processes;
};

struct bench_service {
    char name[BENCH_SERVICE_NAME_MAX];
    struct bench_usage *samples; /* sample_count, one per sampling from the start; 0 while absent */
    uint64_t cpu_ticks;          /* of the processes seen in the last sample */
};

struct bench_processes; /* opaque */

/* home: as ./dev up knows it. Includes this process, as "callcell-bench". */
enum cc_error bench_processes_create(struct cc_loop *loop, const char *home,
                                     struct bench_processes **out) CC_MUST_CHECK;
/* Runs the loop until no sampling is under way; before bench_processes_free. */
void bench_processes_finish(struct bench_processes *processes);
void bench_processes_free(struct bench_processes *processes);

/* Takes one sample in the background; when the one before has not ended, none. */
void bench_processes_sample(struct bench_processes *processes);

/* For reading when the run is over. */
const struct bench_service *bench_processes_services(const struct bench_processes *processes,
                                                     size_t *service_count, size_t *sample_count);

#endif
