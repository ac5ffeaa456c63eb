/* Rim: reads the registry and files. */
#include "control-plane/routemap/held.h"

#include <glob.h>
#include <stdlib.h>

#include "control-plane/files.h"
#include "control-plane/registry.h"

/* ".../publications/se/map-00000000000000000007.pub" */
static int64_t epoch_of(const char *file)
{
    const char *dash = strrchr(file, '-');
    return dash ? strtoll(dash + 1, NULL, 10) : 0;
}

/* ".../edges/edge-1/publications/..." is edge-1's, ".../cells/se-1/workers/worker-1/..." a
 * worker's. */
static const char *holder_of(struct cp_context *context, const char *file)
{
    const char *edge = strstr(file, "/edges/");
    const char *cell = strstr(file, "/cells/");
    const char *worker = cell ? strstr(cell, "/workers/") : NULL;
    if (edge)
        return cp_copy(context, cc_slice(edge + 7, strcspn(edge + 7, "/")));
    if (!worker)
        return "somebody";
    return cp_format(context, "%.*s/%.*s", (int)strcspn(cell + 7, "/"), cell + 7,
                     (int)strcspn(worker + 9, "/"), worker + 9);
}

/* A file that somebody forged, or that is damaged, is not held: programs refuse it too. */
static bool is_ours(struct cp_context *context, const char *country, enum cc_publication_kind kind,
                    const char *file)
{
    struct cp_held_file held;
    bool ours = cp_held_read(context, country, kind, file, &held) == CC_OK;
    context->message[0] = '\0';
    return ours;
}

/* Only files above the registry's newest are opened: as a rule none. */
static void look_at(struct cp_context *context, const char *pattern, const char *country,
                    enum cc_publication_kind kind, struct cp_held *out)
{
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *file = found.gl_pathv[i];
            int64_t epoch = epoch_of(file);
            if (epoch <= out->newest || epoch <= out->epoch ||
                !is_ours(context, country, kind, file))
                continue;
            out->file = cp_copy(context, cc_slice_of(file));
            out->epoch = epoch;
            out->holder = holder_of(context, file);
        }
    }
    globfree(&found);
}

enum cc_error cp_held_find(struct cp_context *context, const char *country,
                           enum cc_publication_kind kind, struct cp_held *out)
{
    PGresult *result;
    const char *name = cc_publication_kind_name(kind);
    *out = (struct cp_held){.holder = "nobody", .claimer = "nobody"};
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT coalesce((SELECT max(epoch) FROM publications WHERE country = $1 AND kind = "
               "$2), 0), coalesce(max(epoch), 0), (array_agg(reporter ORDER BY epoch DESC))[1] "
               "FROM reports WHERE country = $1 AND kind = $2 AND epoch IS NOT NULL",
               CP_PARAMETERS(country, name));
    if (error)
        return error;
    out->newest = cp_sql_integer(result, 0, 0);
    look_at(context, cp_path(context, "edges/*/publications/%s/%s-*.pub", country, name), country,
            kind, out);
    look_at(context, cp_path(context, "cells/*/workers/*/publications/%s/%s-*.pub", country, name),
            country, kind, out);
    look_at(context,
            cp_path(context, "sites/*/cells/*/workers/*/publications/%s/%s-*.pub", country, name),
            country, kind, out);
    int64_t claimed = cp_sql_integer(result, 0, 1);
    if (claimed > out->newest && claimed > out->epoch) {
        out->claimed = claimed;
        out->claimer = cp_sql_value(result, 0, 2);
    }
    return CC_OK;
}

const char *cp_held_claim(struct cp_context *context, const char *country,
                          enum cc_publication_kind kind, const struct cp_held *held)
{
    return held->claimed == 0
               ? NULL
               : cp_format(context,
                           "%s reports %s epoch %lld of %s, of which there is no signed file here; "
                           "if it is true, copy its publications folder below edges/ of the home",
                           held->claimer, cc_publication_kind_name(kind), (long long)held->claimed,
                           country);
}

enum cc_error cp_held_check(struct cp_context *context, const char *country,
                            enum cc_publication_kind kind)
{
    struct cp_held held;
    enum cc_error error = cp_held_find(context, country, kind, &held);
    if (error || held.epoch <= held.newest)
        return error;
    return cp_fail(context, CC_STALE,
                   "%s holds %s epoch %lld of %s, but the registry's newest is %lld: was it "
                   "restored from an old backup? Nothing can be published until the two agree; "
                   "see what differs with: callcell registry reconcile --country %s",
                   held.holder, cc_publication_kind_name(kind), (long long)held.epoch, country,
                   (long long)held.newest, country);
}

enum cc_error cp_held_read(struct cp_context *context, const char *country,
                           enum cc_publication_kind kind, const char *file,
                           struct cp_held_file *out)
{
    struct cc_slice pem;
    struct cc_ed25519 *key = NULL;
    size_t stem = strlen(file) - strlen("pub");
    *out = (struct cp_held_file){0};
    enum cc_error error = cp_file_read(context, file, &out->bytes);
    if (!error)
        error =
            cp_file_read(context, cp_format(context, "%.*ssig", (int)stem, file), &out->signature);
    if (!error)
        error = cp_file_read(context, cp_path(context, "etc/keys/signing.pub"), &pem);
    if (!error)
        error = cc_ed25519_from_public_pem(pem, &key);
    const struct cc_ed25519 *const keys[] = {key};
    if (!error)
        error = cc_publication_open(out->bytes, out->signature, keys, 1, kind, cc_slice_of(country),
                                    &out->publication);
    cc_ed25519_free(key);
    return error ? cp_fail(context, error, "%s: %s", file, cc_error_text(error)) : CC_OK;
}
