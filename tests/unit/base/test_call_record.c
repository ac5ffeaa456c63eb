#include "base/call_record.h"

#include "base/json.h"
#include "tests/unit/base/suite.h"

static const struct cc_call_event event = {.event_id = CC_SLICE_LITERAL("e-1"),
                                           .type = CC_EVENT_UNKNOWN,
                                           .type_text = CC_SLICE_LITERAL("call.teleported"),
                                           .occurred_at_us = INT64_C(1795253400000000),
                                           .call_id = CC_SLICE_LITERAL("c-1"),
                                           .kind = CC_CALL_MOBILE,
                                           .direction = CC_CALL_ORIGINATING,
                                           .from_e164 = CC_SLICE_LITERAL("+461"),
                                           .to_dialled = CC_SLICE_LITERAL("112"),
                                           .sequence = 4};

START_TEST(every_key_in_its_order)
{
    const struct cc_action hangup = cc_action_hangup();
    struct cc_call_record record = {.tenant = CC_SLICE_LITERAL("acme"),
                                    .event = &event,
                                    .source = CC_SLICE_LITERAL("memory"),
                                    .decision_id = CC_SLICE_LITERAL("0a"),
                                    .plan_version = 7,
                                    .flow_id = CC_SLICE_LITERAL("main"),
                                    .flow_version = 2,
                                    .carrier_key = CC_SLICE_LITERAL("telia-1"),
                                    .giver = CC_SLICE_LITERAL("se-1/worker-1"),
                                    .attempt = 1,
                                    .request_id = CC_SLICE_LITERAL("r-1"),
                                    .delivered = true,
                                    .received_at_us = INT64_C(1795253400000001),
                                    .processing_us = 250,
                                    .actions = &hangup,
                                    .action_count = 1};
    struct cc_buffer out;
    cc_buffer_init(&out, CC_CALL_RECORD_MAX);
    cc_call_record_render(&record, &out);
    ASSERT_SLICE(cc_buffer_slice(&out),
                 "{\"tenant\":\"acme\",\"event_id\":\"e-1\",\"event\":\"call.teleported\","
                 "\"occurred_at\":\"2026-11-21T09:30:00.000000Z\",\"call_id\":\"c-1\",\"kind\":"
                 "\"mobile\",\"direction\":\"originating\",\"from\":\"+461\",\"to\":\"112\","
                 "\"sequence\":4,\"source\":\"memory\",\"decision_id\":\"0a\",\"plan_version\":7,"
                 "\"flow\":\"main\",\"flow_version\":2,\"carrier_key\":\"telia-1\",\"giver\":"
                 "\"se-1/worker-1\",\"attempt\":1,\"request_id\":\"r-1\",\"delivered\":true,"
                 "\"received_at\":\"2026-11-21T09:30:00.000001Z\",\"processing_us\":250,"
                 "\"actions\":[{\"hangup\":{}}]}");
    cc_buffer_deinit(&out);
}
END_TEST

START_TEST(absent_texts_are_null_and_rendered_actions_are_taken)
{
    struct cc_call_record record = {.tenant = CC_SLICE_LITERAL("a{"),
                                    .event = &event,
                                    .actions_json = CC_SLICE_LITERAL("[{\"x\":1}]")};
    struct cc_buffer out;
    json_t *value = NULL;
    cc_buffer_init(&out, CC_CALL_RECORD_MAX);
    cc_call_record_render(&record, &out);
    ck_assert_int_eq(cc_json_parse(cc_buffer_slice(&out), CC_CALL_RECORD_MAX, &value, NULL), CC_OK);
    ck_assert_uint_eq(json_object_size(value), 23);
    ck_assert(json_is_null(cc_json_at(value, "flow")));
    ck_assert(json_is_null(cc_json_at(value, "request_id")));
    ck_assert(json_is_false(cc_json_at(value, "delivered")));
    ck_assert_uint_eq(json_array_size(cc_json_at(value, "actions")), 1);
    ck_assert_ptr_null(memchr(out.data, '\n', out.length));
    json_decref(value);
    cc_buffer_deinit(&out);
}
END_TEST

SUITE_MAIN("call_record", every_key_in_its_order,
           absent_texts_are_null_and_rendered_actions_are_taken)
