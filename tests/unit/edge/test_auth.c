#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/auth.h"
#include "tests/unit/edge/fixture.h"

#define SECRET_A "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET_B "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
#define SECRET_C "whsec_QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
#define KEY(id, tenants, mode, secrets)                                                            \
    "{\"id\":\"" id "\",\"carrier\":\"c\",\"tenants\":[" tenants "],\"mode\":\"" mode              \
    "\",\"secrets\":[" secrets "]}"

static const int64_t NOW_US = INT64_C(1795000000) * 1000000;

static struct cc_carrier_keyring *keyring;
static char signature[CC_WEBHOOK_SIGNATURE_TEXT];
static char timestamp[24];

static void set_up(void)
{
    keyring =
        fixture_keyring(KEY("all", "\"*\"", "enforce", "\"" SECRET_A "\",\"" SECRET_B "\"") "," KEY(
            "acme-only", "\"acme\"", "enforce", "\"" SECRET_C "\""));
}

static void tear_down(void)
{
    cc_carrier_keyring_free(keyring);
}

static struct edge_auth_request signed_request(const char *secret, int64_t at_us)
{
    struct edge_auth_request request = {
        .webhook = {.id = CC_SLICE_LITERAL("msg_1"), .body = CC_SLICE_LITERAL("{}")},
        .tenant = CC_SLICE_LITERAL("acme"),
        .now_us = NOW_US};
    uint8_t raw[CC_CARRIER_SECRET_BYTES_MAX];
    size_t length = 0;
    ck_assert_int_eq(cc_webhook_secret_parse(cc_slice_of(secret), raw, sizeof(raw), &length),
                     CC_OK);
    snprintf(timestamp, sizeof(timestamp), "%lld", (long long)(at_us / 1000000));
    request.webhook.timestamp = cc_slice_of(timestamp);
    ck_assert_int_eq(
        cc_webhook_sign(&request.webhook, cc_slice((const char *)raw, length), signature), CC_OK);
    request.webhook.signature = cc_slice_of(signature);
    return request;
}

static struct edge_auth_result decide(struct edge_auth_request request)
{
    struct edge_auth_result result;
    edge_auth_decide(keyring, &request, &result);
    return result;
}

static void expect(struct edge_auth_request request, enum edge_auth_verdict verdict,
                   const char *words)
{
    struct edge_auth_result result = decide(request);
    ck_assert_int_eq(result.verdict, verdict);
    ck_assert_msg(strstr(result.reason.text, words) != NULL, "\"%s\" lacks \"%s\"",
                  result.reason.text, words);
    ck_assert_ptr_null(strstr(result.reason.text, "whsec"));
}

START_TEST(both_secrets_with_and_without_the_keys_name)
{
    static const char *const secrets[] = {SECRET_A, SECRET_B};
    for (int i = 0; i < 2; i++) {
        struct edge_auth_request request = signed_request(secrets[i], NOW_US);
        struct edge_auth_result result = decide(request);
        ck_assert_int_eq(result.verdict, EDGE_AUTH_VALID);
        ck_assert(cc_slice_is(result.key->id, "all"));
        request.key_id = CC_SLICE_LITERAL("all");
        ck_assert_int_eq(decide(request).verdict, EDGE_AUTH_VALID);
        ck_assert_int_eq(decide(request).verdict, EDGE_AUTH_VALID); /* a carrier's repeat */
    }
}
END_TEST

START_TEST(another_key_than_the_named_one)
{
    struct edge_auth_request request = signed_request(SECRET_C, NOW_US);
    ck_assert_int_eq(decide(request).verdict, EDGE_AUTH_VALID);
    request.key_id = CC_SLICE_LITERAL("all");
    expect(request, EDGE_AUTH_REFUSED, "does not match");
    request.key_id = CC_SLICE_LITERAL("nobody");
    expect(request, EDGE_AUTH_UNKNOWN_KEY, "names no key");
}
END_TEST

START_TEST(other_tenants_are_forbidden)
{
    struct edge_auth_request request = signed_request(SECRET_C, NOW_US);
    request.tenant = CC_SLICE_LITERAL("globex");
    expect(request, EDGE_AUTH_FORBIDDEN, "tenant");
    request.key_id = CC_SLICE_LITERAL("acme-only");
    expect(request, EDGE_AUTH_FORBIDDEN, "tenant");
    request.tenant = (struct cc_slice){0};
    ck_assert_int_eq(decide(request).verdict, EDGE_AUTH_VALID);
    request.tenant = CC_SLICE_LITERAL("globex");
    request.webhook.body = CC_SLICE_LITERAL("{ }");
    expect(request, EDGE_AUTH_REFUSED, "does not match"); /* 401 before 403 */
}
END_TEST

