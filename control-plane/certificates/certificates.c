#include "control-plane/certificates/certificates.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "control-plane/files.h"
#include "control-plane/registry.h"
#include "control-plane/unknown.h"

#define AUTHORITY_LIFE_US (INT64_C(3650) * 24 * 3600 * 1000 * 1000)
enum { IDENTITIES_MAX = 20000, WAIT_MS = 20, WAIT_S = 20 };

static const char *const patterns[] = {"etc/tls/*", "edges/*/tls", "cells/*/etc/tls/*",
                                       "sites/*/cells/*/etc/tls/*"};

/* ---- one at a time ---- */

/* The lock of whoever writes certificates; -1 with a message. */
static int lock(struct cp_context *context)
{
    const char *path = cp_path(context, "etc/ca/lock");
    int64_t until_us = cp_now_us() + INT64_C(1000000) * WAIT_S;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (file >= 0 && flock(file, LOCK_EX | LOCK_NB)) {
        if (cp_now_us() >= until_us) {
            (void)close(file);
            file = -1;
        } else {
            cp_pause_ms(WAIT_MS);
        }
    }
    if (file < 0)
        (void)cp_fail(context, CC_IO, "%s cannot be locked; another renewal hangs?", path);
    return file;
}

/* ---- the authority ---- */

/* The certificate is written last: it says that the pair is whole. */
static enum cc_error make_authority(struct cp_context *context)
{
    struct cc_buffer certificate, key;
    cc_buffer_init(&certificate, 0);
    cc_buffer_init(&key, 0);
    int64_t now_us = cp_now_us();
    enum cc_error error =
        cc_authority_create("callcell authority", now_us - CP_IDENTITY_BACKDATED_US,
                            now_us + AUTHORITY_LIFE_US, &certificate, &key);
    if (error)
        (void)cp_fail(context, error, "the authority's key cannot be made");
    if (!error)
        error = cp_file_write(context, cp_path(context, "etc/ca/authority.key"),
                              cc_buffer_slice(&key), 0600);
    if (!error)
        error = cp_file_write(context, cp_path(context, "etc/ca/authority.pem"),
                              cc_buffer_slice(&certificate), 0600);
    if (key.data)
        explicit_bzero(key.data, key.length);
    cc_buffer_deinit(&certificate);
    cc_buffer_deinit(&key);
    return error;
}

enum cc_error cp_authority_ensure(struct cp_context *context)
{
    enum cc_error error = cp_folder_make(context, cp_path(context, "etc/ca"));
    if (error || cp_file_exists(cp_path(context, "etc/ca/authority.pem")))
        return error;
    int held = lock(context);
    if (held < 0)
        return CC_IO;
    if (!cp_file_exists(cp_path(context, "etc/ca/authority.pem")))
        error = make_authority(context);
    (void)close(held);
    return error;
}

struct authority {
    struct cc_slice certificate, key;
};

static enum cc_error read_authority(struct cp_context *context, struct authority *out)
{
    const char *certificate = cp_path(context, "etc/ca/authority.pem");
    const char *key = cp_path(context, "etc/ca/authority.key");
    enum cc_error error = cp_file_read(context, certificate, &out->certificate);
    if (!error)
        error = cp_file_read(context, key, &out->key);
    return error ? cp_fail(context, error,
                           "cannot read %s and authority.key; a home made before there were "
                           "certificates gets them by: callcell init",
                           certificate)
                 : CC_OK;
}

static void wipe(struct authority *authority)
{
    if (authority->key.data)
        explicit_bzero((char *)(uintptr_t)authority->key.data, authority->key.length);
}

/* ---- identities ---- */

static enum cc_error issue(struct cp_context *context, const struct authority *authority,
                           const char *folder, const char *identity)
{
    struct cc_buffer pem;
    int64_t now_us = cp_now_us();
    const struct cc_certificate_wish wish = {identity, now_us - CP_IDENTITY_BACKDATED_US,
                                             now_us + CP_IDENTITY_LIFE_US};
    cc_buffer_init(&pem, 0);
    enum cc_error error = cc_certificate_issue(authority->certificate, authority->key, &wish, &pem);
    if (error)
        (void)cp_fail(context, error, "no certificate can be issued for %s: is %s whole?", identity,
                      cp_path(context, "etc/ca"));
    /* The authority first: a program that already looks finds both of one kind. */
    if (!error)
        error = cp_file_write(context, cp_format(context, "%s/authority.pem", folder),
                              authority->certificate, 0600);
    if (!error)
        error = cp_file_write(context, cp_format(context, "%s/identity.pem", folder),
                              cc_buffer_slice(&pem), 0600);
    if (pem.data)
        explicit_bzero(pem.data, pem.length);
    cc_buffer_deinit(&pem);
    return error;
}

