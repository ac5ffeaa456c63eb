/* What spool.c and spool_open.c share. Not for others. */
#ifndef CC_IO_SPOOL_PRIVATE_H
#define CC_IO_SPOOL_PRIVATE_H

#include "base/io/spool.h"

enum {
    SPOOL_NAME_BYTES = 32,
    SPOOL_MARK_BYTES = 12 /* the file "acknowledged": number (8), CRC-32C of it (4) */
};

struct segment {
    uint64_t first; /* number of its first record */
    uint64_t count; /* readable records */
    int64_t bytes;  /* of readable frames */
};

struct place {
    uint64_t number; /* of the record here */
    size_t segment;  /* index */
    int64_t offset;
};

struct cc_spool {
    struct cc_loop *loop;
    struct cc_spool_options options;
    int folder, lock, mark, active; /* descriptors; active: the last segment's, -1: none yet */
    struct segment *segments;
    size_t segment_count, segment_capacity;
    struct place cursor, read_end; /* read_end: where the last batch ended */
    int64_t total_bytes;
    int64_t oldest_us;
    uint64_t cut;
    bool dirty;        /* written since the last fdatasync was ordered */
    bool folder_dirty; /* a segment was made since */
    struct cc_deadline sync;
    struct spool_syncs *syncs;
};

/* spool_sync.c. */
struct spool_syncs *spool_syncs_create(void); /* NULL: out of memory */
/* Goes on with what is ordered, then frees itself; NULL is fine. */
void spool_syncs_abandon(struct spool_syncs *syncs);
/* Takes both descriptors; -1: none. */
void spool_syncs_order(struct spool_syncs *syncs, struct cc_loop *loop, int file, int folder);
bool spool_syncs_is_busy(const struct spool_syncs *syncs);
uint64_t spool_syncs_failures(const struct spool_syncs *syncs);

/* "<first, 20 digits>.spool" */
void spool_segment_name(uint64_t first, char name[SPOOL_NAME_BYTES]);
/* Descriptor or -1 with errno. */
int spool_open_segment(const struct cc_spool *spool, uint64_t first, int flags);
enum cc_error spool_add_segment(struct cc_spool *spool, uint64_t first) CC_MUST_CHECK;
/* Counts and logs damage that was passed over. */
void spool_note_cut(struct cc_spool *spool, const struct segment *segment, int64_t lost_bytes);

/* Opens the folder's files and counts what the segments hold; runs before the loop, may block. */
enum cc_error spool_open_folder(struct cc_spool *spool) CC_MUST_CHECK;
/* The number in the file "acknowledged"; 0 when there is none. */
uint64_t spool_read_mark(const struct cc_spool *spool);

#endif
