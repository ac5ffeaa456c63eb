#include "edge/auth.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void decide_named(const struct cc_carrier_keyring *keyring,
                         const struct edge_auth_request *request, struct edge_auth_result *out);
static void decide_any(const struct cc_carrier_keyring *keyring,
                       const struct edge_auth_request *request, struct edge_auth_result *out);

__attribute__((format(printf, 2, 3))) static void say(struct edge_auth_result *out,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(out->reason.text, sizeof(out->reason.text), format, arguments);
    va_end(arguments);
}

static bool serves(const struct cc_carrier_key *key, const struct edge_auth_request *request)
{
    return request->tenant.length == 0 || cc_carrier_key_serves(key, request->tenant);
}

static void forbid(const struct cc_carrier_key *key, struct edge_auth_result *out)
{
    out->verdict = EDGE_AUTH_FORBIDDEN;
    out->key = key;
    say(out, "the key is not valid for this tenant");
}

static enum cc_error verify(const struct cc_carrier_key *key,
                            const struct edge_auth_request *request)
{
    return cc_webhook_verify(&request->webhook, key->secrets, key->secret_count, request->now_us);
}

static const char *missing_header(const struct cc_webhook *webhook)
{
    if (webhook->id.length == 0)
        return "webhook-id";
    if (webhook->timestamp.length == 0)
        return "webhook-timestamp";
    return webhook->signature.length == 0 ? "webhook-signature" : NULL;
}

static void explain(const struct edge_auth_request *request, enum cc_error error,
                    struct edge_auth_result *out)
{
    const char *missing = missing_header(&request->webhook);
    if (missing)
        say(out, "header %s is missing", missing);
    else if (error == CC_INVALID)
        say(out, "webhook-id, webhook-timestamp or webhook-signature is malformed");
    else if (error == CC_EXPIRED)
        say(out, "webhook-timestamp is more than %d s away from our clock (%" PRId64 ")",
            CC_WEBHOOK_TOLERANCE_S, request->now_us / 1000000);
    else if (request->key_id.length == 0)
        say(out, "webhook-signature matches no key of this country");
    else
        say(out, "webhook-signature does not match id.timestamp.body under this key");
}

void edge_auth_decide(const struct cc_carrier_keyring *keyring,
                      const struct edge_auth_request *request, struct edge_auth_result *out)
{
    *out = (struct edge_auth_result){.verdict = EDGE_AUTH_REFUSED};
    if (request->key_id.length > 0)
        decide_named(keyring, request, out);
    else
        decide_any(keyring, request, out);
}

static void decide_named(const struct cc_carrier_keyring *keyring,
                         const struct edge_auth_request *request, struct edge_auth_result *out)
{
    const struct cc_carrier_key *key = cc_carrier_keyring_find(keyring, request->key_id);
    if (!key) {
        out->verdict = EDGE_AUTH_UNKNOWN_KEY;
        say(out, "callcell-key names no key of this country");
        return;
    }
    enum cc_error error = verify(key, request);
    if (error != CC_OK)
        explain(request, error, out);
    if (error != CC_OK && !key->report_only)
        return;
    if (!serves(key, request)) {
        forbid(key, out);
        return;
    }
    out->verdict = error == CC_OK ? EDGE_AUTH_VALID : EDGE_AUTH_REPORTED;
    out->key = key;
}

/* Without a key's name a bad signature passes in report-only mode under the first such key. */
static void report_any(const struct cc_carrier_keyring *keyring,
                       const struct edge_auth_request *request, struct edge_auth_result *out)
{
    for (size_t i = 0; i < cc_carrier_keyring_count(keyring); i++) {
        const struct cc_carrier_key *key = cc_carrier_keyring_at(keyring, i);
        if (!key->report_only || !serves(key, request))
            continue;
        out->verdict = EDGE_AUTH_REPORTED;
        out->key = key;
        return;
    }
}

static void decide_any(const struct cc_carrier_keyring *keyring,
                       const struct edge_auth_request *request, struct edge_auth_result *out)
{
    size_t count = cc_carrier_keyring_count(keyring);
    if (count > EDGE_AUTH_TRIED_KEYS_MAX) {
        say(out, "name your key with the header callcell-key: the country has more than %d",
            EDGE_AUTH_TRIED_KEYS_MAX);
        return;
    }
    const struct cc_carrier_key *stranger = NULL; /* signed well, for other tenants */
    enum cc_error error = CC_SIGNATURE;
    for (size_t i = 0; i < count; i++) {
        const struct cc_carrier_key *key = cc_carrier_keyring_at(keyring, i);
        enum cc_error attempt = verify(key, request);
        if (attempt == CC_OK && serves(key, request)) {
            out->verdict = EDGE_AUTH_VALID;
            out->key = key;
            return;
        }
        if (attempt == CC_OK)
            stranger = key;
        else
            error = attempt;
        if (attempt == CC_INVALID || attempt == CC_EXPIRED)
            break; /* true of every key */
    }
    if (stranger) {
        forbid(stranger, out);
        return;
    }
    explain(request, error, out);
    report_any(keyring, request, out);
}

bool edge_auth_is_elsewhere(const struct edge_countries *countries,
                            const struct edge_auth_request *request)
{
    struct edge_auth_request anywhere = *request;
    anywhere.tenant = (struct cc_slice){0};
    for (size_t i = 0; i < countries->count; i++) {
        struct edge_auth_result result;
        if (!countries->current[i]->carriers)
            continue;
        edge_auth_decide(countries->current[i]->carriers, &anywhere, &result);
        if (result.verdict == EDGE_AUTH_VALID)
            return true;
    }
    return false;
}

bool edge_auth_passes(const struct edge_auth_result *result)
{
    return result->verdict == EDGE_AUTH_VALID || result->verdict == EDGE_AUTH_REPORTED;
}
