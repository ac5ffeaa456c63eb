#include "control-plane/failover/lease.h"

#include "base/crypto.h"
#include "base/timestamp.h"
#include "control-plane/files.h"
#include "control-plane/registry.h"

enum { LEASE_MAX = 4096 };

static enum cc_error sign(struct cp_context *context, const char *key_file, struct cc_slice bytes,
                          uint8_t out[CC_ED25519_SIGNATURE_BYTES])
{
    struct cc_slice pem;
    struct cc_ed25519 *key = NULL;
    enum cc_error error = cp_file_read(context, key_file, &pem);
    if (!error)
        error = cc_ed25519_from_private_pem(pem, &key);
    if (!error)
        error = cc_ed25519_sign(key, bytes, out);
    cc_ed25519_free(key);
    return error ? cp_fail(context, error, "cannot sign a lease with %s: %s", key_file,
                           cc_error_text(error))
                 : CC_OK;
}

static const char *line_of(struct cp_context *context, const struct cp_lease *lease)
{
    char now[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(cp_now_us(), now);
    return cp_format(context,
                     "{\"cell\":\"%s\",\"term\":%lld,\"site\":\"%s\",\"issued_at\":\"%s\","
                     "\"issued_by\":\"%s\"}\n",
                     lease->cell, (long long)lease->term, lease->site, now,
                     lease->break_glass ? "break-glass" : "control-plane");
}

enum cc_error cp_lease_write(struct cp_context *context, const struct cp_lease *lease,
                             const char *file)
{
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    const char *key_file =
        lease->key_file ? lease->key_file : cp_path(context, "etc/keys/signing.pem");
    struct cc_slice line = cc_slice_of(line_of(context, lease));
    enum cc_error error = sign(context, key_file, line, signature);
    if (!error)
        error = cp_file_write(context, cp_format(context, "%s.sig", file),
                              cc_slice((const char *)signature, CC_ED25519_SIGNATURE_BYTES), 0600);
    return error ? error : cp_file_write(context, file, line, 0600);
}

static const char *file_at(struct cp_context *context, const char *cell, const char *site)
{
    return cp_site_path(context, site, cp_format(context, "cells/%s/etc/lease", cell));
}

enum cc_error cp_lease_write_all(struct cp_context *context, const struct cp_lease *lease)
{
    static const char *const sites[] = {CP_SITE_FIRST, CP_SITE_SECOND};
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < 2; i++) {
        const char *etc =
            cp_site_path(context, sites[i], cp_format(context, "cells/%s/etc", lease->cell));
        if (cp_file_exists(etc))
            error = cp_lease_write(context, lease, file_at(context, lease->cell, sites[i]));
    }
    return error;
}

int64_t cp_lease_term(struct cp_context *context, const char *cell, const char *site)
{
    struct cc_slice text;
    json_t *line = NULL;
    const char *file = file_at(context, cell, site);
    if (!cp_file_exists(cp_format(context, "%s.sig", file)) || cp_file_read(context, file, &text) ||
        cc_json_parse(text, LEASE_MAX, &line, NULL))
        return 0;
    int64_t term = json_integer_value(json_object_get(line, "term"));
    json_decref(line);
    return term;
}

enum cc_error cp_lease_mend(struct cp_context *context, const struct cp_lease *lease)
{
    static const char *const sites[] = {CP_SITE_FIRST, CP_SITE_SECOND};
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < 2; i++) {
        const char *file = file_at(context, lease->cell, sites[i]);
        const char *etc =
            cp_site_path(context, sites[i], cp_format(context, "cells/%s/etc", lease->cell));
        if (cp_file_exists(etc) && cp_lease_term(context, lease->cell, sites[i]) != lease->term)
            error = cp_lease_write(context, lease, file);
    }
    return error;
}

enum cc_error cp_lease_ensure(struct cp_context *context, const char *cell, const char *site)
{
    const char *file = file_at(context, cell, site);
    struct cp_sites sites;
    PGresult *result;
    cp_sites_read(context, cell, &sites);
    if (cp_file_exists(file))
        return CC_OK;
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT greatest($2::bigint, (SELECT term FROM cell_leases WHERE cell = $1))",
               CP_PARAMETERS(cell, cp_format(context, "%lld", (long long)sites.term)));
    if (error)
        return error;
    const struct cp_lease lease = {
        .cell = cell, .site = sites.active, .term = cp_sql_integer(result, 0, 0)};
    return cp_lease_write(context, &lease, file);
}
