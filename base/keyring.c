#include "base/keyring.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/timestamp.h"
#include "base/webhook_signature.h"

enum {
    PAYLOAD_MAX_BYTES = 16 * 1024 * 1024,
    TOKEN_MAX_BYTES = 256,
    SECRET_TEXT_MAX = 128,
    TENANTS_MAX = 100000
};

struct cell_token {
    struct cc_slice cell;
    struct cc_slice token;
};

/* keys are sorted by id. All memory behind the slices is the arena's. */
struct cc_carrier_keyring {
    struct cc_arena arena;
    struct cc_carrier_key *keys;
    size_t count;
    struct cell_token *tokens;
    size_t token_count;
};

static enum cc_error refuse(struct cc_json_reason *reason, const char *where, size_t index,
                            const char *what)
{
    if (reason)
        (void)snprintf(reason->text, sizeof(reason->text), "%s[%zu]: %s", where, index, what);
    return CC_INVALID;
}

/* The parser's copy of a secret must not outlive the parse. */
static void forget(struct cc_slice borrowed)
{
    if (borrowed.length > 0)
        OPENSSL_cleanse((char *)(uintptr_t)borrowed.data, borrowed.length);
}

static void forget_all(json_t *value)
{
    if (json_is_string(value)) {
        forget(cc_slice(json_string_value(value), json_string_length(value)));
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            forget_all(json_array_get(value, i));
    } else if (json_is_object(value)) {
        const char *name = NULL;
        json_t *member = NULL;
        json_object_foreach(value, name, member) forget_all(member);
    }
}

static enum cc_error keep(struct cc_arena *arena, struct cc_slice from, struct cc_slice *out)
{
    *out = cc_slice(cc_arena_copy(arena, from), from.length);
    return out->data ? CC_OK : CC_NO_MEMORY;
}

static enum cc_error read_secrets(const json_t *list, struct cc_arena *arena,
                                  struct cc_carrier_key *key)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count < 1 || count > CC_CARRIER_SECRETS_MAX)
        return CC_INVALID;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        struct cc_slice text = cc_slice(json_string_value(item), json_string_length(item));
        uint8_t *bytes = cc_arena_alloc(arena, CC_CARRIER_SECRET_BYTES_MAX);
        size_t length = 0;
        if (!bytes)
            return CC_NO_MEMORY;
        key->secrets[key->secret_count++] =
            cc_slice((const char *)bytes, CC_CARRIER_SECRET_BYTES_MAX);
        if (text.length == 0 ||
            cc_webhook_secret_parse(text, bytes, CC_CARRIER_SECRET_BYTES_MAX, &length))
            return CC_INVALID;
        key->secrets[i].length = length;
    }
    return CC_OK;
}

static enum cc_error read_tenants(const json_t *list, struct cc_arena *arena,
                                  struct cc_carrier_key *key)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count < 1 || count > TENANTS_MAX)
        return CC_INVALID;
    struct cc_slice *tenants = cc_arena_alloc(arena, count * sizeof(*tenants));
    if (!tenants)
        return CC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        struct cc_slice name = cc_slice(json_string_value(item), json_string_length(item));
        if (count == 1 && cc_slice_is(name, "*")) {
            key->all_tenants = true;
            return CC_OK;
        }
        if (!cc_name_is_tenant(name))
            return CC_INVALID;
        if (keep(arena, name, &tenants[i]))
            return CC_NO_MEMORY;
    }
    key->tenants = tenants;
    key->tenant_count = count;
    return CC_OK;
}

static enum cc_error read_carrier_key(const json_t *object, size_t index, struct cc_arena *arena,
                                      struct cc_carrier_key *key, struct cc_json_reason *reason)
{
    struct cc_slice id;
    struct cc_slice carrier;
    struct cc_slice mode;
    if (cc_json_string_at(object, "id", CC_CARRIER_ID_MAX, &id, NULL) || !cc_name_is_carrier_id(id))
        return refuse(reason, "keys", index, "id must be 1 to 128 printable ASCII bytes");
    if (cc_json_string_at(object, "carrier", CC_CARRIER_ID_MAX, &carrier, NULL))
        return refuse(reason, "keys", index, "carrier must be a text");
    if (cc_json_string_at(object, "mode", CC_CARRIER_ID_MAX, &mode, NULL) ||
        (!cc_slice_is(mode, "enforce") && !cc_slice_is(mode, "report-only")))
        return refuse(reason, "keys", index, "mode must be enforce or report-only");
    key->report_only = cc_slice_is(mode, "report-only");
    if (keep(arena, id, &key->id) || keep(arena, carrier, &key->carrier))
        return CC_NO_MEMORY;
    enum cc_error error = read_tenants(cc_json_at(object, "tenants"), arena, key);
    if (error == CC_INVALID)
        return refuse(reason, "keys", index, "tenants must be [\"*\"] or a list of tenants");
    if (!error)
        error = read_secrets(cc_json_at(object, "secrets"), arena, key);
    if (error == CC_INVALID)
        return refuse(reason, "keys", index, "secrets must be 1 or 2 whsec_ of 24 to 64 bytes");
    return error;
}

