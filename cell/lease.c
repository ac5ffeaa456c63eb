#include "cell/lease.h"

#include <stdio.h>

#include "base/timestamp.h"

enum { FIELDS = 5 };

static enum cc_error refuse(struct cc_json_reason *reason, const char *words)
{
    (void)snprintf(reason->text, sizeof(reason->text), "%s", words);
    return CC_INVALID;
}

static enum cc_error verify(struct cc_slice bytes, struct cc_slice signature,
                            const struct cc_ed25519 *const *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        if (cc_ed25519_verify(keys[i], bytes, signature) == CC_OK)
            return CC_OK;
    }
    return CC_SIGNATURE;
}

static enum cc_error read_issuer(const json_t *line, struct cell_lease *lease,
                                 struct cc_json_reason *reason)
{
    struct cc_slice at, by;
    enum cc_error error =
        cc_json_string_at(line, "issued_at", CC_TIMESTAMP_TEXT_MAX + 8, &at, reason);
    if (!error && cc_timestamp_parse(at, &lease->issued_at_us))
        error = refuse(reason, "issued_at: must be RFC 3339");
    if (!error)
        error = cc_json_string_at(line, "issued_by", CC_JSON_REASON_MAX, &by, reason);
    if (error)
        return error;
    lease->break_glass = cc_slice_is(by, "break-glass");
    if (!lease->break_glass && !cc_slice_is(by, "control-plane"))
        return refuse(reason, "issued_by: must be control-plane or break-glass");
    return CC_OK;
}

static enum cc_error read_line(const json_t *line, struct cc_slice cell, struct cell_lease *lease,
                               struct cc_json_reason *reason)
{
    struct cc_slice named, site;
    if (!json_is_object(line) || json_object_size(line) != FIELDS)
        return refuse(reason, "must be an object of cell, term, site, issued_at and issued_by");
    enum cc_error error = cc_json_string_at(line, "cell", CC_CELL_MAX, &named, reason);
    if (!error && !cc_slice_equal(named, cell)) {
        (void)refuse(reason, "cell: it is another cell's");
        error = CC_CONFLICT;
    }
    if (!error)
        error = cc_json_integer_at(line, "term", 1, INT64_MAX, &lease->term, reason);
    if (!error)
        error = cc_json_string_at(line, "site", CELL_LEASE_SITE_MAX, &site, reason);
    if (!error && !cc_name_is_resource(site))
        error = refuse(reason, "site: must match [a-z][a-z0-9_-]{0,14}");
    if (!error)
        error = read_issuer(line, lease, reason);
    if (!error) {
        memcpy(lease->site, site.data, site.length);
        lease->site[site.length] = '\0';
    }
    return error;
}

enum cc_error cell_lease_open(struct cc_slice bytes, struct cc_slice signature,
                              const struct cc_ed25519 *const *keys, size_t key_count,
                              struct cc_slice cell, struct cell_lease *out,
                              struct cc_json_reason *reason)
{
    struct cell_lease lease = {0};
    json_t *line = NULL;
    *reason = (struct cc_json_reason){{0}};
    enum cc_error error = verify(bytes, signature, keys, key_count);
    if (error)
        return error;
    const char *newline = bytes.length > 0 ? memchr(bytes.data, '\n', bytes.length) : NULL;
    if (!newline || newline + 1 != bytes.data + bytes.length || bytes.length > CELL_LEASE_BYTES_MAX)
        return refuse(reason, "must be one line with a newline, of at most 512 bytes");
    error = cc_json_parse(bytes, CELL_LEASE_BYTES_MAX, &line, reason);
    if (!error)
        error = read_line(line, cell, &lease, reason);
    json_decref(line);
    if (!error)
        *out = lease;
    return error;
}

enum cc_error cell_lease_follows(const struct cell_lease *held, const struct cell_lease *next)
{
    return next->term < held->term ? CC_STALE : CC_OK;
}
