/* Any bytes as a snapshot, and as its records: what is read is what would be written. */
#include "cell/model/snapshot.h"
#include "tests/fuzz/fuzz.h"

static void check_item(const struct cell_snapshot_value *value, struct cc_slice record)
{
    struct cell_snapshot_item *item = cell_snapshot_item_create(value);
    uint8_t head[CELL_SNAPSHOT_RECORD_HEAD];
    HOLDS(item);
    cell_snapshot_record_head(item->length, value->minimum_version, head);
    HOLDS(record.length == sizeof(head) + item->length);
    HOLDS(memcmp(record.data, head, sizeof(head)) == 0);
    HOLDS(memcmp(record.data + sizeof(head), item->bytes, item->length) == 0);
    cell_snapshot_item_unref(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cell_snapshot_value value;
    struct cc_slice records, item;
    struct cc_slice rest = fuzz_input(data, size);
    enum cc_error error = cell_snapshot_open(rest, cc_slice_of("se-1"), &records);
    HOLDS(error || records.length <= size);
    do {
        struct cc_slice before = rest;
        error = cell_snapshot_next(&rest, &item, &value);
        if (!error)
            check_item(&value, cc_slice(before.data, before.length - rest.length));
    } while (!error);
    HOLDS(error == CC_CORRUPT || rest.length == 0);
    return 0;
}
