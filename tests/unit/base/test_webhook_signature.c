#include "base/webhook_signature.h"

#include <stdio.h>

#include "tests/unit/base/suite.h"

static const int64_t SECOND_US = 1000000;
/* The example of the Standard Webhooks libraries. */
static const char secret_text[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const int64_t signed_at_s = 1614265330;

static struct cc_slice secret(uint8_t *room)
{
    size_t length = 0;
    ck_assert_int_eq(cc_webhook_secret_parse(cc_slice_of(secret_text), room, 64, &length), CC_OK);
    return cc_slice((const char *)room, length);
}

static struct cc_webhook example(const char *signature)
{
    return (struct cc_webhook){.id = CC_SLICE_LITERAL("msg_p5jXN8AQM9LWM0D4loKWxJek"),
                               .timestamp = CC_SLICE_LITERAL("1614265330"),
                               .signature = cc_slice_of(signature),
                               .body = CC_SLICE_LITERAL("{\"test\": 2432232314}")};
}
static const char good[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

static enum cc_error verify_at(const struct cc_webhook *webhook, int64_t now_s)
{
    uint8_t room[64];
    struct cc_slice secrets[] = {CC_SLICE_LITERAL("another secret of enough length"), secret(room)};
    return cc_webhook_verify(webhook, secrets, 2, now_s * SECOND_US);
}

START_TEST(the_published_vector)
{
    uint8_t room[64];
    char made[CC_WEBHOOK_SIGNATURE_TEXT];
    struct cc_webhook webhook = example(good);
    ck_assert_int_eq(cc_webhook_sign(&webhook, secret(room), made), CC_OK);
    ck_assert_str_eq(made, good);
    ck_assert_int_eq(verify_at(&webhook, signed_at_s), CC_OK);
}
END_TEST

START_TEST(several_signatures_and_versions)
{
    char header[512];
    (void)snprintf(header, sizeof(header), "v1a,AAAA v1,AAAA v1,!!! %s", good);
    struct cc_webhook webhook = example(header);
    ck_assert_int_eq(verify_at(&webhook, signed_at_s), CC_OK);
    webhook = example("v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    ck_assert_int_eq(verify_at(&webhook, signed_at_s), CC_SIGNATURE);
    webhook = example("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=");
    ck_assert_int_eq(verify_at(&webhook, signed_at_s), CC_SIGNATURE);
}
END_TEST

START_TEST(the_tolerance_is_300_seconds_both_ways)
{
    struct cc_webhook webhook = example(good);
    ck_assert_int_eq(verify_at(&webhook, signed_at_s + 300), CC_OK);
    ck_assert_int_eq(verify_at(&webhook, signed_at_s + 301), CC_EXPIRED);
    ck_assert_int_eq(verify_at(&webhook, signed_at_s - 300), CC_OK);
    ck_assert_int_eq(verify_at(&webhook, signed_at_s - 301), CC_EXPIRED);
}
END_TEST

START_TEST(each_part_is_signed)
{
    struct cc_webhook webhook = example(good);
    webhook.id = CC_SLICE_LITERAL("msg_other");
    ck_assert_int_eq(verify_at(&webhook, signed_at_s), CC_SIGNATURE);
    webhook = example(good);
    webhook.timestamp = CC_SLICE_LITERAL("1614265331");
    ck_assert_int_eq(verify_at(&webhook, signed_at_s), CC_SIGNATURE);
    webhook = example(good);
    webhook.body = CC_SLICE_LITERAL("{\"test\": 2432232315}");
    ck_assert_int_eq(verify_at(&webhook, signed_at_s), CC_SIGNATURE);
}
END_TEST

START_TEST(malformed_headers)
{
    static const char *const bad_signatures[] = {"",         "g0hM", " v1,AAAA",
                                                 "v1,AAAA ", ",AA",  "v1,AAAA  v1,AAAA"};
    static const char *const bad_times[] = {"", "-1", "1.5", "abc", "1614265330 ", "1234567890123"};
    struct cc_webhook webhook = example(good);
    for (size_t i = 0; i < sizeof(bad_signatures) / sizeof(bad_signatures[0]); i++) {
        webhook.signature = cc_slice_of(bad_signatures[i]);
        ck_assert_msg(verify_at(&webhook, signed_at_s) == CC_INVALID, "\"%s\"", bad_signatures[i]);
    }
    webhook = example(good);
    for (size_t i = 0; i < sizeof(bad_times) / sizeof(bad_times[0]); i++) {
        webhook.timestamp = cc_slice_of(bad_times[i]);
        ck_assert_msg(verify_at(&webhook, signed_at_s) == CC_INVALID, "\"%s\"", bad_times[i]);
    }
    webhook = example(good);
    webhook.id = cc_slice(NULL, 0);
    ck_assert_int_eq(verify_at(&webhook, signed_at_s), CC_INVALID);
}
END_TEST

START_TEST(no_secret_never_verifies)
{
    struct cc_webhook webhook = example(good);
    const struct cc_slice empty = {NULL, 0};
    char made[CC_WEBHOOK_SIGNATURE_TEXT];
    ck_assert_int_eq(cc_webhook_verify(&webhook, NULL, 0, signed_at_s * SECOND_US), CC_SIGNATURE);
    ck_assert_int_eq(cc_webhook_sign(&webhook, empty, made), CC_OK);
    webhook.signature = cc_slice_of(made);
    ck_assert_int_eq(cc_webhook_verify(&webhook, &empty, 1, signed_at_s * SECOND_US), CC_SIGNATURE);
}
END_TEST

START_TEST(secrets_have_24_to_64_bytes)
{
    uint8_t bytes[80];
    uint8_t out[80];
    char text[128] = "whsec_";
    size_t length = 0;
    memset(bytes, 7, sizeof(bytes));
    for (size_t size = 22; size <= 66; size++) {
        (void)cc_base64_encode(cc_slice((const char *)bytes, size), text + 6);
        bool fits = size >= 24 && size <= 64;
        ck_assert_int_eq(cc_webhook_secret_parse(cc_slice_of(text), out, sizeof(out), &length),
                         fits ? CC_OK : CC_INVALID);
        ck_assert_uint_eq(length, fits ? size : 0);
    }
    ck_assert_int_eq(cc_webhook_secret_parse(cc_slice_of(secret_text + 6), out, 80, &length),
                     CC_INVALID);
    ck_assert_int_eq(cc_webhook_secret_parse(cc_slice_of(secret_text), out, 20, &length),
                     CC_TOO_LARGE);
}
END_TEST

SUITE_MAIN("webhook_signature", the_published_vector, several_signatures_and_versions,
           the_tolerance_is_300_seconds_both_ways, each_part_is_signed, malformed_headers,
           no_secret_never_verifies, secrets_have_24_to_64_bytes)
