/*
 * A worker put together: the order of start and stop. Rim: I/O.
 *
 *   start: settings, country (from disk), spool, Redis, services, server       ready
 *   stop:  server drains -> shipper ships what it can -> services -> connections -> end
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
