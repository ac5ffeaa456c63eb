#include "control-plane/calls/pending.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "base/io/spool_frame.h"
#include "control-plane/files.h"
#include "tests/unit/control-plane/suite.h"

#define CALL "{\"call_id\":\"c1\",\"tenant\":\"acme\",\"event_id\":\"e1\",\"decision_id\":\"d1\"}"

static char home[64];
static struct cp_context context;

static void begin(void)
{
    (void)snprintf(home, sizeof(home), "/tmp/callcell-pending-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    cp_context_like(&context, &(struct cp_context){.home = home}, "test");
}

static void end(void)
{
    ck_assert_int_eq(cp_tree_remove(&context, home), CC_OK);
    cp_context_free(&context);
}

static void write_below(const char *folder, const char *name, struct cc_slice bytes)
{
    ck_assert_int_eq(cp_folder_make(&context, cp_path(&context, "%s", folder)), CC_OK);
    ck_assert_int_eq(cp_file_write(&context, cp_path(&context, "%s/%s", folder, name), bytes, 0600),
                     CC_OK);
}

/* One segment of so many records, as a program leaves it behind. */
static void leave(const char *folder, int records)
{
    struct cc_buffer bytes;
    uint8_t head[CC_SPOOL_FRAME_HEAD];
    cc_buffer_init(&bytes, 0);
    for (int i = 0; i < records; i++) {
        cc_spool_frame_head(cc_slice_of(CALL), 1, head);
        cc_buffer_append(&bytes, cc_slice((const char *)head, sizeof(head)));
        cc_buffer_text(&bytes, CALL);
    }
    write_below(folder, "00000000000000000001.spool", cc_buffer_slice(&bytes));
    cc_buffer_deinit(&bytes);
}

static void mark(const char *folder, uint64_t shipped_below)
{
    char bytes[12];
    memcpy(bytes, &shipped_below, sizeof(shipped_below));
    uint32_t crc = cc_crc32c(0, cc_slice(bytes, sizeof(shipped_below)));
    memcpy(bytes + sizeof(shipped_below), &crc, sizeof(crc));
    write_below(folder, "acknowledged", cc_slice(bytes, sizeof(bytes)));
}

static uint64_t count(const char **where)
{
    uint64_t records = 0;
    ck_assert_int_eq(cp_pending_count(&context, "se-1", &records, where), CC_OK);
    return records;
}

START_TEST(records_are_counted_wherever_they_lie)
{
    static const char *const folders[] = {
        "cells/se-1/workers/worker-1/spool", "cells/se-1/workers/worker-2/spool-2",
        "sites/b/cells/se-1/workers/worker-9/spool", "edges/edge-1/journal/se-1"};
    const char *where;
    begin();
    ck_assert_uint_eq(count(&where), 0);
    ck_assert_str_eq(where, "");
    for (size_t i = 0; i < 4; i++) {
        leave(folders[i], 3);
        mark(folders[i], 2);
        ck_assert_uint_eq(count(&where), 2);
        ck_assert_str_eq(where, folders[i]);
        mark(folders[i], 4);
        ck_assert_uint_eq(count(&where), 0);
    }
    leave("cells/se-2/workers/worker-1/spool", 1);
    leave("edges/edge-1/journal/se-2", 1);
    ck_assert_uint_eq(count(&where), 0);
    end();
}
END_TEST

START_TEST(a_spool_that_cannot_be_read_is_not_empty)
{
    const char *where;
    uint64_t records = 0;
    begin();
    leave("cells/se-1/workers/worker-1/spool", 1);
    write_below("cells/se-1/workers/worker-2", "spool", CC_SLICE_LITERAL("no folder"));
    ck_assert_int_ne(cp_pending_count(&context, "se-1", &records, &where), CC_OK);
    ck_assert_ptr_nonnull(strstr(context.message, "cells/se-1/workers/worker-2/spool"));
    end();
}
END_TEST

START_TEST(an_edges_journal_is_counted_over_all_cells)
{
    const char *where, *aside;
    uint64_t records = 1;
    begin();
    ck_assert_int_eq(cp_pending_of_edge(&context, "edge-1", &records, &where, &aside), CC_OK);
    ck_assert_uint_eq(records, 0);
    leave("edges/edge-1/journal/se-1", 2);
    leave("edges/edge-1/journal/no-1", 1);
    leave("edges/edge-10/journal/se-1", 4);
    ck_assert_int_eq(cp_pending_of_edge(&context, "edge-1", &records, &where, &aside), CC_OK);
    ck_assert_uint_eq(records, 3);
    ck_assert_str_eq(where, "edges/edge-1/journal/se-1");
    ck_assert_str_eq(aside, "");
    write_below("edges/edge-1/journal/no-1", "quarantine.jsonl", CC_SLICE_LITERAL("{}\n"));
    ck_assert_int_eq(cp_pending_of_edge(&context, "edge-1", &records, &where, &aside), CC_OK);
    ck_assert_str_eq(aside, "edges/edge-1/journal/no-1/quarantine.jsonl");
    end();
}
END_TEST

static json_t *find(enum cc_error expected)
{
    json_t *found = json_array();
    ck_assert_int_eq(cp_pending_find(&context, "se-1", "acme", "c1", found), expected);
    return found;
}

static size_t count_found(void)
{
    json_t *found = find(CC_OK);
    size_t records = json_array_size(found);
    json_decref(found);
    return records;
}

START_TEST(a_call_is_found_in_a_workers_second_spool)
{
    begin();
    leave("cells/se-1/workers/worker-1/spool-2", 1);
    json_t *found = find(CC_OK);
    ck_assert_uint_eq(json_array_size(found), 1);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(found, 0), "where")),
                     "cells/se-1/workers/worker-1/spool-2");
    json_decref(found);
    end();
}
END_TEST

