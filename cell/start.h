/*
 * A worker put together: the order of start and stop. Rim: I/O.
 *
 *   start: settings, zones, Redis, spool, country (from disk), services with the call plans on
 * disk, server; ready as readiness.h says stop:  call plans to disk, server drains (drain_ms) ->
 * shipper ships what it can (2 s) -> services -> connections -> end
 */
#ifndef CELL_START_H
#define CELL_START_H

#include "cell/worker.h"

/* Everything running; then cc_loop_run until SIGTERM. Logs what is wrong. Call cell_worker_free in
 * both cases. */
enum cc_error cell_worker_start(struct cell_settings *settings,
                                struct cell_worker **out) CC_MUST_CHECK;
void cell_worker_run(struct cell_worker *worker);
void cell_worker_free(struct cell_worker *worker);

#endif
