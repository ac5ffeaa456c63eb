/*
 * A bounded append-only log of records on local disk: a worker's call records and an edge's
 * journal.
 *
 * Folder of segment files "00000000000000000042.spool" (42: number of the first record) of frames
 * (spool_frame.h). A torn tail is cut when the folder is opened; what follows damage within a
 * segment is skipped. A record is with the kernel (write) when cc_spool_append returns: it survives
 * kill -9; fdatasync follows within sync_interval_ms on the thread pool, one for all records of
 * that time and one at a time: a power cut loses at most that, on a disk that answers. The file
 * "acknowledged" holds the number of the first record not yet shipped; segments below it are
 * deleted. It is not synced: after a power cut some records are shipped again, and the receiver
 * takes each once. A lock file keeps a second process out.
 *
 *   segments   [ 1 .. 40 ][ 41 .. 97 ][ 98 .. 103 ]   <- append
 *                   ^ cursor: first unacknowledged record; reads start here
 */
#ifndef CC_IO_SPOOL_H
#define CC_IO_SPOOL_H

#include "base/buffer.h"
#include "base/io/loop.h"

struct cc_spool; /* opaque */

struct cc_spool_options {
    const char *directory;    /* made if absent, mode 0700 */
    int64_t segment_bytes;    /* default 16 MiB */
    int64_t maximum_bytes;    /* default 1 GiB; then CC_FULL */
    int64_t record_max;       /* bytes of one record, default 64 KiB */
    int64_t sync_interval_ms; /* default 50 */
    bool adopts; /* another process's, left behind: it must be there, and the time of its
                    lock file stays (what says when its owner last opened it) */
};
/* CC_CONFLICT: another process holds it, for as long as it lives. CC_CORRUPT is never returned:
 * damage is cut, counted, logged. */
enum cc_error cc_spool_open(struct cc_loop *loop, const struct cc_spool_options *options,
                            struct cc_spool **out) CC_MUST_CHECK;
/* Opening reads all that is not shipped. With loop NULL it may run on any thread; then this comes
 * before all else but closing, on the loop. */
void cc_spool_attach(struct cc_spool *spool, struct cc_loop *loop);
/* Closes; the last sync is left to the thread pool. */
void cc_spool_close(struct cc_spool *spool);

/* Short enough for a spool with these options: appending it is never CC_TOO_LARGE. */
bool cc_spool_fits(const struct cc_spool *spool, struct cc_slice record);
/* CC_FULL (bound reached or disk full), CC_TOO_LARGE, CC_IO. */
enum cc_error cc_spool_append(struct cc_spool *spool, struct cc_slice record) CC_MUST_CHECK;
/* The same for several, in this order, with as few writes as their segments allow. *taken: how many
 * are in the spool; the error is that of the first that is not. */
enum cc_error cc_spool_append_all(struct cc_spool *spool, const struct cc_slice *records,
                                  size_t count, size_t *taken) CC_MUST_CHECK;

struct cc_spool_batch {
    uint64_t first; /* number of the first record */
    size_t count;
    struct cc_slice *records; /* borrowed until cc_spool_batch_free */
    struct cc_buffer _bytes;
};
/* Up to count_max records and about bytes_max bytes from the first unacknowledged one. count 0:
 * none. */
enum cc_error cc_spool_read(struct cc_spool *spool, size_t count_max, size_t bytes_max,
                            struct cc_spool_batch *out) CC_MUST_CHECK;
void cc_spool_batch_free(struct cc_spool_batch *batch);
/* Everything below next (first + count of a batch, or less) is shipped. */
enum cc_error cc_spool_acknowledge(struct cc_spool *spool, uint64_t next) CC_MUST_CHECK;

struct cc_spool_state {
    uint64_t records;  /* not yet acknowledged */
    int64_t bytes;     /* on disk */
    int64_t oldest_us; /* wall clock when the oldest unacknowledged record was appended, 0: none */
    uint64_t cut;      /* damaged tails cut since opening */
    uint64_t sync_failures; /* since opening: what they covered may not be on the disk */
};
struct cc_spool_state cc_spool_state(const struct cc_spool *spool);

/* How many whole records in this folder are not shipped, whoever holds it, or nobody. Reads only,
 * and may block. Too high while its owner ships, never too low. CC_NOT_FOUND, CC_IO. */
enum cc_error cc_spool_left(const char *directory, uint64_t *out) CC_MUST_CHECK;

/* Shows each of these records, oldest first, to see, which may keep none of its bytes. One that is
 * shipped meanwhile may be shown or not. */
enum cc_error cc_spool_look(const char *directory,
                            void (*see)(void *context, struct cc_slice record),
                            void *context) CC_MUST_CHECK;

#endif
