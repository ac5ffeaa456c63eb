/*
 * The file of a snapshot (cell/model/snapshot.h), whole or not at all. Rim: the disk. Blocking.
 */
#ifndef CELL_CALLS_SNAPSHOT_FILE_H
#define CELL_CALLS_SNAPSHOT_FILE_H

#include "cell/model/snapshot.h"

struct cell_snapshot_record {
    struct cell_snapshot_item *item; /* a reference, the owner's */
    uint8_t head[CELL_SNAPSHOT_RECORD_HEAD];
};

#define CELL_SNAPSHOT_FILE_MAX (INT64_C(1) << 30)

/* The caller free()s *out, also after an error. CC_NOT_FOUND: there is none. CC_IO, CC_TOO_LARGE,
 * CC_NO_MEMORY. */
enum cc_error cell_snapshot_file_read(const char *directory, char **out,
                                      size_t *out_length) CC_MUST_CHECK;

/* tmp, fsync, rename: the file before stays until the new one is whole on disk. On any thread: it
 * only reads the items. CC_FULL (no space), CC_IO with errno set. */
enum cc_error cell_snapshot_file_write(const char *directory, const char *cell,
                                       const struct cell_snapshot_record *records,
                                       size_t count) CC_MUST_CHECK;

#endif
