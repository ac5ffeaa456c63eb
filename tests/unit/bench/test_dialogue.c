#include <check.h>
#include <stdlib.h>

#include "bench/dialogue.h"
#include "bench/script_source.h"

static struct bench_script script_of(const char *line)
{
    struct bench_script script;
    struct cc_json_reason reason;
    ck_assert_int_eq(bench_script_parse(cc_slice_of(line), "se", &script, &reason), CC_OK);
    return script;
}

static const char pbx_line[] =
    "{\"call_id\":\"c-1\",\"tenant\":\"acme\",\"kind\":\"pbx\",\"direction\":\"terminating\","
    "\"from\":\"+46701112233\",\"to\":\"+46101234567\",\"dialled\":\"\",\"occurred_at\":\"2026-11-"
    "23T09:00:00Z\","
    "\"inputs\":[\"1\",\"timeout\",\"busy\"]}";

static const char gather[] =
    "{\"state\":\"abc\",\"actions\":[{\"say\":{\"text\":\"x\"}},{\"gather\":{\"min\":1}}]}";
static const char reporting_connect[] =
    "{\"state\":\"def\",\"actions\":[{\"connect\":{\"targets\":[],\"on_busy\":\"event\"}}]}";
static const char silent_connect[] =
    "{\"state\":null,\"actions\":[{\"connect\":{\"targets\":[]}}]}";

START_TEST(reacts_to_each_last_action)
{
    struct bench_script script = script_of(pbx_line);
    struct bench_dialogue dialogue;
    bench_dialogue_start(&dialogue, &script);
    struct bench_webhook webhook = bench_dialogue_webhook(&dialogue, 0);
    ck_assert_str_eq(webhook.event, "call.initiated");
    ck_assert_str_eq(webhook.event_id, "c-1.1");
    ck_assert_str_eq(webhook.occurred_at, "2026-11-23T09:00:00.000000Z");

    bench_dialogue_answered(&dialogue, cc_slice_of(gather));
    webhook = bench_dialogue_webhook(&dialogue, 0);
    ck_assert_str_eq(webhook.event, "gather.completed");
    ck_assert_str_eq(webhook.digits, "1");
    ck_assert_str_eq(webhook.reason, "dtmf");
    ck_assert_str_eq(webhook.state, "abc");
    ck_assert_str_eq(webhook.occurred_at, "2026-11-23T09:00:01.000000Z");

    bench_dialogue_answered(&dialogue, cc_slice_of(gather));
    webhook = bench_dialogue_webhook(&dialogue, 0);
    ck_assert_str_eq(webhook.digits, "");
    ck_assert_str_eq(webhook.reason, "timeout");

    bench_dialogue_answered(&dialogue, cc_slice_of(reporting_connect));
    webhook = bench_dialogue_webhook(&dialogue, 0);
    ck_assert_str_eq(webhook.event, "dial.completed");
    ck_assert_str_eq(webhook.status, "busy");
    ck_assert_ptr_null(webhook.digits);
    ck_assert(!dialogue.ended);

    bench_dialogue_answered(&dialogue,
                            cc_slice_of("{\"state\":null,\"actions\":[{\"hangup\":{}}]}"));
    webhook = bench_dialogue_webhook(&dialogue, 0);
    ck_assert_str_eq(webhook.event, "call.completed");
    ck_assert_str_eq(webhook.state, "");
    bench_dialogue_answered(&dialogue, cc_slice_of("{\"state\":null,\"actions\":[]}"));
    ck_assert(dialogue.ended);
}
END_TEST

START_TEST(an_event_sent_alone_has_an_id_of_its_own)
{
    struct bench_script script = script_of(pbx_line);
    struct bench_dialogue dialogue;
    bench_dialogue_start(&dialogue, &script);
    dialogue.event = "dial.completed";
    struct bench_webhook webhook = bench_dialogue_webhook(&dialogue, 0);
    ck_assert_str_eq(webhook.event, "dial.completed");
    ck_assert_str_eq(webhook.event_id, "c-1.dial.completed");
}
END_TEST

START_TEST(hangs_up_when_nothing_is_asked_or_left)
{
    struct bench_script script = script_of(pbx_line);
    script.input_count = 0;
    const char *answers[] = {gather, reporting_connect, silent_connect, "no json"};
    for (size_t i = 0; i < 4; i++) {
        struct bench_dialogue dialogue;
        bench_dialogue_start(&dialogue, &script);
        bench_dialogue_answered(&dialogue, cc_slice_of(answers[i]));
        ck_assert_str_eq(dialogue.event, "call.completed");
        ck_assert(!dialogue.ended);
        bench_dialogue_unanswered(&dialogue);
        ck_assert(dialogue.ended);
    }
}
END_TEST

