#include "control-plane/routemap/publish.h"

#include <stdlib.h>

#include "base/io/loop.h"
#include "base/route_map.h"
#include "control-plane/files.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/compose.h"
#include "control-plane/routemap/held.h"
#include "control-plane/unknown.h"

enum { POLL_MS = 50 };
#define PAYLOAD_MAX ((size_t)512 * 1024 * 1024)

struct publishing {
    struct cp_context *context;
    const char *country;
    enum cc_publication_kind kind;
    int64_t allow_slots;
    struct cp_stored held; /* the newest before us; epoch 0: none */
    struct cc_route_map *previous;
    struct cc_buffer payload;
};

static enum cc_error unescape(struct cp_context *context, const PGresult *result, int column,
                              struct cc_slice *out)
{
    size_t length = 0;
    unsigned char *bytes =
        PQunescapeBytea((const unsigned char *)PQgetvalue(result, 0, column), &length);
    if (!bytes)
        return cp_fail(context, CC_NO_MEMORY, "out of memory");
    *out = cc_slice(cp_copy(context, cc_slice((const char *)bytes, length)), length);
    PQfreemem(bytes);
    return CC_OK;
}

enum cc_error cp_publication_stored(struct cp_context *context, const char *country,
                                    enum cc_publication_kind kind, int64_t epoch,
                                    struct cp_stored *out)
{
    PGresult *result;
    *out = (struct cp_stored){0};
    enum cc_error error =
        cp_sql(context, &result,
               "SELECT epoch, sha256, to_char(created_at AT TIME ZONE 'UTC', "
               "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), bytes FROM publications WHERE country = $1 AND "
               "kind = $2 "
               "AND ($3::bigint = 0 OR epoch = $3::bigint) ORDER BY epoch DESC LIMIT 1",
               CP_PARAMETERS(country, cc_publication_kind_name(kind),
                             cp_format(context, "%lld", (long long)epoch)));
    if (error)
        return error;
    if (PQntuples(result) == 0)
        return CC_NOT_FOUND;
    out->epoch = cp_sql_integer(result, 0, 0);
    out->sha256 = cp_sql_value(result, 0, 1);
    out->created_at = cp_sql_value(result, 0, 2);
    error = unescape(context, result, 3, &out->bytes);
    const char *line = error ? NULL : memchr(out->bytes.data, '\n', out->bytes.length);
    if (!error && line)
        out->payload = cc_slice(line + 1, out->bytes.length - (size_t)(line + 1 - out->bytes.data));
    return error;
}

static enum cc_error parse_map(struct publishing *publishing, const struct cp_stored *stored,
                               struct cc_route_map **out)
{
    struct cc_publication publication = {
        .kind = CC_PUBLICATION_MAP, .epoch = stored->epoch, .payload = stored->payload};
    memcpy(publication.country, publishing->country, CC_COUNTRY_LENGTH);
    struct cc_json_reason reason = {.text = ""};
    enum cc_error error = cc_route_map_parse(&publication, out, &reason);
    return error ? cp_fail(publishing->context, error, "stored map of %s, epoch %lld: %s",
                           publishing->country, (long long)stored->epoch, reason.text)
                 : CC_OK;
}

static enum cc_error read_held(struct publishing *publishing)
{
    enum cc_error error = cp_publication_stored(publishing->context, publishing->country,
                                                publishing->kind, 0, &publishing->held);
    if (error == CC_NOT_FOUND)
        return CC_OK;
    if (!error && publishing->kind == CC_PUBLICATION_MAP)
        error = parse_map(publishing, &publishing->held, &publishing->previous);
    return error;
}

/* A map's payload without the count of changes, which depends on what it is compared with. */
static char *content_of_map(struct cc_slice payload, int64_t *slots_changed)
{
    json_t *map = NULL;
    if (cc_json_parse(payload, PAYLOAD_MAX, &map, NULL))
        return NULL;
    *slots_changed = json_integer_value(json_object_get(map, "slots_changed"));
    (void)json_object_del(map, "slots_changed");
    char *text = cc_json_canonical(map);
    json_decref(map);
    return text;
}

