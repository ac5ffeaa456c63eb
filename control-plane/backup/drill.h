/*
 * Proves that a cell can be had back: restores its newest backup to a moment just past, beside the
 * cell that serves, and holds every fact in it against the source at that moment.
 *
 *   lock writers out -> snapshot of the source + named restore point -> let them in (milliseconds)
 *   snapshot -> digest of the source; repository up to the point -> scratch -> its digest; equal?
 *
 * With no write under way, the snapshot and the restore point mean the same transactions: the
 * comparison is exact, and writes go on while it is made.
 */
#ifndef CP_BACKUP_DRILL_H
#define CP_BACKUP_DRILL_H

#include "base/transitions.h"
#include "control-plane/backup/restore.h"

extern const struct cc_transition_table cp_restore_drill_table;

struct cp_drill {
    struct cp_restore restore;
    int64_t max_age_s;     /* a backup older than this is not what one would restore: take one */
    const char *point;     /* the restore point's name */
    const char *since;     /* day from which on events are compared one by one */
    const char *backup;    /* label */
    int64_t marked_us;     /* the moment that is compared */
    int64_t held_us;       /* how long writes waited */
    int64_t exposed_ms;    /* age of the last archived WAL then: what a lost disk would have cost */
    int64_t copy_begun_us; /* of the restore */
    int64_t restored_ms;   /* until it answered: what a restore would have taken */
    int64_t lines;         /* of the digests */
    bool equal;
    const char *difference;
};

/* CC_OK: the facts are equal. CC_CORRUPT: they are not; the scratch "drill" is kept to look at. In
 * every case the outcome is told as facts. */
enum cc_error cp_restore_drill(struct cp_context *context, const char *cell, int64_t max_age_s,
                               struct cp_drill *out) CC_MUST_CHECK;

#endif
