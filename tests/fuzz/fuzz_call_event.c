#include "base/call_record.h"
#include "base/safest.h"
#include "tests/fuzz/call_event_holds.h"

static void assert_json(struct cc_buffer *bytes)
{
    json_t *value = NULL;
    HOLDS(bytes->error == CC_OK);
    HOLDS(cc_json_parse(cc_buffer_slice(bytes), bytes->length, &value, NULL) == CC_OK);
    json_decref(value);
}

/* Every call event has a safest answer and a record that are JSON. */
static void answer_and_record(const struct cc_call_event *event)
{
    static const struct cc_slice barred[] = {CC_SLICE_LITERAL("+46900")};
    static const struct cc_call_policy policy = {.country_code = CC_SLICE_LITERAL("46"),
                                                 .national_prefix = CC_SLICE_LITERAL("0"),
                                                 .emergency = NULL,
                                                 .barred_prefixes = barred,
                                                 .barred_count = 1};
    struct cc_action actions[CC_ACTIONS_MAX];
    struct cc_answer answer = {.actions = actions, .state = event->state};
    struct cc_buffer out;
    char decision_id[CC_DECISION_ID_TEXT + 1];
    (void)cc_safest(event, &policy, true, cc_call_event_served(event), actions,
                    &answer.action_count);
    cc_buffer_init(&out, 0);
    HOLDS(cc_answer_render(&answer, CC_SLICE_LITERAL("acme"), event->event_id, 1, &out,
                           decision_id) == CC_OK);
    assert_json(&out);
    cc_buffer_clear(&out);
    const struct cc_call_record record = {.tenant = CC_SLICE_LITERAL("acme"),
                                          .event = event,
                                          .actions = actions,
                                          .action_count = answer.action_count};
    cc_call_record_render(&record, &out);
    HOLDS(out.length <= CC_CALL_RECORD_MAX);
    assert_json(&out);
    cc_buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cc_arena arena;
    struct cc_call_event event;
    struct cc_json_reason reason = {""};
    (void)ordinary_holds(fuzz_input(data, size));
    cc_arena_init(&arena, 0);
    enum cc_error error = cc_call_event_parse(fuzz_input(data, size), &arena, &event, &reason);
    HOLDS(error == CC_OK || (error == CC_INVALID && reason.text[0] != '\0'));
    if (!error) {
        HOLDS(cc_name_is_carrier_id(event.event_id) && cc_name_is_carrier_id(event.call_id));
        HOLDS(cc_call_event_dialled(&event).length > 0);
        HOLDS(event.state.length <= CC_STATE_TEXT_MAX);
        answer_and_record(&event);
    }
    cc_arena_reset(&arena);
    return 0;
}
