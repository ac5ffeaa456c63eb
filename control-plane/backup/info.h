/*
 * Reads what `pgbackrest info --output=json` says (pure).
 */
#ifndef CP_BACKUP_INFO_H
#define CP_BACKUP_INFO_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct cp_backup {
    const char *label;               /* "20261121-045451F" */
    const char *type;                /* full, diff, incr */
    int64_t started_at, finished_at; /* seconds since the epoch */
    int64_t database_bytes;
    int64_t repository_bytes; /* what it added to the repository */
    const char *first_wal, *last_wal;
    bool failed; /* pages whose checksum was wrong */
};

struct cp_backup_list {
    struct cp_backup *backups; /* oldest first */
    size_t count;
};

/* Texts live in the arena. A stanza without backups: count 0. CC_INVALID: not what pgBackRest 2
 * prints. */
enum cc_error cp_backup_info_parse(struct cc_slice json, struct cc_arena *arena,
                                   struct cp_backup_list *out) CC_MUST_CHECK;

/* NULL when there is none. only_full: the newest full one. */
const struct cp_backup *cp_backup_newest(const struct cp_backup_list *list, bool only_full);

#endif