/* Whether the content is what is already published; for maps also whether too many slots move. */
static enum cc_error compare(struct publishing *publishing, bool *same)
{
    struct cc_slice fresh = cc_buffer_slice(&publishing->payload);
    *same = publishing->held.epoch > 0 && cc_slice_equal(fresh, publishing->held.payload);
    if (publishing->kind != CC_PUBLICATION_MAP || publishing->held.epoch == 0)
        return CC_OK;
    int64_t moved = 0, before = 0;
    char *new_content = content_of_map(fresh, &moved);
    char *old_content = content_of_map(publishing->held.payload, &before);
    *same = new_content && old_content && strcmp(new_content, old_content) == 0;
    free(new_content);
    free(old_content);
    if (moved > publishing->allow_slots)
        return cp_fail(publishing->context, CC_TOO_DIFFERENT,
                       "the new map of %s moves %lld slots; allow it with --allow-slots %lld",
                       publishing->country, (long long)moved, (long long)moved);
    return CC_OK;
}

static enum cc_error sign(struct cp_context *context, struct cc_slice bytes,
                          uint8_t signature[CC_ED25519_SIGNATURE_BYTES])
{
    struct cc_slice pem;
    struct cc_ed25519 *key = NULL;
    enum cc_error error = cp_file_read(context, cp_path(context, "etc/keys/signing.pem"), &pem);
    if (!error)
        error = cc_ed25519_from_private_pem(pem, &key);
    if (!error)
        error = cc_ed25519_sign(key, bytes, signature);
    cc_ed25519_free(key);
    return error ? cp_fail(context, error, "cannot sign with etc/keys/signing.pem: %s",
                           cc_error_text(error))
                 : CC_OK;
}

static enum cc_error store(struct publishing *publishing, int64_t epoch, struct cc_slice bytes)
{
    struct cp_context *context = publishing->context;
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES], digest[CC_SHA256_BYTES];
    char digest_text[CC_SHA256_TEXT + 1];
    enum cc_error error = sign(context, bytes, signature);
    if (!error)
        error = cc_sha256(bytes, digest);
    if (error)
        return error;
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), digest_text);
    return cp_sql_run(
        context, "SELECT publish($1, $2, $3::bigint, $4::bytea, $5::bytea, $6)",
        CP_PARAMETERS(publishing->country, cc_publication_kind_name(publishing->kind),
                      cp_format(context, "%lld", (long long)epoch), cp_sql_bytes(context, bytes),
                      cp_sql_bytes(context, cc_slice((const char *)signature, sizeof(signature))),
                      digest_text));
}

static enum cc_error seal_and_store(struct publishing *publishing, int64_t *out_epoch)
{
    bool same = false;
    enum cc_error error = compare(publishing, &same);
    *out_epoch = publishing->held.epoch + (same ? 0 : 1);
    if (error || same)
        return error;
    if (publishing->context->dry_run) {
        cp_would(publishing->context, "publish %s of %s, epoch %lld",
                 cc_publication_kind_name(publishing->kind), publishing->country,
                 (long long)*out_epoch);
        return CC_OK;
    }
    struct cc_buffer whole;
    cc_buffer_init(&whole, PAYLOAD_MAX);
    cc_publication_compose(publishing->kind, cc_slice_of(publishing->country), *out_epoch,
                           cc_slice_of(publishing->held.sha256), cp_now_us(),
                           cc_buffer_slice(&publishing->payload), &whole);
    error = whole.error ? whole.error : store(publishing, *out_epoch, cc_buffer_slice(&whole));
    cc_buffer_deinit(&whole);
    return error;
}

/* One publication of any kind at a time: the row of the index is locked first. */
static enum cc_error begin(struct publishing *publishing)
{
    cc_buffer_init(&publishing->payload, PAYLOAD_MAX);
    enum cc_error error = cp_sql_run(publishing->context, "BEGIN", CP_NO_PARAMETERS);
    if (!error && !publishing->context->dry_run)
        error = cp_sql_run(publishing->context, "SELECT 1 FROM publication_index FOR UPDATE",
                           CP_NO_PARAMETERS);
    if (!error)
        error = cp_held_check(publishing->context, publishing->country, publishing->kind);
    return error ? error : read_held(publishing);
}

static enum cc_error end(struct publishing *publishing, enum cc_error error)
{
    cc_route_map_free(publishing->previous);
    cc_buffer_deinit(&publishing->payload);
    if (!error)
        return cp_sql_run(publishing->context, "COMMIT", CP_NO_PARAMETERS);
    cp_sql_rollback(publishing->context);
    return error;
}

enum cc_error cp_publish(struct cp_context *context, const char *country,
                         enum cc_publication_kind kind, int64_t allow_slots, int64_t *out_epoch)
{
    struct publishing publishing = {
        .context = context, .country = country, .kind = kind, .allow_slots = allow_slots};
    enum cc_error error = begin(&publishing);
    if (!error)
        error = cp_compose(context, country, kind, publishing.previous, &publishing.payload);
    if (!error)
        error = seal_and_store(&publishing, out_epoch);
    return end(&publishing, error);
}

