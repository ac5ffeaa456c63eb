#include "control-plane/backup/backup.h"

#include "control-plane/backup/observe.h"
#include "control-plane/files.h"
#include "control-plane/process.h"
#include "control-plane/run.h"

enum { BACKUP_S = 24 * 3600, EARLIER_S = 600 };

static enum cc_error prepare(void *subject);
static enum cc_error take(void *subject);
static enum cc_error record(void *subject);

static const struct cc_transition rows[] = {
    {"new", NULL, NULL, prepare, NULL, "prepared", "repository: settings, passphrase, stanza"},
    {"prepared", NULL, NULL, take, NULL, "taken", "backup: copied, with the WAL it needs"},
    {"taken", NULL, NULL, record, NULL, "done", "facts told"},
};
const struct cc_transition_table cp_cell_backup_table = {"cell_backup", "new", "done", rows,
                                                         sizeof(rows) / sizeof(rows[0])};

static enum cc_error prepare(void *subject)
{
    struct cp_cell_backup *backup = subject;
    return cp_repository_create(&backup->repository);
}

/* One that was killed half-way is not in pgBackRest's list; its files are used again or cleared by
 * the next. */
static enum cc_error take(void *subject)
{
    struct cp_cell_backup *backup = subject;
    struct cp_context *context = backup->context;
    struct cp_repository_primary primary = {0};
    enum cc_error error = cp_repository_connect(&backup->repository, NULL, &primary);
    if (error)
        return error;
    /* It lets backups expire after one that succeeded: on a full disk none would. */
    const char *const expire[] = {"expire", NULL};
    if (cp_repository_run(&backup->repository, expire, BACKUP_S))
        (void)fprintf(stderr, "old backups of %s could not be let expire; see log/backup\n",
                      backup->repository.name);
    const char *const arguments[] = {
        cp_format(context, "--pg1-path=%s", primary.data),
        cp_format(context, "--pg1-port=%s", primary.port),
        cp_format(context, "--pg1-socket-path=%s", primary.socket_folder),
        backup->full ? "--type=full" : "--type=incr",
        "backup",
        NULL};
    PQfinish(primary.connection);
    return cp_repository_run(&backup->repository, arguments, BACKUP_S);
}

static enum cc_error record(void *subject)
{
    struct cp_cell_backup *backup = subject;
    struct cp_backup_list list;
    enum cc_error error = cp_repository_backups(&backup->repository, &list);
    if (error)
        return error;
    const struct cp_backup *newest = cp_backup_newest(&list, false);
    if (!newest)
        return cp_fail(backup->context, CC_NOT_FOUND, "the repository of %s holds no backup",
                       backup->repository.name);
    backup->taken = *newest;
    if (newest->failed)
        return cp_fail(backup->context, CC_CORRUPT,
                       "backup %s of %s holds pages whose checksum is wrong; see log/backup",
                       newest->label, backup->repository.name);
    return cp_observe_backups(&backup->repository, &list);
}

enum cc_error cp_cell_backup(struct cp_context *context, const char *cell, bool full,
                             struct cp_backup *out)
{
    struct cp_cell_backup backup = {.context = context, .full = full};
    enum cc_error error = cp_repository_find(context, cell, &backup.repository);
    if (!error && !context->dry_run)
        error = cp_folder_make(context, cp_path(context, "log/backup"));
    if (!error)
        error = cp_process_wait_earlier(context, cp_path(context, "log/backup/%s.log", cell),
                                        EARLIER_S);
    if (!error)
        error =
            cp_run(context, &(struct cp_run_request){
                                .table = &cp_cell_backup_table, .subject = cell, .data = &backup});
    *out = backup.taken;
    return error;
}
