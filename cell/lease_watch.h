/*
 * Keeps the worker's lease as new as its file, and is the guard of every pool that writes: a
 * transaction begins with fencing.require(term). Rim: reads the disk, every 250 ms and off the
 * loop.
 *
 * A lease that is not signed, of another cell or of a lower term is refused, counted and logged;
 * the one held stays, as it does when the file is gone. Without any, term 0 is required, and
 * nothing can be written.
 */
#ifndef CELL_LEASE_WATCH_H
#define CELL_LEASE_WATCH_H

#include "base/io/loop.h"
#include "base/io/pg.h"
#include "base/telemetry.h"
#include "cell/lease.h"

struct cell_lease_watch; /* opaque */

struct cell_lease_watch_options {
    const char *file; /* and <file>.sig beside it */
    const char *public_key_file;
    const char *cell;
    struct cc_telemetry *telemetry; /* CELL_TELEMETRY */
};
/* Reads once, blocking. Texts are copied. CC_IO, CC_INVALID: no keys to verify by. */
enum cc_error cell_lease_watch_create(struct cc_loop *loop,
                                      const struct cell_lease_watch_options *options,
                                      struct cell_lease_watch **out) CC_MUST_CHECK;
/* After the pools that it guards. */
void cell_lease_watch_free(struct cell_lease_watch *watch);

const struct cc_pg_guard *cell_lease_watch_guard(const struct cell_lease_watch *watch);
const struct cell_lease *cell_lease_watch_held(const struct cell_lease_watch *watch);

#endif
