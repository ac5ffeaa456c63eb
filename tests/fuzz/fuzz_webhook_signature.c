#include "base/webhook_signature.h"
#include "tests/fuzz/fuzz.h"

/* Takes the bytes up to the next line feed off *rest. */
static struct cc_slice next_line(struct cc_slice *rest)
{
    const char *end = rest->length > 0 ? memchr(rest->data, '\n', rest->length) : NULL;
    struct cc_slice line = end ? cc_slice(rest->data, (size_t)(end - rest->data)) : *rest;
    size_t taken = end ? line.length + 1 : line.length;
    *rest = cc_slice(rest->data + taken, rest->length - taken);
    return line;
}

/* Input: id, timestamp, signature, secret, a line each, then the body. Nothing verifies but what
 * was signed here. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cc_slice secret = {"a secret that the input cannot know", 35};
    static const int64_t now_us = INT64_C(1614265330000000);
    char signature[CC_WEBHOOK_SIGNATURE_TEXT];
    uint8_t parsed[64];
    size_t parsed_length = 0;
    struct cc_slice rest = fuzz_input(data, size);
    struct cc_webhook webhook;
    webhook.id = next_line(&rest);
    webhook.timestamp = next_line(&rest);
    webhook.signature = next_line(&rest);
    struct cc_slice secret_text = next_line(&rest);
    webhook.body = rest;
    HOLDS(cc_webhook_verify(&webhook, &secret, 1, now_us) != CC_OK);
    if (cc_webhook_secret_parse(secret_text, parsed, sizeof(parsed), &parsed_length) == CC_OK)
        HOLDS(parsed_length >= 24 && parsed_length <= 64);
    HOLDS(cc_webhook_sign(&webhook, secret, signature) == CC_OK);
    webhook.signature = cc_slice_of(signature);
    HOLDS(cc_webhook_verify(&webhook, &secret, 1, now_us) != CC_SIGNATURE);
    return 0;
}
