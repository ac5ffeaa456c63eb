/*
 * Facts: the last measurement of a thing, kept in the registry by whoever measures (a backup, a
 * restore drill, the observation of replication), and shown by `serve` as telemetry:
 * callcell_control_<name>{subject="se-1"}, and when it was measured as
 * callcell_control_fact_age_seconds{name,subject}. To add one, add a row here; one that is measured
 * all the time belongs in the alert FactOld (alerts.yaml) too. What the registry itself needs to
 * live is no fact: its disk (disks.h).
 */
#ifndef CP_FACTS_H
#define CP_FACTS_H

#include <stdbool.h>

#include "base/slice.h"
#include "control-plane/context.h"

/* subject: a cell ("se-1"), a program ("edge-1", "serve-1"), "registry" or "home". */
#define CP_FACTS(X)                                                                                \
    X(BACKUP_FINISHED_AT, "backup_finished_at",                                                    \
      "When the last good backup ended, in seconds since 1970")                                    \
    X(BACKUP_FULL_FINISHED_AT, "backup_full_finished_at",                                          \
      "When the last good full backup ended, in seconds since 1970")                               \
    X(BACKUP_BYTES, "backup_bytes", "Size of the last good backup, in bytes")                      \
    X(RESTORE_DRILL_FINISHED_AT, "restore_drill_finished_at",                                      \
      "When the last restore drill ended, in seconds since 1970")                                  \
    X(RESTORE_DRILL_OK, "restore_drill_ok", "Whether the last restore drill found all facts (1)")  \
    X(RESTORE_DRILL_SECONDS, "restore_drill_seconds", "How long the last restore drill took")      \
    X(RESTORE_DRILL_EXPOSED_SECONDS, "restore_drill_exposed_seconds",                              \
      "How old the last archived WAL was at the last restore drill")                               \
    X(ARCHIVE_FAILING, "archive_failing", "Whether the last attempt to archive WAL failed (1)")    \
    X(ARCHIVE_OLDEST_SECONDS, "archive_oldest_seconds",                                            \
      "How long the oldest WAL waits to be archived")                                              \
    X(ARCHIVE_GAP, "archive_gap",                                                                  \
      "Whether WAL is missing in the archive that Postgres believes to be there (1)")              \
    X(DURABILITY_DEGRADED, "durability_degraded",                                                  \
      "Whether commits do not wait for a replica, or no primary is seen (1), as the leader saw "   \
      "it")                                                                                        \
    X(REPLICATION_LAG_BYTES, "replication_lag_bytes",                                              \
      "How far the replica's replay lies behind its primary, as the leader saw it last")           \
    X(CALLS_BEHIND, "calls_behind",                                                                \
      "How many programs that answer calls do not come before Postgres")                           \
    X(CERTIFICATE_EXPIRES_AT, "certificate_expires_at",                                            \
      "When the certificate expires, in seconds since 1970")

enum cp_fact {
#define X(id, name, help) CP_FACT_##id,
    CP_FACTS(X)
#undef X
        CP_FACT_COUNT
};

const char *cp_fact_name(enum cp_fact fact); /* "backup_bytes" */
const char *cp_fact_help(enum cp_fact fact);

/* Keeps the value, with the time of now. Needs the registry. */
enum cc_error cp_fact_set(struct cp_context *context, enum cp_fact fact, const char *subject,
                          double value) CC_MUST_CHECK;

/* All facts about a subject that is no more. */
enum cc_error cp_facts_forget(struct cp_context *context, const char *subject) CC_MUST_CHECK;

#endif
