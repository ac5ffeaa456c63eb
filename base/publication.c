#include "base/publication.h"

#include <stdio.h>

#include "base/timestamp.h"

static const char *const kind_names[] = {
#define X(name, text) text,
    CC_PUBLICATION_LIST(X)
#undef X
};

enum { FORMAT_TEXT_MAX = 32, HEADER_TEXT_MAX = 64 };

const char *cc_publication_kind_name(enum cc_publication_kind kind)
{
    return (unsigned)kind < CC_PUBLICATION_KINDS ? kind_names[kind] : "unknown";
}

bool cc_publication_kind_parse(struct cc_slice text, enum cc_publication_kind *out)
{
    for (size_t i = 0; i < CC_PUBLICATION_KINDS; i++) {
        if (cc_slice_is(text, kind_names[i])) {
            *out = (enum cc_publication_kind)i;
            return true;
        }
    }
    return false;
}

static void format_name(enum cc_publication_kind kind, char out[FORMAT_TEXT_MAX])
{
    (void)snprintf(out, FORMAT_TEXT_MAX, "callcell-%s-1", cc_publication_kind_name(kind));
}

static bool is_signed(struct cc_slice bytes, struct cc_slice signature,
                      const struct cc_ed25519 *const *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        if (cc_ed25519_verify(keys[i], bytes, signature) == CC_OK)
            return true;
    }
    return false;
}

static bool is_sha256_text(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\0' || !strchr("0123456789abcdef", text.data[i]))
            return false;
    }
    return text.length == CC_SHA256_TEXT;
}

/* previous_sha256 must be there, and may be the empty text. */
static enum cc_error read_previous(const json_t *header, struct cc_publication *out)
{
    const json_t *value = json_object_get(header, "previous_sha256");
    struct cc_slice text = cc_slice(json_string_value(value), json_string_length(value));
    if (!json_is_string(value) || (text.length > 0 && !is_sha256_text(text)))
        return CC_INVALID;
    if (text.length > 0)
        memcpy(out->previous_sha256, text.data, text.length);
    return CC_OK;
}

static enum cc_error read_header(const json_t *header, enum cc_publication_kind kind,
                                 struct cc_slice country, struct cc_publication *out)
{
    char wanted_format[FORMAT_TEXT_MAX];
    struct cc_slice format;
    struct cc_slice named_country;
    struct cc_slice created_at;
    int64_t created_at_us = 0;
    if (cc_json_string_at(header, "format", FORMAT_TEXT_MAX, &format, NULL) ||
        cc_json_string_at(header, "country", CC_COUNTRY_LENGTH, &named_country, NULL) ||
        cc_json_integer_at(header, "epoch", 1, INT64_MAX, &out->epoch, NULL) ||
        cc_json_string_at(header, "created_at", HEADER_TEXT_MAX, &created_at, NULL) ||
        cc_timestamp_parse(created_at, &created_at_us) || !cc_name_is_country(named_country) ||
        read_previous(header, out))
        return CC_INVALID;
    format_name(kind, wanted_format);
    if (!cc_slice_is(format, wanted_format) || !cc_slice_equal(named_country, country))
        return CC_CONFLICT;
    out->kind = kind;
    memcpy(out->country, named_country.data, CC_COUNTRY_LENGTH);
    return CC_OK;
}

enum cc_error cc_publication_open(struct cc_slice bytes, struct cc_slice signature,
                                  const struct cc_ed25519 *const *keys, size_t key_count,
                                  enum cc_publication_kind kind, struct cc_slice country,
                                  struct cc_publication *out)
{
    json_t *header = NULL;
    uint8_t digest[CC_SHA256_BYTES];
    *out = (struct cc_publication){0};
    if (!is_signed(bytes, signature, keys, key_count))
        return CC_SIGNATURE;
    size_t searched =
        bytes.length < CC_PUBLICATION_HEADER_MAX ? bytes.length : CC_PUBLICATION_HEADER_MAX;
    const char *line_end = searched > 0 ? memchr(bytes.data, '\n', searched) : NULL;
    if (!line_end)
        return CC_INVALID;
    size_t header_length = (size_t)(line_end - bytes.data);
    enum cc_error error = cc_json_parse(cc_slice(bytes.data, header_length),
                                        CC_PUBLICATION_HEADER_MAX, &header, NULL);
    if (!error)
        error = read_header(header, kind, country, out);
    if (!error)
        error = cc_sha256(bytes, digest);
    json_decref(header);
    if (error) {
        *out = (struct cc_publication){0};
        return error;
    }
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), out->sha256);
    out->payload = cc_slice(line_end + 1, bytes.length - header_length - 1);
    return CC_OK;
}

enum cc_error cc_publication_follows(const struct cc_publication *current,
                                     const struct cc_publication *next)
{
    if (!current)
        return CC_OK;
    if (current->kind != next->kind || strcmp(current->country, next->country) != 0)
        return CC_CONFLICT;
    if (next->epoch <= current->epoch)
        return CC_STALE;
    if (next->epoch == current->epoch + 1 && strcmp(next->previous_sha256, current->sha256) != 0)
        return CC_CONFLICT;
    return CC_OK;
}

void cc_publication_compose(enum cc_publication_kind kind, struct cc_slice country, int64_t epoch,
                            struct cc_slice previous_sha256, int64_t created_at_us,
                            struct cc_slice payload, struct cc_buffer *out)
{
    char format[FORMAT_TEXT_MAX];
    char created_at[CC_TIMESTAMP_TEXT_MAX];
    format_name(kind, format);
    cc_timestamp_format(created_at_us, created_at);
    cc_buffer_printf(out, "{\"format\":\"%s\",\"country\":", format);
    cc_buffer_json_string(out, country);
    cc_buffer_text(out, ",\"epoch\":");
    cc_buffer_integer(out, epoch);
    cc_buffer_text(out, ",\"previous_sha256\":");
    cc_buffer_json_string(out, previous_sha256);
    cc_buffer_printf(out, ",\"created_at\":\"%s\"}\n", created_at);
    cc_buffer_append(out, payload);
}