static void read_identity(struct cp_context *context, struct cp_identity *identity)
{
    struct cc_slice pem;
    identity->readable =
        !cp_file_read(context, cp_format(context, "%s/identity.pem", identity->folder), &pem) &&
        !cc_certificate_read(pem, &identity->facts);
}

bool cp_identity_is_foreign(const struct cp_identity *identity)
{
    return identity->readable &&
           (!identity->role || strcmp(identity->facts.identity, identity->role) != 0);
}

bool cp_identity_is_due(const struct cp_identity *identity, int64_t now_us)
{
    return !identity->readable || cp_identity_is_foreign(identity) ||
           identity->facts.until_us - now_us < CP_IDENTITY_LIFE_US / 2;
}

enum cc_error cp_identity_ensure(struct cp_context *context, const char *folder,
                                 const char *identity)
{
    struct cp_identity held = {.folder = folder, .role = identity};
    struct authority authority = {0};
    enum cc_error error = cp_folder_make(context, folder);
    if (!error)
        read_identity(context, &held);
    if (error || !cp_identity_is_due(&held, cp_now_us()))
        return error;
    int locked = lock(context);
    if (locked < 0)
        return CC_IO;
    error = read_authority(context, &authority);
    if (!error)
        error = issue(context, &authority, folder, identity);
    wipe(&authority);
    (void)close(locked);
    return error;
}

/* ---- all of them ---- */

/* The part of path at this place, from 0: "a/b/c" 1 -> "b". */
static const char *part(struct cp_context *context, const char *path, int place)
{
    for (; place > 0; place--)
        path += strcspn(path, "/") + 1;
    return cp_copy(context, cc_slice(path, strcspn(path, "/")));
}

static const char *name_of(struct cp_context *context, size_t pattern, const char *path)
{
    const char *below = path + strlen(context->home) + 1;
    switch (pattern) {
    case 0:
        return part(context, below, 2);
    case 1:
        return part(context, below, 1);
    case 2:
        return cp_format(context, "%s/%s", part(context, below, 1), part(context, below, 4));
    default:
        return cp_format(context, "%s/%s", part(context, below, 3), part(context, below, 6));
    }
}

static const char *role_of(struct cp_context *context, size_t pattern, const char *name)
{
    switch (pattern) {
    case 0:
        if (strcmp(name, "operator") == 0)
            return "urn:callcell:operator";
        return strncmp(name, "serve-", 6) == 0 ? "urn:callcell:control" : NULL;
    case 1:
        return cp_format(context, "urn:callcell:edge:%s", name);
    default:
        return cp_format(context, "urn:callcell:cell:%.*s", (int)strcspn(name, "/"), name);
    }
}

enum cc_error cp_identities(struct cp_context *context, struct cp_identity **out, size_t *count)
{
    struct cp_identity *found = cp_alloc(context, IDENTITIES_MAX / 100 * sizeof(*found));
    size_t capacity = IDENTITIES_MAX / 100;
    *count = 0;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        glob_t paths = {0};
        int result = glob(cp_path(context, "%s", patterns[i]), GLOB_ONLYDIR, NULL, &paths);
        for (size_t p = 0; result == 0 && p < paths.gl_pathc && *count < IDENTITIES_MAX; p++) {
            if (*count == capacity) {
                struct cp_identity *more = cp_alloc(context, 4 * capacity * sizeof(*found));
                memcpy(more, found, capacity * sizeof(*found));
                found = more;
                capacity *= 4;
            }
            struct cp_identity *identity = &found[(*count)++];
            identity->folder = cp_copy(context, cc_slice_of(paths.gl_pathv[p]));
            identity->name = name_of(context, i, identity->folder);
            identity->role = role_of(context, i, identity->name);
            read_identity(context, identity);
        }
        globfree(&paths);
        if (result == GLOB_NOSPACE || result == GLOB_ABORTED)
            return cp_fail(context, CC_IO, "cannot list %s", cp_path(context, "%s", patterns[i]));
    }
    *out = found;
    return CC_OK;
}