START_TEST(timestamps)
{
    int64_t tolerance_us = INT64_C(1000000) * CC_WEBHOOK_TOLERANCE_S;
    ck_assert_int_eq(decide(signed_request(SECRET_A, NOW_US - tolerance_us)).verdict,
                     EDGE_AUTH_VALID);
    expect(signed_request(SECRET_A, NOW_US - tolerance_us - 1000000), EDGE_AUTH_REFUSED,
           "webhook-timestamp is more than 300 s");
    expect(signed_request(SECRET_A, NOW_US + tolerance_us + 1000000), EDGE_AUTH_REFUSED,
           "webhook-timestamp is more than 300 s");
}
END_TEST

START_TEST(missing_and_malformed_headers)
{
    struct edge_auth_request request = signed_request(SECRET_A, NOW_US);
    struct cc_webhook whole = request.webhook;
    request.webhook.id = (struct cc_slice){0};
    expect(request, EDGE_AUTH_REFUSED, "webhook-id is missing");
    request.webhook = whole;
    request.webhook.timestamp = (struct cc_slice){0};
    expect(request, EDGE_AUTH_REFUSED, "webhook-timestamp is missing");
    request.webhook = whole;
    request.webhook.signature = (struct cc_slice){0};
    expect(request, EDGE_AUTH_REFUSED, "webhook-signature is missing");
    request.webhook = whole;
    request.webhook.timestamp = CC_SLICE_LITERAL("now");
    expect(request, EDGE_AUTH_REFUSED, "malformed");
}
END_TEST

START_TEST(report_only_lets_through_and_says_so)
{
    cc_carrier_keyring_free(keyring);
    keyring = fixture_keyring(KEY("old", "\"acme\"", "enforce", "\"" SECRET_A "\"") "," KEY(
        "new", "\"acme\"", "report-only", "\"" SECRET_B "\""));
    struct edge_auth_request request = signed_request(SECRET_C, NOW_US);
    expect(request, EDGE_AUTH_REPORTED, "matches no key");
    request.key_id = CC_SLICE_LITERAL("new");
    expect(request, EDGE_AUTH_REPORTED, "does not match");
    request.webhook.signature = (struct cc_slice){0};
    expect(request, EDGE_AUTH_REPORTED, "webhook-signature is missing");
    request.tenant = CC_SLICE_LITERAL("globex");
    expect(request, EDGE_AUTH_FORBIDDEN, "tenant");
    request.key_id = CC_SLICE_LITERAL("old");
    expect(request, EDGE_AUTH_REFUSED, "webhook-signature is missing");
    ck_assert_int_eq(decide(signed_request(SECRET_B, NOW_US)).verdict, EDGE_AUTH_VALID);
}
END_TEST

static void many_keys(int count)
{
    struct cc_buffer keys;
    cc_buffer_init(&keys, 0);
    for (int i = 0; i < count; i++)
        cc_buffer_printf(&keys,
                         "%s{\"id\":\"k-%d\",\"carrier\":\"c\",\"tenants\":[\"*\"],"
                         "\"mode\":\"enforce\",\"secrets\":[\"%s\"]}",
                         i > 0 ? "," : "", i, i == count - 1 ? SECRET_A : SECRET_B);
    char *text = strndup(keys.data, keys.length);
    cc_carrier_keyring_free(keyring);
    keyring = fixture_keyring(text);
    free(text);
    cc_buffer_deinit(&keys);
}

START_TEST(a_known_carrier_in_the_wrong_country)
{
    struct edge_countries countries = {0};
    struct edge_auth_request request = signed_request(SECRET_A, NOW_US);
    request.key_id = CC_SLICE_LITERAL("telia-1");
    ck_assert(!edge_auth_is_elsewhere(&countries, &request));
    ck_assert_ptr_nonnull(fixture_country(&countries));
    ck_assert(edge_auth_is_elsewhere(&countries, &request));
    request.webhook.body = CC_SLICE_LITERAL("{ }");
    ck_assert(!edge_auth_is_elsewhere(&countries, &request));
    edge_countries_deinit(&countries);
}
END_TEST

START_TEST(all_keys_are_tried_up_to_sixteen)
{
    many_keys(EDGE_AUTH_TRIED_KEYS_MAX);
    ck_assert_int_eq(decide(signed_request(SECRET_A, NOW_US)).verdict, EDGE_AUTH_VALID);
    many_keys(EDGE_AUTH_TRIED_KEYS_MAX + 1);
    struct edge_auth_request request = signed_request(SECRET_A, NOW_US);
    expect(request, EDGE_AUTH_REFUSED, "callcell-key");
    request.key_id = CC_SLICE_LITERAL("k-16");
    ck_assert_int_eq(decide(request).verdict, EDGE_AUTH_VALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/auth");
    TCase *tests = tcase_create("auth");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, both_secrets_with_and_without_the_keys_name);
    tcase_add_test(tests, another_key_than_the_named_one);
    tcase_add_test(tests, other_tenants_are_forbidden);
    tcase_add_test(tests, timestamps);
    tcase_add_test(tests, missing_and_malformed_headers);
    tcase_add_test(tests, report_only_lets_through_and_says_so);
    tcase_add_test(tests, a_known_carrier_in_the_wrong_country);
    tcase_add_test(tests, all_keys_are_tried_up_to_sixteen);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