static int compare_slices(struct cc_slice a, struct cc_slice b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order;
    return a.length < b.length ? -1 : a.length > b.length;
}

static int compare_keys(const void *a, const void *b)
{
    return compare_slices(((const struct cc_carrier_key *)a)->id,
                          ((const struct cc_carrier_key *)b)->id);
}

static enum cc_error read_carrier_keys(struct cc_carrier_keyring *keyring, const json_t *list,
                                       struct cc_json_reason *reason)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > CC_CARRIER_KEYS_MAX)
        return refuse(reason, "keys", count, "must be a list of at most 1,024");
    keyring->keys = cc_arena_alloc(&keyring->arena, (count + 1) * sizeof(*keyring->keys));
    if (!keyring->keys)
        return CC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        keyring->count = i + 1;
        enum cc_error error = read_carrier_key(json_array_get(list, i), i, &keyring->arena,
                                               &keyring->keys[i], reason);
        if (error)
            return error;
    }
    qsort(keyring->keys, count, sizeof(*keyring->keys), compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (cc_slice_equal(keyring->keys[i - 1].id, keyring->keys[i].id))
            return refuse(reason, "keys", i, "id stands there twice");
    }
    return CC_OK;
}

static enum cc_error read_tokens(struct cc_carrier_keyring *keyring, json_t *cells,
                                 struct cc_json_reason *reason)
{
    const char *name = NULL;
    json_t *value = NULL;
    if (!cells)
        return CC_OK;
    if (!json_is_object(cells))
        return refuse(reason, "cells", 0, "must be an object");
    keyring->tokens =
        cc_arena_alloc(&keyring->arena, (json_object_size(cells) + 1) * sizeof(*keyring->tokens));
    if (!keyring->tokens)
        return CC_NO_MEMORY;
    json_object_foreach(cells, name, value)
    {
        struct cell_token *token = &keyring->tokens[keyring->token_count];
        struct cc_slice text = cc_slice(json_string_value(value), json_string_length(value));
        if (!cc_name_is_cell(cc_slice_of(name)) || text.length == 0 ||
            text.length > TOKEN_MAX_BYTES)
            return refuse(reason, "cells", keyring->token_count, "must be cell: token");
        if (keep(&keyring->arena, cc_slice_of(name), &token->cell) ||
            keep(&keyring->arena, text, &token->token))
            return CC_NO_MEMORY;
        keyring->token_count++;
    }
    return CC_OK;
}

enum cc_error cc_carrier_keyring_parse(const struct cc_publication *publication,
                                       struct cc_carrier_keyring **out,
                                       struct cc_json_reason *reason)
{
    json_t *root = NULL;
    struct cc_carrier_keyring *keyring = NULL;
    *out = NULL;
    enum cc_error error = cc_json_parse(publication->payload, PAYLOAD_MAX_BYTES, &root, reason);
    if (error)
        return error;
    keyring = calloc(1, sizeof(*keyring));
    if (!keyring) {
        error = CC_NO_MEMORY;
        goto done;
    }
    cc_arena_init(&keyring->arena, 4 * (size_t)PAYLOAD_MAX_BYTES);
    error = read_carrier_keys(keyring, cc_json_at(root, "keys"), reason);
    if (!error)
        error = read_tokens(keyring, cc_json_at(root, "cells"), reason);
    if (!error) {
        *out = keyring;
        keyring = NULL;
    }
done:
    cc_carrier_keyring_free(keyring);
    forget_all(root);
    json_decref(root);
    return error;
}

void cc_carrier_keyring_free(struct cc_carrier_keyring *keyring)
{
    if (!keyring)
        return;
    for (size_t i = 0; keyring->keys && i < keyring->count; i++) {
        for (size_t j = 0; j < keyring->keys[i].secret_count; j++)
            forget(keyring->keys[i].secrets[j]);
    }
    for (size_t i = 0; i < keyring->token_count; i++)
        forget(keyring->tokens[i].token);
    cc_arena_reset(&keyring->arena);
    free(keyring);
}

size_t cc_carrier_keyring_count(const struct cc_carrier_keyring *keyring)
{
    return keyring->count;
}

const struct cc_carrier_key *cc_carrier_keyring_at(const struct cc_carrier_keyring *keyring,
                                                   size_t i)
{
    return i < keyring->count ? &keyring->keys[i] : NULL;
}

const struct cc_carrier_key *cc_carrier_keyring_find(const struct cc_carrier_keyring *keyring,
                                                     struct cc_slice id)
{
    struct cc_carrier_key wanted = {.id = id};
    return bsearch(&wanted, keyring->keys, keyring->count, sizeof(wanted), compare_keys);
}

