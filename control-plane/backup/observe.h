/*
 * What is known about backups and the archive of a cluster, told as facts (registry table facts),
 * which `callcell serve` shows as telemetry.
 */
#ifndef CP_BACKUP_OBSERVE_H
#define CP_BACKUP_OBSERVE_H

#include "control-plane/backup/repository.h"

/* backup_finished_at, backup_bytes, backup_full_finished_at of the newest. */
enum cc_error cp_observe_backups(const struct cp_repository *repository,
                                 const struct cp_backup_list *list) CC_MUST_CHECK;

/* archive_failing: the last attempt failed. archive_oldest_seconds: age of what waits longest (0:
 * nothing waits). archive_gap: since the newest backup Postgres was told of a segment that it
 * is kept, and it is not (the queue was full). CC_UNAVAILABLE when there is no primary to ask:
 * facts stay as they are. */
enum cc_error cp_observe_archive(const struct cp_repository *repository) CC_MUST_CHECK;

#endif
