/*
 * The backup repository of one Postgres cluster (a cell's, the registry's): pgBackRest with a file
 * of settings and a stanza of its own (docs/adr/0014-pgbackrest.md).
 *
 * Every node archives its WAL into it while it is the primary, so that the archive goes on after a
 * failover. The repository is encrypted; the passphrase lies in a file and in pgBackRest's settings
 * (both 0600), never in an argument.
 */
#ifndef CP_BACKUP_REPOSITORY_H
#define CP_BACKUP_REPOSITORY_H

#include <libpq-fe.h>

#include "control-plane/backup/info.h"
#include "control-plane/context.h"

enum { CP_REPOSITORY_NODES_MAX = 3 };
#define CP_REGISTRY "registry" /* what no cell is called: its own names begin with a country */

struct cp_repository {
    struct cp_context *context;
    const char *name;     /* the stanza: "se-1", "registry" */
    const char *database; /* the one that holds the data: "cell" */
    const char *folder;   /* of the repository */
    const char *settings; /* pgBackRest's file */
    const char *secret;   /* the passphrase's file */
    const char *socket_folders[CP_REPOSITORY_NODES_MAX];
    int ports[CP_REPOSITORY_NODES_MAX];
    int node_count;
    int number; /* of the cell; 0: the registry */
};

/* Which node is the primary just now. */
struct cp_repository_primary {
    PGconn *connection; /* PQfinish is the caller's */
    const char *data;   /* its data folder */
    const char *port;
    const char *socket_folder;
};

/* number: of the cell. */
void cp_repository_of_cell(struct cp_context *context, const char *cell, int number,
                           struct cp_repository *out);
/* Of the control plane's own Postgres; nothing is asked. */
void cp_repository_of_registry(struct cp_context *context, struct cp_repository *out);
bool cp_repository_is_registry(const struct cp_repository *repository);
/* cell: or CP_REGISTRY. CC_NOT_FOUND with a message when there is no such cell, or it is not
 * ready. */
enum cc_error cp_repository_find(struct cp_context *context, const char *cell,
                                 struct cp_repository *out) CC_MUST_CHECK;

/* Lines for the postgresql.conf of every node. */
const char *cp_repository_postgres_settings(const struct cp_repository *repository);

/* Folders, passphrase and settings of pgBackRest. Repeatable; a dry run takes them as they are. */
enum cc_error cp_repository_prepare(const struct cp_repository *repository) CC_MUST_CHECK;

/* prepare, then the stanza, for which the primary must answer. Repeatable. */
enum cc_error cp_repository_create(const struct cp_repository *repository) CC_MUST_CHECK;

/* Of a cell that is being destroyed, once nothing archives into it: renames its folder to
 * <folder>-made-<made>, so that its name is free, and leaves settings with which pgBackRest reads
 * it (they have the passphrase) in etc/kept-backups/<name>-made-<made>.ini. Repeatable. */
enum cc_error cp_repository_keep(const struct cp_repository *repository,
                                 const char *made) CC_MUST_CHECK;

/* CC_UNAVAILABLE with a message when no node is a primary. database NULL: "postgres". */
enum cc_error cp_repository_connect(const struct cp_repository *repository, const char *database,
                                    struct cp_repository_primary *out) CC_MUST_CHECK;

/* pgbackrest <arguments>; NULL-terminated, at most 16. The message on failure is pgBackRest's own
 * first error. */
enum cc_error cp_repository_run(const struct cp_repository *repository,
                                const char *const *arguments, int timeout_s) CC_MUST_CHECK;

/* What the repository holds, oldest first. */
enum cc_error cp_repository_backups(const struct cp_repository *repository,
                                    struct cp_backup_list *out) CC_MUST_CHECK;

/* Makes the primary end its WAL segment and waits until it is archived. CC_TIMEOUT with what the
 * archiver said last. */
enum cc_error cp_repository_flush(const struct cp_repository *repository, PGconn *primary,
                                  int timeout_s) CC_MUST_CHECK;

/* Whether the repository holds all WAL segments from first ("000000010000000000000003", "" for last
 * alone) to last. CC_INVALID: last is no segment's name; CC_NO_MEMORY. */
enum cc_error cp_repository_has_wal(const struct cp_repository *repository, const char *first,
                                    const char *last, bool *whole) CC_MUST_CHECK;

#endif
