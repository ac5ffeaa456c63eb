#include "tests/unit/cell/fixture.h"

#include "base/buffer.h"
#include "base/crypto.h"
#include "cell/model/snapshot.h"

static const struct cell_snapshot_value values[] = {
    {.kind = CELL_SNAPSHOT_PLAN,
     .version = 17,
     .minimum_version = 19,
     .tenant = {"acme", 4},
     .name = {"+46701234567", 12},
     .flow_id = {"main", 4},
     .text = {"{\"a\":\"\n\"}", 9}},
    {.kind = CELL_SNAPSHOT_GONE, .version = 18, .tenant = {"acme", 4}, .name = {"+46702", 6}},
    {.kind = CELL_SNAPSHOT_FLOW,
     .version = 3,
     .tenant = {"other", 5},
     .name = {"night", 5},
     .text = {"{}", 2}},
};
enum { VALUES = sizeof(values) / sizeof(values[0]) };

static struct cc_buffer file;

static void add_record(struct cc_buffer *out, const struct cell_snapshot_value *value)
{
    uint8_t head[CELL_SNAPSHOT_RECORD_HEAD];
    struct cell_snapshot_item *item = cell_snapshot_item_create(value);
    ck_assert_ptr_nonnull(item);
    cell_snapshot_record_head(item->length, value->minimum_version, head);
    cc_buffer_append(out, cc_slice((const char *)head, sizeof(head)));
    cc_buffer_append(out, cc_slice(item->bytes, item->length));
    cell_snapshot_item_unref(item);
}

static void make_file(void)
{
    uint8_t digest[CC_SHA256_BYTES];
    struct cc_buffer content;
    cc_buffer_init(&content, 0);
    cc_buffer_text(&content, "se-1\n");
    for (size_t i = 0; i < VALUES; i++)
        add_record(&content, &values[i]);
    ck_assert_int_eq(cc_sha256(cc_buffer_slice(&content), digest), CC_OK);
    cc_buffer_init(&file, 0);
    cc_buffer_text(&file, cell_snapshot_magic);
    cc_buffer_append(&file, cc_slice((const char *)digest, sizeof(digest)));
    cc_buffer_append(&file, cc_buffer_slice(&content));
    cc_buffer_deinit(&content);
}

static enum cc_error opened(struct cc_slice bytes, const char *cell)
{
    struct cc_slice records;
    return cell_snapshot_open(bytes, cc_slice_of(cell), &records);
}

START_TEST(what_was_written_is_read)
{
    struct cc_slice records, item;
    struct cell_snapshot_value read;
    make_file();
    ck_assert_int_eq(cell_snapshot_open(cc_buffer_slice(&file), cc_slice_of("se-1"), &records),
                     CC_OK);
    for (size_t i = 0; i < VALUES; i++) {
        ck_assert_int_eq(cell_snapshot_next(&records, &item, &read), CC_OK);
        ck_assert_int_eq(read.kind, values[i].kind);
        ck_assert_int_eq(read.version, values[i].version);
        ck_assert_int_eq(read.minimum_version, values[i].minimum_version);
        ck_assert(cc_slice_equal(read.tenant, values[i].tenant));
        ck_assert(cc_slice_equal(read.name, values[i].name));
        ck_assert(cc_slice_equal(read.flow_id, values[i].flow_id));
        ck_assert(cc_slice_equal(read.text, values[i].text));
    }
    ck_assert_int_eq(cell_snapshot_next(&records, &item, &read), CC_NOT_FOUND);
    cc_buffer_deinit(&file);
}
END_TEST

START_TEST(any_changed_or_missing_byte_is_refused)
{
    make_file();
    for (size_t i = 0; i < file.length; i++) {
        enum cc_error wanted = i < CELL_SNAPSHOT_MAGIC ? CC_UNSUPPORTED : CC_CORRUPT;
        file.data[i] ^= 1;
        ck_assert_int_eq(opened(cc_buffer_slice(&file), "se-1"), wanted);
        file.data[i] ^= 1;
        wanted = i < CELL_SNAPSHOT_MAGIC + CELL_SNAPSHOT_DIGEST ? CC_UNSUPPORTED : CC_CORRUPT;
        ck_assert_int_eq(opened(cc_slice(file.data, i), "se-1"), wanted);
    }
    ck_assert_int_eq(opened(cc_buffer_slice(&file), "se-1"), CC_OK);
    cc_buffer_deinit(&file);
}
END_TEST

START_TEST(another_cells_file_is_refused)
{
    make_file();
    ck_assert_int_eq(opened(cc_buffer_slice(&file), "se-10"), CC_CONFLICT);
    ck_assert_int_eq(opened(cc_buffer_slice(&file), "se-2"), CC_CONFLICT);
    cc_buffer_deinit(&file);
}
END_TEST

START_TEST(what_is_no_item_is_refused)
{
    static const char *const bad[] = {"",
                                      "p 1 -\nacme +46701\n",
                                      "x 1 -\nacme +46701\n{}",
                                      "p 01 -\nacme +46701\n{}",
                                      "p -1 -\nacme +46701\n{}",
                                      "p 9223372036854775808 -\nacme +46701\n{}",
                                      "q 1 -\nacme +46701\n{}",
                                      "p 1 -\nAcme +46701\n{}",
                                      "p 1 -\nacme 46701\n{}",
                                      "p 1 \nacme +46701\n{}",
                                      "p 1 Main\nacme +46701\n{}",
                                      "f 1 main\nacme main\n{}",
                                      "f 0 -\nacme main\n{}",
                                      "p 1 -\nacme +46701"};
    struct cell_snapshot_value value;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(cell_snapshot_item_read(cc_slice_of(bad[i]), &value) == CC_CORRUPT, "%s",
                      bad[i]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_was_written_is_read,
        any_changed_or_missing_byte_is_refused,
        another_cells_file_is_refused,
        what_is_no_item_is_refused,
    };
    return fixture_run("snapshot", tests, sizeof(tests) / sizeof(tests[0]));
}
