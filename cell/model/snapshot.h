/*
 * A worker's last-known call plans as one file. Pure.
 *
 *   magic "callcell-plans 1" (16) | SHA-256 of all that follows (32) | cell's id, newline | records
 *   record: length of the item (4, little-endian) | minimum version (8, little-endian) | item
 *   item:   "p <row version> <flow or ->\n<tenant> <number>\n<call plan>"
 *           "x <row version> -\n<tenant> <number>\n"              the number was deleted
 *           "f <version> -\n<tenant> <flow>\n<flow document>"     that calls may be pinned to
 *
 * The file is written whole and read whole. What is torn, damaged, of another format or of another
 * cell is refused as a whole: half a truth is not better than asking. Items are immutable and are
 * held beside what they say (some 300 bytes for a mobile number), so that writing a snapshot takes
 * a reference to each on the loop, and all else happens on another thread.
 */
#ifndef CELL_MODEL_SNAPSHOT_H
#define CELL_MODEL_SNAPSHOT_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    CELL_SNAPSHOT_MAGIC = 16,
    CELL_SNAPSHOT_DIGEST = 32,
    CELL_SNAPSHOT_RECORD_HEAD = 12,
    CELL_SNAPSHOT_ITEM_MAX = 8 * 1024 * 1024
};
extern const char cell_snapshot_magic[CELL_SNAPSHOT_MAGIC + 1];

enum cell_snapshot_kind { CELL_SNAPSHOT_PLAN, CELL_SNAPSHOT_GONE, CELL_SNAPSHOT_FLOW };

/* What an item says. Slices are borrowed. */
struct cell_snapshot_value {
    enum cell_snapshot_kind kind;
    int64_t version;         /* row version, or the flow's */
    int64_t minimum_version; /* from which on the number is current; 0: not known */
    struct cc_slice tenant;
    struct cc_slice name;    /* number, or flow id */
    struct cc_slice flow_id; /* that the number uses; empty: none */
    struct cc_slice text;    /* call plan or flow document; empty: gone */
};

/* Immutable bytes with references, counted on the loop alone. */
struct cell_snapshot_item {
    size_t _references;
    size_t length;
    char bytes[];
};
/* One reference; NULL when memory is out or the value is beyond the bounds. */
struct cell_snapshot_item *cell_snapshot_item_create(const struct cell_snapshot_value *value);
/* A copy of an item's bytes, as cell_snapshot_next gave them. */
struct cell_snapshot_item *cell_snapshot_item_copy(struct cc_slice item);
struct cell_snapshot_item *cell_snapshot_item_ref(struct cell_snapshot_item *item);
void cell_snapshot_item_unref(struct cell_snapshot_item *item); /* NULL is fine */

/* CC_CORRUPT for what is no item. */
enum cc_error cell_snapshot_item_read(struct cc_slice item,
                                      struct cell_snapshot_value *out) CC_MUST_CHECK;

void cell_snapshot_record_head(size_t length, int64_t minimum_version,
                               uint8_t head[CELL_SNAPSHOT_RECORD_HEAD]);

/* The records of a whole file: CC_UNSUPPORTED (another format), CC_CORRUPT (its checksum), or
 * CC_CONFLICT (of another cell). */
enum cc_error cell_snapshot_open(struct cc_slice file, struct cc_slice cell,
                                 struct cc_slice *out_records) CC_MUST_CHECK;
/* Takes the first record off. CC_NOT_FOUND at the end, CC_CORRUPT for what is no record. */
enum cc_error cell_snapshot_next(struct cc_slice *records, struct cc_slice *out_item,
                                 struct cell_snapshot_value *out) CC_MUST_CHECK;

#endif