bool cp_identity_is_wanted(const struct cp_identity *identity, enum cp_renewal which,
                           const char *name)
{
    if (which == CP_RENEW_NAMED)
        return strcmp(identity->name, name) == 0;
    return which == CP_RENEW_ALL || cp_identity_is_due(identity, cp_now_us());
}

static enum cc_error renew_one(struct cp_context *context, const struct authority *authority,
                               struct cp_identity *identity)
{
    if (!identity->role)
        return cp_fail(context, CC_INVALID, "%s is the folder of no program; remove it",
                       identity->folder);
    if (cp_identity_is_foreign(identity))
        CC_LOG(CC_LOG_WARNING, "foreign_certificate_replaced",
               cc_log_text("folder", identity->folder),
               cc_log_text("says", identity->facts.identity));
    enum cc_error error = issue(context, authority, identity->folder, identity->role);
    if (!error)
        read_identity(context, identity);
    return error;
}

enum cc_error cp_identities_renew(struct cp_context *context, enum cp_renewal which,
                                  const char *name, size_t *renewed)
{
    struct authority authority = {0};
    struct cp_identity *identities = NULL;
    size_t count = 0, wanted = 0;
    *renewed = 0;
    int locked = lock(context);
    if (locked < 0)
        return CC_IO;
    enum cc_error error = read_authority(context, &authority);
    if (!error)
        error = cp_identities(context, &identities, &count);
    for (size_t i = 0; i < count; i++) {
        if (!cp_identity_is_wanted(&identities[i], which, name))
            continue;
        wanted++;
        enum cc_error one = renew_one(context, &authority, &identities[i]);
        *renewed += one == CC_OK;
        error = error ? error : one;
    }
    wipe(&authority);
    (void)close(locked);
    if (!error && which == CP_RENEW_NAMED && wanted == 0)
        error = cp_unknown(context, "certificate", name, "callcell certificates list");
    return error;
}

/* ---- for the registry ---- */

static enum cc_error record_one(struct cp_context *context, const char *subject, int64_t until_us)
{
    return cp_sql_run(
        context,
        "INSERT INTO facts (name, subject, value) VALUES "
        "('certificate_expires_at', $1, $2::float8) ON CONFLICT (name, subject) "
        "DO UPDATE SET value = EXCLUDED.value, at = now()",
        CP_PARAMETERS(subject, cp_format(context, "%lld", (long long)(until_us / 1000000))));
}

/* The earliest of those whose names begin with the same cell. */
static int64_t earliest_of(const struct cp_identity *identities, size_t count, const char *subject)
{
    size_t length = strlen(subject);
    int64_t earliest_us = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        const char *name = identities[i].name;
        bool same = strncmp(name, subject, length) == 0 && (!name[length] || name[length] == '/');
        if (same && identities[i].facts.until_us < earliest_us)
            earliest_us = identities[i].facts.until_us;
    }
    return earliest_us;
}

enum cc_error cp_identities_record(struct cp_context *context)
{
    struct cp_identity *identities = NULL;
    size_t count = 0;
    enum cc_error error = cp_identities(context, &identities, &count);
    for (size_t i = 0; i < count && !error; i++) {
        const char *subject =
            cp_copy(context, cc_slice(identities[i].name, strcspn(identities[i].name, "/")));
        error = record_one(context, subject, earliest_of(identities, count, subject));
    }
    return error;
}

enum cc_error cp_certificates_duty(struct cp_context *context)
{
    size_t renewed = 0;
    enum cc_error error = cp_identities_renew(context, CP_RENEW_DUE, NULL, &renewed);
    if (renewed > 0)
        CC_LOG(CC_LOG_INFO, "certificates_renewed", cc_log_number("count", (int64_t)renewed));
    enum cc_error recorded = cp_identities_record(context);
    return error ? error : recorded;
}