bool cc_carrier_key_serves(const struct cc_carrier_key *key, struct cc_slice tenant)
{
    if (key->all_tenants)
        return true;
    for (size_t i = 0; i < key->tenant_count; i++) {
        if (cc_slice_equal(key->tenants[i], tenant))
            return true;
    }
    return false;
}

struct cc_slice cc_carrier_keyring_cell_token(const struct cc_carrier_keyring *keyring,
                                              struct cc_slice cell)
{
    for (size_t i = 0; i < keyring->token_count; i++) {
        if (cc_slice_equal(keyring->tokens[i].cell, cell))
            return keyring->tokens[i].token;
    }
    return cc_slice(NULL, 0);
}

/* Sorted by active_from, then id. */
struct cc_sealing_keyring {
    size_t count;
    struct cc_sealing_key keys[CC_SEALING_KEYS_MAX];
};

static enum cc_error read_sealing_key(const json_t *object, size_t index,
                                      struct cc_sealing_key *key, struct cc_json_reason *reason)
{
    int64_t id = 0;
    size_t length = 0;
    struct cc_slice text;
    struct cc_slice active_from;
    if (cc_json_integer_at(object, "id", 1, 255, &id, NULL))
        return refuse(reason, "keys", index, "id must be 1 to 255");
    key->id = (uint8_t)id;
    if (cc_json_string_at(object, "key", SECRET_TEXT_MAX, &text, NULL) ||
        cc_base64_decode(text, key->key, sizeof(key->key), &length) || length != CC_SIV_KEY_BYTES)
        return refuse(reason, "keys", index, "key must be the base64 of 64 bytes");
    if (cc_json_string_at(object, "active_from", SECRET_TEXT_MAX, &active_from, NULL) ||
        cc_timestamp_parse(active_from, &key->active_from_us))
        return refuse(reason, "keys", index, "active_from must be an RFC 3339 date and time");
    return CC_OK;
}

static int compare_sealing_keys(const void *a, const void *b)
{
    const struct cc_sealing_key *left = a;
    const struct cc_sealing_key *right = b;
    if (left->active_from_us != right->active_from_us)
        return left->active_from_us < right->active_from_us ? -1 : 1;
    return left->id - right->id;
}

static enum cc_error read_sealing_keys(struct cc_sealing_keyring *keyring, const json_t *list,
                                       struct cc_json_reason *reason)
{
    bool taken[256] = {false};
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count < 1 || count > CC_SEALING_KEYS_MAX)
        return refuse(reason, "keys", count, "must be a list of 1 to 64");
    for (size_t i = 0; i < count; i++) {
        enum cc_error error =
            read_sealing_key(json_array_get(list, i), i, &keyring->keys[i], reason);
        if (error)
            return error;
        if (taken[keyring->keys[i].id])
            return refuse(reason, "keys", i, "id stands there twice");
        taken[keyring->keys[i].id] = true;
    }
    keyring->count = count;
    qsort(keyring->keys, count, sizeof(*keyring->keys), compare_sealing_keys);
    return CC_OK;
}

enum cc_error cc_sealing_keyring_parse(const struct cc_publication *publication,
                                       struct cc_sealing_keyring **out,
                                       struct cc_json_reason *reason)
{
    json_t *root = NULL;
    *out = NULL;
    enum cc_error error = cc_json_parse(publication->payload, PAYLOAD_MAX_BYTES, &root, reason);
    if (error)
        return error;
    struct cc_sealing_keyring *keyring = calloc(1, sizeof(*keyring));
    error = keyring ? read_sealing_keys(keyring, cc_json_at(root, "keys"), reason) : CC_NO_MEMORY;
    if (error)
        cc_sealing_keyring_free(keyring);
    else
        *out = keyring;
    forget_all(root);
    json_decref(root);
    return error;
}

void cc_sealing_keyring_free(struct cc_sealing_keyring *keyring)
{
    if (!keyring)
        return;
    OPENSSL_cleanse(keyring, sizeof(*keyring));
    free(keyring);
}

const struct cc_sealing_key *cc_sealing_keyring_for(const struct cc_sealing_keyring *keyring,
                                                    int64_t occurred_at_us)
{
    const struct cc_sealing_key *found = &keyring->keys[0];
    for (size_t i = 1; i < keyring->count; i++) {
        if (keyring->keys[i].active_from_us <= occurred_at_us)
            found = &keyring->keys[i];
    }
    return found;
}

const struct cc_sealing_key *cc_sealing_keyring_find(const struct cc_sealing_keyring *keyring,
                                                     uint8_t id)
{
    for (size_t i = 0; i < keyring->count; i++) {
        if (keyring->keys[i].id == id)
            return &keyring->keys[i];
    }
    return NULL;
}