enum cc_error cp_publish_all(struct cp_context *context, const char *country)
{
    for (enum cc_publication_kind kind = 0; kind < CC_PUBLICATION_KINDS; kind++) {
        int64_t epoch = 0;
        enum cc_error error = cp_publish(context, country, kind, 0, &epoch);
        if (error)
            return error;
    }
    return CC_OK;
}

/* The registry follows the old content, so that the next `map publish` does not undo the rollback.
 */
static enum cc_error adopt(struct publishing *publishing, struct cc_slice payload)
{
    struct cp_context *context = publishing->context;
    const char *text = cp_copy(context, payload);
    enum cc_error error = cp_sql_run(context, "DELETE FROM slot_ranges WHERE country = $1",
                                     CP_PARAMETERS(publishing->country));
    if (!error)
        error = cp_sql_run(context,
                           "INSERT INTO slot_ranges (country, first_slot, last_slot, cell) "
                           "SELECT $1, (r->>0)::int, (r->>1)::int, r->>2 "
                           "FROM jsonb_array_elements($2::jsonb->'slots') r",
                           CP_PARAMETERS(publishing->country, text));
    if (!error)
        error = cp_sql_run(context,
                           "UPDATE tenants SET pinned_cell = $2::jsonb->'pins'->>tenant "
                           "WHERE country = $1",
                           CP_PARAMETERS(publishing->country, text));
    if (!error)
        error = cp_sql_run(context,
                           "UPDATE countries SET policy = $2::jsonb->'policy' WHERE country = $1",
                           CP_PARAMETERS(publishing->country, text));
    return error;
}

enum cc_error cp_map_rollback(struct cp_context *context, const char *country, int64_t epoch,
                              int64_t allow_slots, int64_t *out_epoch)
{
    struct publishing publishing = {.context = context,
                                    .country = country,
                                    .kind = CC_PUBLICATION_MAP,
                                    .allow_slots = allow_slots};
    struct cp_stored old;
    enum cc_error error = begin(&publishing);
    if (!error)
        error = cp_publication_stored(context, country, CC_PUBLICATION_MAP, epoch, &old);
    if (error == CC_NOT_FOUND)
        error = cp_unknown(context, cp_format(context, "map of %s of epoch", country),
                           cp_format(context, "%lld", (long long)epoch),
                           cp_format(context, "callcell map show --country %s", country));
    if (!error)
        error = adopt(&publishing, old.payload);
    if (!error)
        error = cp_compose(context, country, CC_PUBLICATION_MAP, publishing.previous,
                           &publishing.payload);
    if (!error)
        error = seal_and_store(&publishing, out_epoch);
    return end(&publishing, error);
}

/* Also one that says that it holds more, or another of this epoch: it refuses ours. */
#define MISSING_SQL                                                                                \
    "SELECT e.edge || ' lacks ' || p.kind || ' epoch ' || p.epoch || ' (holds ' || "               \
    "coalesce(r.epoch::text, 'none') || coalesce(', refused ' || r.refused_epoch || ': ' || "      \
    "coalesce(r.refused_reason, r.refused_error), '') || ')' "                                     \
    "FROM edges e CROSS JOIN (SELECT DISTINCT ON (kind) kind, epoch, sha256 FROM publications "    \
    "WHERE country = $1 AND kind <> 'sealing' ORDER BY kind, epoch DESC) p "                       \
    "LEFT JOIN reports r ON r.reporter = e.edge AND r.country = $1 AND r.kind = p.kind "           \
    "WHERE (r.epoch, r.sha256) IS DISTINCT FROM (p.epoch, p.sha256) ORDER BY 1"

enum cc_error cp_edges_confirm(struct cp_context *context, const char *country)
{
    int64_t until_us = cc_monotonic_us() + context->settings.edge_confirm_s * 1000000;
    for (;;) {
        PGresult *result;
        enum cc_error error = cp_sql(context, &result, MISSING_SQL, CP_PARAMETERS(country));
        if (error || PQntuples(result) == 0)
            return error;
        if (cc_monotonic_us() >= until_us)
            return cp_fail(context, CC_TIMEOUT,
                           "published, but not every edge has confirmed within %lld s: %s; "
                           "run the same command again to go on waiting",
                           (long long)context->settings.edge_confirm_s, cp_sql_value(result, 0, 0));
        cp_pause_ms(POLL_MS);
    }
}