START_TEST(refuses_scripts_out_of_bounds)
{
    struct bench_script script;
    struct cc_json_reason reason;
    const char *bad[] = {"{", "{\"call_id\":7}", "{\"inputs\":[1]}", "{\"occurred_at\":\"noon\"}"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_ne(bench_script_parse(cc_slice_of(bad[i]), "se", &script, &reason), CC_OK);
    ck_assert_int_eq(bench_script_inputs("1,,busy", &script), CC_OK);
    ck_assert_uint_eq(script.input_count, 3);
    ck_assert_str_eq(script.inputs[1], "");
    ck_assert_int_eq(bench_script_inputs("1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", &script),
                     CC_TOO_LARGE);
}
END_TEST

struct first_calls {
    char from[8][32], call_id[8][BENCH_TEXT_MAX];
};

static void first_calls(uint64_t seed, int64_t run_us, struct first_calls *out)
{
    static const char numbers[] =
        "{\"number\":\"+46700000001\",\"tenant\":\"acme\",\"kind\":\"mobile\"}\n"
        "{\"number\":\"+46100000001\",\"tenant\":\"acme\",\"kind\":\"pbx\",\"flow\":\"main\"}\n";
    struct bench_script_source source;
    struct cc_json_reason reason;
    struct bench_script script;
    ck_assert_int_eq(
        bench_script_source_numbers(&source, "se", cc_slice_of(numbers), seed, &reason), CC_OK);
    source.run_us = run_us;
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(bench_script_source_next(&source, &script, &reason), CC_OK);
        ck_assert_uint_eq(script.input_count, strcmp(script.kind, "pbx") == 0 ? 4 : 0);
        memcpy(out->from[i], script.from, sizeof(script.from));
        memcpy(out->call_id[i], script.call_id, sizeof(script.call_id));
    }
    bench_script_source_deinit(&source);
}

START_TEST(one_seed_gives_the_same_calls)
{
    struct first_calls a, b, c;
    first_calls(7, 1, &a);
    first_calls(7, 1, &b);
    first_calls(8, 1, &c);
    for (int i = 0; i < 8; i++) {
        ck_assert_str_eq(a.from[i], b.from[i]);
        ck_assert_str_eq(a.call_id[i], b.call_id[i]);
        ck_assert_str_ne(a.from[i], c.from[i]);
    }
}
END_TEST

START_TEST(two_runs_of_one_seed_share_no_call_id)
{
    struct first_calls a, b;
    first_calls(7, 1, &a);
    first_calls(7, 2, &b);
    for (int i = 0; i < 8; i++) {
        ck_assert_str_eq(a.from[i], b.from[i]);
        for (int j = 0; j < 8; j++)
            ck_assert_str_ne(a.call_id[i], b.call_id[j]);
    }
}
END_TEST

START_TEST(reads_scripted_calls_in_order)
{
    struct bench_script_source source;
    struct bench_script script;
    struct cc_json_reason reason;
    bench_script_source_calls(&source, "se",
                              cc_slice_of("{\"call_id\":\"a\"}\n\n{\"call_id\":\"b\"}\n"));
    ck_assert_int_eq(bench_script_source_next(&source, &script, &reason), CC_OK);
    ck_assert_str_eq(script.call_id, "a");
    ck_assert_int_eq(bench_script_source_next(&source, &script, &reason), CC_OK);
    ck_assert_str_eq(script.call_id, "b");
    ck_assert_int_eq(bench_script_source_next(&source, &script, &reason), CC_NOT_FOUND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench dialogue");
    TCase *tests = tcase_create("dialogue");
    tcase_add_test(tests, reacts_to_each_last_action);
    tcase_add_test(tests, an_event_sent_alone_has_an_id_of_its_own);
    tcase_add_test(tests, hangs_up_when_nothing_is_asked_or_left);
    tcase_add_test(tests, refuses_scripts_out_of_bounds);
    tcase_add_test(tests, one_seed_gives_the_same_calls);
    tcase_add_test(tests, two_runs_of_one_seed_share_no_call_id);
    tcase_add_test(tests, reads_scripted_calls_in_order);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
