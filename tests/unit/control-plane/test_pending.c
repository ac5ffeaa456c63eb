#include "control-plane/calls/pending.h"

#include <stdio.h>
#include <sys/stat.h>

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

START_TEST(a_call_is_found_in_a_workers_second_spool)
{
    json_t *events = json_array();
    begin();
    leave("cells/se-1/workers/worker-1/spool-2", 1);
    cp_pending_add(&context, "se-1", "acme", "c1", events);
    ck_assert_uint_eq(json_array_size(events), 1);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(events, 0), "where")),
                     "cells/se-1/workers/worker-1/spool-2/00000000000000000001.spool");
    json_decref(events);
    end();
}
END_TEST

SUITE_MAIN("pending", a_call_is_found_in_a_workers_second_spool)
