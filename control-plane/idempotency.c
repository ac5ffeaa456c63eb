#include "control-plane/idempotency.h"

#include "base/crypto.h"
#include "base/names.h"
#include "control-plane/registry.h"

static enum cc_error digest_of(struct cp_context *context, const struct cp_idempotency *once,
                               const char *arguments, const char **out)
{
    uint8_t digest[CC_SHA256_BYTES];
    char text[2 * CC_SHA256_BYTES + 1];
    const char *whole = cp_format(context, "%s\n%s", once->command, arguments);
    if (cc_sha256(cc_slice_of(whole), digest))
        return cp_fail(context, CC_CRYPTO, "SHA-256 failed");
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), text);
    *out = cp_copy(context, cc_slice_of(text));
    return CC_OK;
}

static enum cc_error take(struct cp_context *context, struct cp_idempotency *once,
                          const char *digest)
{
    PGresult *result;
    enum cc_error error = cp_sql_run(
        context, "DELETE FROM idempotency_keys WHERE begun_at < now() - interval '30 days'",
        CP_NO_PARAMETERS);
    if (!error)
        error = cp_sql(context, &result,
                       "INSERT INTO idempotency_keys AS k (key, command, digest) "
                       "VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET key = k.key "
                       "RETURNING xmax = 0, k.digest = $3, k.command, k.finished_at IS NOT NULL, "
                       "coalesce(k.changed, false), k.begun_at::timestamptz(0)",
                       CP_PARAMETERS(once->key, once->command, digest));
    if (error)
        return error;
    if (strcmp(cp_sql_value(result, 0, 1), "t") != 0)
        return cp_fail(context, CC_UNSUPPORTED,
                       "--idempotency-key %s belongs to another command (%s, with its own "
                       "arguments, at %s); take a new key",
                       once->key, cp_sql_value(result, 0, 2), cp_sql_value(result, 0, 5));
    once->resumed = strcmp(cp_sql_value(result, 0, 0), "t") != 0;
    once->done = strcmp(cp_sql_value(result, 0, 3), "t") == 0;
    once->changed = strcmp(cp_sql_value(result, 0, 4), "t") == 0;
    return CC_OK;
}

enum cc_error cp_idempotency_begin(struct cp_context *context, struct cp_idempotency *once,
                                   const char *arguments)
{
    const char *digest = NULL;
    if (!once->key || context->dry_run)
        return CC_OK;
    if (!cc_name_is_carrier_id(cc_slice_of(once->key)))
        return cp_fail(
            context, CC_UNSUPPORTED,
            "--idempotency-key: 1 to 128 printable characters without spaces and quotes");
    enum cc_error error = digest_of(context, once, arguments, &digest);
    return error ? error : take(context, once, digest);
}

static enum cc_error earlier_run(struct cp_context *context, const struct cp_idempotency *once,
                                 bool *out)
{
    PGresult *result;
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT 1 FROM runs r JOIN idempotency_keys k ON k.key = $3 "
               "WHERE r.transition_table = $1 AND r.subject = $2 AND r.started_at >= k.begun_at "
               "AND r.command ? '--idempotency-key' AND r.command ? $3",
               CP_PARAMETERS(once->table, once->subject, once->key));
    *out = !error && PQntuples(result) > 0;
    return error;
}

enum cc_error cp_idempotency_finish(struct cp_context *context, const struct cp_idempotency *once,
                                    bool *changed)
{
    if (!once->key || context->dry_run)
        return CC_OK;
    bool earlier = false;
    enum cc_error error = once->resumed && !*changed ? earlier_run(context, once, &earlier) : CC_OK;
    if (error)
        return error;
    *changed = *changed || earlier;
    return cp_sql_run(context,
                      "UPDATE idempotency_keys SET finished_at = now(), changed = $2::boolean "
                      "WHERE key = $1 AND finished_at IS NULL",
                      CP_PARAMETERS(once->key, *changed ? "t" : "f"));
}
