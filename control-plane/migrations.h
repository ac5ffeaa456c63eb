/*
 * Migrations: SQL files of a folder, each run once in a database, in the order of their names.
 */
#ifndef CP_MIGRATIONS_H
#define CP_MIGRATIONS_H

#include <libpq-fe.h>

#include "control-plane/context.h"

/* The databases that have migrations: the folders' names. */
#define CP_MIGRATIONS_CELL "cell"
#define CP_MIGRATIONS_CONTROL "control"
#define CP_MIGRATIONS_MONITOR "monitor"

/* Runs the migrations of a folder that are not yet recorded in public.schema_migrations, each in
 * one transaction. CC_CONFLICT when a recorded one has other bytes now. */
enum cc_error cp_migrate(struct cp_context *context, PGconn *connection,
                         const char *folder) CC_MUST_CHECK;

struct cp_migration {
    const char *name;   /* of the file */
    const char *path;   /* lives as long as the context */
    const char *digest; /* SHA-256 of its bytes, hex */
};

/* The files of a folder in order; *out lives as long as the context. CC_NOT_FOUND with a message
 * when there are none. */
enum cc_error cp_migrations_list(struct cp_context *context, const char *folder,
                                 struct cp_migration **out, size_t *count) CC_MUST_CHECK;

#endif
