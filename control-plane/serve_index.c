#include "control-plane/serve_index.h"

#include <stdlib.h>

void cp_index_free(struct cp_index *index)
{
    free(index->files);
    free(index->tokens);
    *index = (struct cp_index){0};
}

const struct cp_index_token *cp_index_authorise(const struct cp_index *index,
                                                struct cc_slice authorization)
{
    static const struct cc_slice scheme = {"Bearer ", 7};
    uint8_t digest[CC_SHA256_BYTES];
    char text[CC_SHA256_TEXT + 1];
    const struct cp_index_token *found = NULL;
    if (!cc_slice_starts_with(authorization, scheme) || authorization.length == scheme.length)
        return NULL;
    if (cc_sha256(
            cc_slice(authorization.data + scheme.length, authorization.length - scheme.length),
            digest))
        return NULL;
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), text);
    for (size_t i = 0; i < index->token_count; i++) {
        if (cc_crypto_equal(cc_slice_of(index->tokens[i].sha256), cc_slice(text, CC_SHA256_TEXT)))
            found = &index->tokens[i];
    }
    return found;
}

bool cp_index_may_read(const struct cp_index_token *token, struct cc_slice country,
                       enum cc_publication_kind kind)
{
    if (!token->country[0])
        return kind != CC_PUBLICATION_SEALING;
    return cc_slice_is(country, token->country) &&
           (kind == CC_PUBLICATION_MAP || kind == CC_PUBLICATION_SEALING);
}

/* So few names that one cell's rows never crowd out another's. */
static bool is_worker(struct cc_slice name)
{
    static const struct cc_slice prefix = {"worker-", 7};
    if (!cc_slice_starts_with(name, prefix) || name.length == prefix.length ||
        name.length > prefix.length + 2)
        return false;
    for (size_t i = prefix.length; i < name.length; i++) {
        if (name.data[i] < '0' || name.data[i] > '9')
            return false;
    }
    return true;
}

bool cp_index_may_report(const struct cp_index_token *token, struct cc_slice reporter)
{
    if (reporter.length == 0 || reporter.length > CP_HOLDER_MAX)
        return false;
    if (!token->country[0])
        return cc_name_is_resource(reporter) &&
               cc_slice_starts_with(reporter, CC_SLICE_LITERAL("edge"));
    size_t holder = strlen(token->holder);
    return reporter.length > holder + 1 && reporter.data[holder] == '/' &&
           cc_slice_starts_with(reporter, cc_slice_of(token->holder)) &&
           is_worker(cc_slice(reporter.data + holder + 1, reporter.length - holder - 1));
}

size_t cp_index_list(const struct cp_index *index, const struct cp_index_token *token,
                     int64_t after, struct cc_slice country, struct cc_buffer *out)
{
    size_t listed = 0;
    if (after > index->version)
        after = 0;
    cc_buffer_printf(out, "{\"version\":%lld,\"publications\":[", (long long)index->version);
    for (size_t i = 0; i < index->file_count; i++) {
        const struct cp_index_file *file = &index->files[i];
        if (file->version <= after ||
            (country.length > 0 && !cc_slice_is(country, file->country)) ||
            !cp_index_may_read(token, cc_slice_of(file->country), file->kind))
            continue;
        cc_buffer_printf(out,
                         "%s{\"country\":\"%s\",\"kind\":\"%s\",\"epoch\":%lld,\"sha256\":\"%s\"}",
                         listed > 0 ? "," : "", file->country, cc_publication_kind_name(file->kind),
                         (long long)file->epoch, file->sha256);
        listed++;
    }
    cc_buffer_text(out, "]}");
    return listed;
}
