#include <check.h>
#include <stdlib.h>

#include "base/call_event.h"
#include "base/webhook_signature.h"
#include "bench/options.h"
#include "bench/webhook.h"

static const struct bench_webhook webhook = {.country = "se",
                                             .tenant = "acme",
                                             .kind = "pbx",
                                             .direction = "terminating",
                                             .from = "+46701112233",
                                             .to = "+46101234567",
                                             .call_id = "c-1",
                                             .event_id = "e-2",
                                             .event = "gather.completed",
                                             .occurred_at = "2026-11-23T09:00:00Z",
                                             .sequence = 2,
                                             .state = "abc",
                                             .digits = "12",
                                             .reason = "dtmf"};

static void expect_path(struct bench_webhook given, const char *expected)
{
    struct cc_buffer path;
    cc_buffer_init(&path, 0);
    bench_webhook_path(&given, &path);
    ck_assert(cc_slice_is(cc_buffer_slice(&path), expected));
    cc_buffer_deinit(&path);
}

START_TEST(paths)
{
    struct bench_webhook given = webhook;
    expect_path(given, "/v1/se/tenants/acme/calls/c-1/events");
    given.event = "call.initiated";
    expect_path(given, "/v1/se/tenants/acme/calls");
    given.tenant = "";
    expect_path(given, "/v1/se/calls");
}
END_TEST

START_TEST(body_is_a_call_event)
{
    struct cc_buffer body;
    struct cc_arena arena;
    struct cc_call_event event;
    struct cc_json_reason reason = {""};
    cc_buffer_init(&body, 0);
    cc_arena_init(&arena, 0);
    bench_webhook_body(&webhook, &body);
    ck_assert_msg(cc_call_event_parse(cc_buffer_slice(&body), &arena, &event, &reason) == CC_OK,
                  "%s", reason.text);
    ck_assert(cc_slice_is(event.event_id, "e-2"));
    ck_assert_int_eq(event.type, CC_EVENT_GATHER_COMPLETED);
    ck_assert(cc_slice_is(event.state, "abc"));
    ck_assert(cc_slice_is(event.digits, "12"));
    ck_assert_int_eq(event.reason, CC_REASON_DTMF);
    ck_assert_int_eq(event.sequence, 2);
    cc_arena_reset(&arena);
    cc_buffer_deinit(&body);
}
END_TEST

START_TEST(signs_the_example_of_standard_webhooks)
{
    struct bench_secret secret;
    struct bench_signature signature;
    ck_assert_int_eq(
        bench_secret_parse(cc_slice_of(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), &secret),
        CC_OK);
    ck_assert_int_eq(bench_webhook_sign("msg_p5jXN8AQM9LWM0D4loKWxJek",
                                        cc_slice_of("{\"test\": 2432232314}"), &secret,
                                        INT64_C(1614265330) * 1000000 + 999999, &signature),
                     CC_OK);
    ck_assert_str_eq(signature.timestamp, "1614265330");
    ck_assert_str_eq(signature.text, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    ck_assert_int_ne(bench_secret_parse(cc_slice_of("whsec_%"), &secret), CC_OK);
}
END_TEST

static enum cc_error parse(const char *const *arguments, int count, struct bench_options *options,
                           char *problem)
{
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    enum cc_error error = bench_options_parse(count, (char **)(uintptr_t)arguments, options, &text);
    memcpy(problem, text.length ? text.data : "", text.length);
    problem[text.length] = '\0';
    cc_buffer_deinit(&text);
    return error;
}
#define PARSE(options, problem, ...)                                                               \
    parse((const char *const[]){"callcell-bench", __VA_ARGS__},                                    \
          sizeof((const char *const[]){"", __VA_ARGS__}) / sizeof(char *), options, problem)

START_TEST(a_mistake_gets_one_helpful_line)
{
    struct bench_options options;
    char problem[512];
    ck_assert_int_eq(PARSE(&options, problem, "dance"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(problem, "call, load or run"));
    ck_assert_int_eq(PARSE(&options, problem, "call", "--tow", "x"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(problem, "--tow"));
    ck_assert_int_eq(PARSE(&options, problem, "load", "--rate", "fast"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(problem, "fast"));
    ck_assert_int_eq(PARSE(&options, problem, "call", "--to", "+46", "--secret-file"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(problem, "needs a value"));
    ck_assert_int_eq(PARSE(&options, problem, "call", "--to", "+46", "--secret-file", "s",
                           "--output", "json", "--inputs", "1,busy"),
                     CC_OK);
    ck_assert(options.json);
    ck_assert_uint_eq(options.script.input_count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench webhook");
    TCase *tests = tcase_create("webhook");
    tcase_add_test(tests, paths);
    tcase_add_test(tests, body_is_a_call_event);
    tcase_add_test(tests, signs_the_example_of_standard_webhooks);
    tcase_add_test(tests, a_mistake_gets_one_helpful_line);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
