/*
 * What workers share in Redis, and how a row version is kept from going back there. Redis may lose
 * all of it at any moment: Postgres is the truth. Pure.
 *
 *   plan:<tenant>:<number>            "p <row_version> <flow or ->\n<call plan>"   the call plan
 *                                     "x <row_version> -\n"    the number was deleted at this
 * version "m <row_version> -\n"    marker: written at this version; whoever needs it asks Postgres
 * for no less flow:<tenant>:<flow>:<version>    the flow document (immutable) flows:<tenant> hash
 * flow -> row_version at which it was last published: a plan that uses the flow and is older counts
 * as a marker changes                           stream: tenant, number ("*" with flow: all that use
 * it), flow, version workers                           set of worker names worker:<name> last id of
 * changes that the worker has applied; lives 3 s
 */
#ifndef CELL_MODEL_SHARED_H
#define CELL_MODEL_SHARED_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { CELL_SHARED_KEY_MAX = 256, CELL_SHARED_HEAD_MAX = 128 };

enum cell_shared_kind { CELL_SHARED_PLAN, CELL_SHARED_GONE, CELL_SHARED_MARKER };

/* Slices are borrowed from the bytes read. */
struct cell_shared_value {
    enum cell_shared_kind kind;
    int64_t row_version;
    struct cc_slice flow_id; /* that the number uses; empty: none */
    struct cc_slice plan;
};

/* CC_INVALID for anything else. */
enum cc_error cell_shared_read(struct cc_slice bytes, struct cell_shared_value *out) CC_MUST_CHECK;

/* The first line of a value, with its newline, into head (CELL_SHARED_HEAD_MAX); returns its
 * length. */
size_t cell_shared_head(enum cell_shared_kind kind, int64_t row_version, struct cc_slice flow_id,
                        char *head);

/* Keys, into key (CELL_SHARED_KEY_MAX). */
struct cc_slice cell_shared_plan_key(struct cc_slice tenant, struct cc_slice number, char *key);
struct cc_slice cell_shared_flow_key(struct cc_slice tenant, struct cc_slice flow, int64_t version,
                                     char *key);
struct cc_slice cell_shared_flows_key(struct cc_slice tenant, char *key);

/* Lua. KEYS: plan, flows. The value, or a marker when its flow was published since; nil. */
extern const char cell_shared_read_script[];
/* Lua. KEYS: plan. ARGV: row_version, head + plan. A lower row version never replaces a higher one;
 * of equal ones the value replaces a marker. 1 when written. */
extern const char cell_shared_put_script[];
/* Lua. KEYS: changes, plans... ARGV: tenant, row_version, numbers... Markers and one entry of the
 * stream for each; the id of the last entry. */
extern const char cell_shared_change_script[];
/* Lua. KEYS: changes, flows. ARGV: tenant, row_version, flow. The id of the entry. */
extern const char cell_shared_publish_script[];
/* Lua. KEYS: workers. What each live worker has applied. */
extern const char cell_shared_applied_script[];

/* Whether a stream id "<ms>-<n>" is at or after another. */
bool cell_shared_id_reached(struct cc_slice id, struct cc_slice wanted);

#endif
