/*
 * What a database holds, as counts and checksums: a line per table, tenant and day. Two databases
 * hold the same facts when their digests are equal.
 */
#ifndef CP_BACKUP_DIGEST_H
#define CP_BACKUP_DIGEST_H

#include <libpq-fe.h>

#include "control-plane/context.h"

/* Of every table that is ours, in the connection's transaction: for a moment in the past this is a
 * snapshot. Rows of tables with days are compared row by row from the day since ("2026-11-14") on
 * and by their rollup before. The text lives as long as the context: "table<TAB>tenant and
 * day<TAB>rows<TAB>checksum" per line, sorted. */
enum cc_error cp_digest_take(struct cp_context *context, PGconn *connection, const char *since,
                             struct cc_slice *out) CC_MUST_CHECK;

/* Names of those tables, with commas, quoted for SQL. */
enum cc_error cp_digest_tables(struct cp_context *context, PGconn *connection,
                               const char **out) CC_MUST_CHECK;

#endif
