/*
 * Call records into Postgres, and a call's events out of it. Rim: Postgres.
 *
 * Ingest takes records in one transaction. Two kinds are put apart, each into a file of its own:
 *
 *   refused   Postgres refuses a batch for what stands in one record (bad data): the batch is
 *             halved until the one is alone. Those of all batches are kept together once all else
 *             is committed; a disk that does not take them fails the whole.
 *   clashing  its event id is another event's of the tenant's day (a carrier gave it twice): the
 *             rest of the batch is committed, and ingest says which these are. What the disk, or
 *             the bound of their file, does not take is lost and counted: nobody else's records
 *             wait for it.
 *
 * Whatever else goes wrong fails the whole, to be tried again: ingest is idempotent, and says the
 * same again.
 */
#ifndef CELL_EVENTS_STORE_H
#define CELL_EVENTS_STORE_H

#include "base/buffer.h"
#include "cell/worker.h"

enum { CELL_INGEST_MAX = 500 }; /* records in one transaction */

struct cell_event_store; /* opaque */
/* Records put apart are appended to the files, one a line: refused and clashing ones. */
enum cc_error cell_event_store_create(struct cell_worker *worker, const char *quarantine_file,
                                      const char *clashes_file,
                                      struct cell_event_store **out) CC_MUST_CHECK;
/* Ingests under way end with CC_CANCELLED. */
void cell_event_store_free(struct cell_event_store *store);
bool cell_event_store_is_up(const struct cell_event_store *store);

/* Embedded in its owner; records are the owner's until on_done. */
struct cell_ingest {
    const struct cc_slice *records; /* each one JSON object */
    size_t count;
    int64_t deadline_us;
    /* CC_OK: all are committed or put apart. */
    void (*on_done)(struct cell_ingest *ingest, enum cc_error error);
    size_t quarantined; /* put apart: in a file, or lost and counted */
    struct cell_event_store *_store;
    size_t _first; /* records before it are done */
    size_t _size;  /* of the batch under way */
    enum cell_ingest_apart { CELL_NOT_APART, CELL_REFUSED, CELL_CLASHES } _apart[CELL_INGEST_MAX];
};
/* on_done once, never before this returns; on an error not at all. */
enum cc_error cell_ingest_start(struct cell_event_store *store,
                                struct cell_ingest *ingest) CC_MUST_CHECK;

/* Day partitions from yesterday to days ahead, and the old ones of the inbox away. Logs its
 * outcome. more: there is more to take away than fits one transaction. */
void cell_event_store_ensure_partitions(struct cell_event_store *store, int64_t days,
                                        void (*on_done)(void *context, enum cc_error error,
                                                        bool more),
                                        void *context);

/* A call's events, oldest first, as one JSON array in column 0 of the only row. */
enum cc_error cell_event_store_list(struct cell_event_store *store, struct cc_slice tenant,
                                    struct cc_slice call_id, int64_t deadline_us, cc_pg_done done,
                                    void *context) CC_MUST_CHECK;

#endif
