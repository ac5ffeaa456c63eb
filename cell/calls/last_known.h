/*
 * A worker's last-known call plans on its own disk: loaded at start, written while it runs and at
 * the end, so that a worker that starts with everything else dead still answers. Rim: the disk.
 *
 *   start: file -> plan cache, as entries from disk, flows -> flow cache
 *   plans_interval_ms: something changed -> gather references, a slice of them per round of
 *               the loop -> thread: checksum, tmp, fsync, rename -> release references, in slices
 * too stop:  once more, at once
 *
 * Why entries go into the plan cache and not into a table of their own: a snapshot is then what
 * memory holds, and what was on disk and not asked for since is carried over by itself. Why the
 * file is written whole and not appended to: one checksum and one rename make it right or absent,
 * there is nothing to compact, and 100,000 plans take a thread a fraction of a second. What is
 * written is bounded to WRITE_BYTES_PER_S on average: a large set is written less often. A kill
 * loses what was learned since the last one: no more than Redis or Postgres hold anyway.
 */
#ifndef CELL_CALLS_LAST_KNOWN_H
#define CELL_CALLS_LAST_KNOWN_H

#include "cell/calls/plan_cache.h"
#include "cell/flows/flow_cache.h"
#include "cell/worker.h"

struct cell_last_known; /* opaque */

/* Loads what is there; a file that is refused is counted and logged, and nothing is taken from it.
 * The caches are the caller's, and outlive it. Blocking: before the loop runs. CC_NO_MEMORY. */
enum cc_error cell_last_known_create(struct cell_worker *worker, struct cell_plan_cache *plans,
                                     struct cell_flow_cache *flows,
                                     struct cell_last_known **out) CC_MUST_CHECK;
/* A write on the thread pool may be under way: it ends by itself. */
void cell_last_known_free(struct cell_last_known *known);

size_t cell_last_known_loaded(const struct cell_last_known *known); /* call plans, at start */

/* Before the end: begins to write once more when something changed, and nothing afterwards. The
 * thread pool's work is waited for by cc_loop_free. */
void cell_last_known_finish(struct cell_last_known *known);

#endif
