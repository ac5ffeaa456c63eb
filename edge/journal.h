/*
 * The journal: which decisions left for carriers that the cell may not know of. One spool per cell,
 * so that a dead cell holds back nobody else's records; handed to any worker of the cell once it is
 * back. What the spool refuses (its disk is full or fails, or its bound is reached) is held in
 * memory, delivered from there, and put into the spool as soon as it takes it. Rim: I/O.
 *
 * A batch that the cell refuses (400, 413, 422) is halved down to the one bad record, which goes to
 * <directory>/<cell>/quarantine.jsonl. Records of a cell that is no longer in the map are kept,
 * within the same bounds, until it is again.
 */
#ifndef EDGE_JOURNAL_H
#define EDGE_JOURNAL_H

#include "base/io/http_client.h"
#include "base/telemetry.h"
#include "edge/route.h"
#include "edge/upstream.h"

struct edge_journal; /* opaque */

struct edge_journal_options {
    struct cc_loop *loop;
    struct cc_http_client *http;
    const char *directory;
    int64_t maximum_bytes;                  /* over all cells; one cell may fill half of it */
    int64_t memory_maximum_bytes;           /* as well */
    const struct edge_countries *countries; /* for the cells' tokens */
    struct edge_upstreams *upstreams;
    struct cc_telemetry *telemetry;
};
/* Finds what an earlier run left and begins to deliver it. Texts are copied; the rest outlives it.
 */
enum cc_error edge_journal_create(const struct edge_journal_options *options,
                                  struct edge_journal **out) CC_MUST_CHECK;
/* Syncs and closes; what is not delivered stays for the next run. What memory holds goes to the
 * spool; what that does not take is counted as lost. */
void edge_journal_free(struct edge_journal *journal);

/* With the kernel when it returns, or in memory. A record that neither takes is counted and logged
 * here: the call is answered all the same. */
void edge_journal_append(struct edge_journal *journal, struct cc_slice cell,
                         struct cc_slice record);

/* Wall clock when the oldest waiting record was written; 0: none waits. */
int64_t edge_journal_oldest_us(const struct edge_journal *journal);

/* Waiting records of one cell, or of all with an empty id. */
uint64_t edge_journal_records(const struct edge_journal *journal, struct cc_slice cell);

#endif
