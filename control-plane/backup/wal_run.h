/*
 * Whether an archive holds a run of WAL segments without a gap, by their names (pure): timeline,
 * log and segment in eight hexadecimal digits each, and something behind them, a full stop for
 * what is no whole segment; 256 segments of 16 MB are a log (PostgreSQL, "WAL Internals"). The
 * timeline does not matter: after a promotion the new one goes on where the old one was left.
 */
#ifndef CP_BACKUP_WAL_RUN_H
#define CP_BACKUP_WAL_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { CP_WAL_NAME = 24 };

struct cp_wal_run {
    uint64_t _first;
    size_t _count, _missing;
    bool *_seen;
};

/* From first to last; of last alone when first is later, as after a restore to an earlier moment.
 * Of more than a million (16 TB), the last million. CC_INVALID: last is no segment's name (a first
 * that is none counts as last), CC_NO_MEMORY. */
enum cc_error cp_wal_run_init(struct cp_wal_run *run, const char *first,
                              const char *last) CC_MUST_CHECK;
void cp_wal_run_deinit(struct cp_wal_run *run);

/* A file of the archive; names of other things say nothing. */
void cp_wal_run_see(struct cp_wal_run *run, const char *name);
bool cp_wal_run_is_whole(const struct cp_wal_run *run);

#endif