/* Its segment stays until all of it is shipped. */
START_TEST(what_is_shipped_is_not_pending)
{
    static const char *const folders[] = {"cells/se-1/workers/worker-1/spool",
                                          "edges/edge-1/journal/se-1"};
    begin();
    for (size_t i = 0; i < 2; i++) {
        leave(folders[i], 1);
        ck_assert_uint_eq(count_found(), 1);
        mark(folders[i], 2);
        ck_assert_uint_eq(count_found(), 0);
    }
    end();
}
END_TEST

START_TEST(what_cannot_be_read_is_said_and_the_rest_is_found)
{
    begin();
    leave("edges/edge-1/journal/se-1", 1);
    write_below("cells/se-1/workers/worker-2", "spool", CC_SLICE_LITERAL("no folder"));
    json_t *found = find(CC_IO);
    ck_assert_uint_eq(json_array_size(found), 1);
    ck_assert_str_eq(context.message, "cells/se-1/workers/worker-2/spool cannot be read");
    json_decref(found);
    end();
}
END_TEST

START_TEST(what_postgres_has_by_now_is_not_added)
{
    json_t *pending = json_loads("[" CALL "]", 0, NULL),
           *events = json_loads("[" CALL "]", 0, NULL);
    cp_pending_add(pending, events);
    ck_assert_uint_eq(json_array_size(events), 1);
    json_object_set_new(json_array_get(events, 0), "decision_id", json_string("d2"));
    cp_pending_add(pending, events);
    ck_assert_uint_eq(json_array_size(events), 2);
    json_decref(pending);
    json_decref(events);
}
END_TEST

SUITE_MAIN("pending", records_are_counted_wherever_they_lie,
           a_spool_that_cannot_be_read_is_not_empty, an_edges_journal_is_counted_over_all_cells,
           a_call_is_found_in_a_workers_second_spool, what_is_shipped_is_not_pending,
           what_cannot_be_read_is_said_and_the_rest_is_found, what_postgres_has_by_now_is_not_added)
