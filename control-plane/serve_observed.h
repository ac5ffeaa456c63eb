/*
 * What serve shows of the registry as telemetry: facts (facts.h) and how old each is, the newest
 * epochs, and what edges and workers report that they hold or refuse. Read again every 5 s; with
 * the registry gone the last one is shown, and its age. From serve's loop.
 */
#ifndef CP_SERVE_OBSERVED_H
#define CP_SERVE_OBSERVED_H

#include "base/buffer.h"
#include "base/io/pg.h"

struct cp_observed; /* opaque */

/* The pool is borrowed and outlives it. */
enum cc_error cp_observed_create(struct cc_loop *loop, struct cc_pg_pool *pool,
                                 struct cp_observed **out) CC_MUST_CHECK;
/* Before the pool is freed: no more reading. */
void cp_observed_stop(struct cp_observed *observed);
/* After the pool is freed. */
void cp_observed_free(struct cp_observed *observed);

/* Appends Prometheus text. */
void cp_observed_expose(const struct cp_observed *observed, struct cc_buffer *out);

/* How many rows of one kind are shown at most. */
enum { CP_OBSERVED_ROWS_MAX = 4096 };

#endif
