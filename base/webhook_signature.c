#include "base/webhook_signature.h"

#include "base/names.h"
#include "base/timestamp.h"

enum { TIMESTAMP_DIGITS_MAX = 12, SECRET_MIN_BYTES = 24, SECRET_MAX_BYTES = 64 };

static enum cc_error read_timestamp(struct cc_slice text, int64_t *out_s)
{
    *out_s = 0;
    if (text.length == 0 || text.length > TIMESTAMP_DIGITS_MAX)
        return CC_INVALID;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return CC_INVALID;
        *out_s = *out_s * 10 + (text.data[i] - '0');
    }
    return CC_OK;
}

static enum cc_error digest(const struct cc_webhook *webhook, struct cc_slice secret,
                            uint8_t out[CC_SHA256_BYTES])
{
    const struct cc_slice parts[] = {webhook->id, CC_SLICE_LITERAL("."), webhook->timestamp,
                                     CC_SLICE_LITERAL("."), webhook->body};
    return cc_hmac_sha256(secret, parts, sizeof(parts) / sizeof(parts[0]), out);
}

/* Takes the text up to the next space off *rest. */
static struct cc_slice next_entry(struct cc_slice *rest)
{
    const char *space = memchr(rest->data, ' ', rest->length);
    size_t length = space ? (size_t)(space - rest->data) : rest->length;
    struct cc_slice entry = cc_slice(rest->data, length);
    size_t taken = space ? length + 1 : length;
    *rest = cc_slice(rest->data + taken, rest->length - taken);
    return entry;
}

/* Whether any v1 entry of the header is this signature; looks at all of them. */
static bool has_signature(struct cc_slice header, struct cc_slice expected)
{
    bool found = false;
    while (header.length > 0) {
        struct cc_slice entry = next_entry(&header);
        uint8_t given[CC_SHA256_BYTES];
        size_t length = 0;
        if (!cc_slice_starts_with(entry, CC_SLICE_LITERAL("v1,")) ||
            cc_base64_decode(cc_slice(entry.data + 3, entry.length - 3), given, sizeof(given),
                             &length))
            continue;
        found |= cc_crypto_equal(cc_slice((const char *)given, length), expected);
    }
    return found;
}

/* One or more "<version>,<signature>", separated by one space. */
static bool is_well_formed(struct cc_slice header)
{
    if (header.length == 0 || header.data[header.length - 1] == ' ')
        return false;
    while (header.length > 0) {
        struct cc_slice entry = next_entry(&header);
        if (entry.length == 0 || entry.data[0] == ',' || !memchr(entry.data, ',', entry.length))
            return false;
    }
    return true;
}

enum cc_error cc_webhook_verify(const struct cc_webhook *webhook, const struct cc_slice *secrets,
                                size_t secret_count, int64_t now_us)
{
    int64_t timestamp_s = 0;
    if (!cc_name_is_carrier_id(webhook->id) || read_timestamp(webhook->timestamp, &timestamp_s) ||
        !is_well_formed(webhook->signature))
        return CC_INVALID;
    int64_t age_us = now_us - timestamp_s * CC_SECOND_US;
    if (age_us > CC_WEBHOOK_TOLERANCE_S * CC_SECOND_US ||
        age_us < -CC_WEBHOOK_TOLERANCE_S * CC_SECOND_US)
        return CC_EXPIRED;
    for (size_t i = 0; i < secret_count; i++) {
        uint8_t expected[CC_SHA256_BYTES];
        if (secrets[i].length == 0)
            continue;
        enum cc_error error = digest(webhook, secrets[i], expected);
        if (error)
            return error;
        if (has_signature(webhook->signature, cc_slice((const char *)expected, sizeof(expected))))
            return CC_OK;
    }
    return CC_SIGNATURE;
}

enum cc_error cc_webhook_sign(const struct cc_webhook *webhook, struct cc_slice secret, char *out)
{
    uint8_t bytes[CC_SHA256_BYTES];
    out[0] = '\0';
    enum cc_error error = digest(webhook, secret, bytes);
    if (error)
        return error;
    memcpy(out, "v1,", 3);
    (void)cc_base64_encode(cc_slice((const char *)bytes, sizeof(bytes)), out + 3);
    return CC_OK;
}

enum cc_error cc_webhook_secret_parse(struct cc_slice text, uint8_t *out, size_t capacity,
                                      size_t *out_length)
{
    struct cc_slice prefix = CC_SLICE_LITERAL("whsec_");
    *out_length = 0;
    if (!cc_slice_starts_with(text, prefix))
        return CC_INVALID;
    size_t length = 0;
    enum cc_error error = cc_base64_decode(
        cc_slice(text.data + prefix.length, text.length - prefix.length), out, capacity, &length);
    if (error)
        return error;
    if (length < SECRET_MIN_BYTES || length > SECRET_MAX_BYTES)
        return CC_INVALID;
    *out_length = length;
    return CC_OK;
}
