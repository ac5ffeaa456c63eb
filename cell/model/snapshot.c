#include "cell/model/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/names.h"

_Static_assert((int)CELL_SNAPSHOT_DIGEST == (int)CC_SHA256_BYTES, "the digest is a SHA-256");

const char cell_snapshot_magic[CELL_SNAPSHOT_MAGIC + 1] = "callcell-plans 1";

enum { HEAD_ROOM = 256 };
static const char letters[] = {'p', 'x', 'f'};

static struct cell_snapshot_item *make_item(size_t length)
{
    struct cell_snapshot_item *item =
        length <= CELL_SNAPSHOT_ITEM_MAX ? malloc(sizeof(*item) + length) : NULL;
    if (item) {
        item->_references = 1;
        item->length = length;
    }
    return item;
}

struct cell_snapshot_item *cell_snapshot_item_copy(struct cc_slice bytes)
{
    struct cell_snapshot_item *item = make_item(bytes.length);
    if (item && bytes.length)
        memcpy(item->bytes, bytes.data, bytes.length);
    return item;
}

struct cell_snapshot_item *cell_snapshot_item_create(const struct cell_snapshot_value *value)
{
    char head[HEAD_ROOM];
    struct cc_slice flow = value->flow_id.length ? value->flow_id : CC_SLICE_LITERAL("-");
    int written =
        snprintf(head, sizeof(head), "%c %" PRId64 " %.*s\n%.*s %.*s\n", letters[value->kind],
                 value->version, (int)flow.length, flow.data, (int)value->tenant.length,
                 value->tenant.data, (int)value->name.length, value->name.data);
    if (written < 0 || (size_t)written >= sizeof(head))
        return NULL;
    struct cell_snapshot_item *item = make_item((size_t)written + value->text.length);
    if (!item)
        return NULL;
    memcpy(item->bytes, head, (size_t)written);
    if (value->text.length)
        memcpy(item->bytes + written, value->text.data, value->text.length);
    return item;
}

struct cell_snapshot_item *cell_snapshot_item_ref(struct cell_snapshot_item *item)
{
    item->_references++;
    return item;
}

void cell_snapshot_item_unref(struct cell_snapshot_item *item)
{
    if (item && --item->_references == 0)
        free(item);
}

/* Takes what stands before the separator off the front; false when there is none. */
static bool cut(struct cc_slice *rest, char separator, struct cc_slice *out)
{
    const char *end = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
    if (!end)
        return false;
    *out = cc_slice(rest->data, (size_t)(end - rest->data));
    *rest = cc_slice(end + 1, rest->length - out->length - 1);
    return true;
}

static bool read_kind(struct cc_slice text, enum cell_snapshot_kind *out)
{
    for (size_t i = 0; i < sizeof(letters); i++) {
        if (text.length == 1 && text.data[0] == letters[i]) {
            *out = (enum cell_snapshot_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_version(struct cc_slice text, int64_t *out)
{
    int64_t value = 0;
    if (text.length == 0 || (text.length > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        int64_t digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static bool is_whole(const struct cell_snapshot_value *value)
{
    if (!cc_name_is_tenant(value->tenant))
        return false;
    if (value->kind == CELL_SNAPSHOT_FLOW)
        return cc_name_is_resource(value->name) && value->flow_id.length == 0 &&
               value->version > 0 && value->text.length > 0;
    if (!cc_name_is_e164(value->name) ||
        (value->flow_id.length > 0 && !cc_name_is_resource(value->flow_id)))
        return false;
    return (value->kind == CELL_SNAPSHOT_PLAN) == (value->text.length > 0);
}

enum cc_error cell_snapshot_item_read(struct cc_slice item, struct cell_snapshot_value *out)
{
    struct cc_slice kind, version;
    *out = (struct cell_snapshot_value){0};
    bool whole = cut(&item, ' ', &kind) && read_kind(kind, &out->kind) &&
                 cut(&item, ' ', &version) && read_version(version, &out->version) &&
                 cut(&item, '\n', &out->flow_id) && cut(&item, ' ', &out->tenant) &&
                 cut(&item, '\n', &out->name) && out->flow_id.length > 0;
    if (!whole)
        return CC_CORRUPT;
    if (cc_slice_is(out->flow_id, "-"))
        out->flow_id = cc_slice(NULL, 0);
    out->text = item;
    return is_whole(out) ? CC_OK : CC_CORRUPT;
}

static void write_little(uint64_t value, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t read_little(const char *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(uint8_t)from[i] << (8 * i);
    return value;
}

enum { LENGTH_BYTES = 4, VERSION_BYTES = 8 };

void cell_snapshot_record_head(size_t length, int64_t minimum_version,
                               uint8_t head[CELL_SNAPSHOT_RECORD_HEAD])
{
    write_little(length, head, LENGTH_BYTES);
    write_little((uint64_t)minimum_version, head + LENGTH_BYTES, VERSION_BYTES);
}

enum cc_error cell_snapshot_open(struct cc_slice file, struct cc_slice cell,
                                 struct cc_slice *out_records)
{
    uint8_t digest[CC_SHA256_BYTES];
    struct cc_slice owner;
    size_t head = CELL_SNAPSHOT_MAGIC + CELL_SNAPSHOT_DIGEST;
    *out_records = cc_slice(NULL, 0);
    if (file.length < head || memcmp(file.data, cell_snapshot_magic, CELL_SNAPSHOT_MAGIC) != 0)
        return CC_UNSUPPORTED;
    struct cc_slice rest = cc_slice(file.data + head, file.length - head);
    enum cc_error error = cc_sha256(rest, digest);
    if (error)
        return error;
    if (memcmp(digest, file.data + CELL_SNAPSHOT_MAGIC, sizeof(digest)) != 0 ||
        !cut(&rest, '\n', &owner))
        return CC_CORRUPT;
    if (!cc_slice_equal(owner, cell))
        return CC_CONFLICT;
    *out_records = rest;
    return CC_OK;
}

enum cc_error cell_snapshot_next(struct cc_slice *records, struct cc_slice *out_item,
                                 struct cell_snapshot_value *out)
{
    if (records->length == 0)
        return CC_NOT_FOUND;
    if (records->length < CELL_SNAPSHOT_RECORD_HEAD)
        return CC_CORRUPT;
    uint64_t length = read_little(records->data, LENGTH_BYTES);
    uint64_t minimum = read_little(records->data + LENGTH_BYTES, VERSION_BYTES);
    size_t left = records->length - CELL_SNAPSHOT_RECORD_HEAD;
    if (length > left || length > CELL_SNAPSHOT_ITEM_MAX || minimum > INT64_MAX)
        return CC_CORRUPT;
    *out_item = cc_slice(records->data + CELL_SNAPSHOT_RECORD_HEAD, (size_t)length);
    enum cc_error error = cell_snapshot_item_read(*out_item, out);
    out->minimum_version = (int64_t)minimum;
    *records = cc_slice(out_item->data + length, left - (size_t)length);
    return error;
}
