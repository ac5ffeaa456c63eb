/*
 * Answers of one turn of the loop: their records go into the spool with one write, then they leave.
 * A record that the spool does not take is held in memory; when that is full too the call is
 * answered all the same: counted, and logged at most once a second. Rim: the spool.
 */
#ifndef CELL_CALLS_OUTBOX_H
#define CELL_CALLS_OUTBOX_H

#include "base/call_record.h"
#include "cell/worker.h"

struct cell_outbox; /* opaque */

/* One answer; lives until send was called. */
struct cell_outgoing {
    void (*send)(struct cell_outgoing *outgoing);
    struct cc_buffer record; /* the outbox's own */
    struct cell_outgoing *next;
};

enum cc_error cell_outbox_create(struct cell_worker *worker,
                                 struct cell_outbox **out) CC_MUST_CHECK;
/* What lies in it is recorded and sent first. Before the loop's end; NULL is fine. */
void cell_outbox_free(struct cell_outbox *outbox);

/* Renders the record now, and calls send before the loop waits for anything again. */
void cell_outbox_put(struct cell_outbox *outbox, struct cell_outgoing *outgoing,
                     const struct cc_call_record *record);

#endif
