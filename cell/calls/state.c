#include "cell/calls/state.h"

/*
 * Plain text, all integers big-endian: length of the flow id (1), flow id, flow version (8), node
 * (2), tries (1), started_at in microseconds (8), length of the fallback target (1), fallback
 * target.
 */
enum {
    FORMAT = 2,
    FORMAT_WITHOUT_TARGET = 1, /* of calls that began before an upgrade */
    FLOW_ID_MAX = 63,
    TARGET_MAX = 16, /* "+" and 15 digits */
    PLAIN_MAX = 1 + FLOW_ID_MAX + 8 + 2 + 1 + 8 + 1 + TARGET_MAX,
    HEAD_BYTES = 2 + CC_SIV_TAG_BYTES,
    SEALED_MAX = HEAD_BYTES + PLAIN_MAX,
    TEXT_MAX = (SEALED_MAX + 2) / 3 * 4
};
_Static_assert((int)TEXT_MAX <= (int)CC_STATE_TEXT_MAX, "a sealed state fits its bound");

struct writer {
    uint8_t bytes[PLAIN_MAX];
    size_t length;
};

static void put(struct writer *writer, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;)
        writer->bytes[writer->length++] = (uint8_t)(value >> (8 * i));
}

static void put_text(struct writer *writer, struct cc_slice text)
{
    put(writer, text.length, 1);
    if (text.length > 0)
        memcpy(writer->bytes + writer->length, text.data, text.length);
    writer->length += text.length;
}

static void write_plain(const struct cell_call_state *state, struct writer *writer)
{
    put_text(writer, state->flow_id);
    put(writer, (uint64_t)state->flow_version, 8);
    put(writer, state->position.node, 2);
    put(writer, state->position.tries, 1);
    put(writer, (uint64_t)state->started_at_us, 8);
    put_text(writer, state->fallback_target);
}

enum cc_error cell_state_seal(const struct cell_call_state *state,
                              const struct cell_call_identity *call,
                              const struct cc_sealing_key *key, struct cc_arena *arena,
                              struct cc_slice *out)
{
    const struct cc_slice associated[] = {call->country, call->tenant, call->call_id};
    struct writer plain = {.length = 0};
    uint8_t sealed[SEALED_MAX] = {FORMAT, key->id};
    char *text = NULL;
    enum cc_error error = CC_OK;
    *out = cc_slice(NULL, 0);
    if (state->flow_id.length < 1 || state->flow_id.length > FLOW_ID_MAX ||
        state->fallback_target.length > TARGET_MAX)
        return CC_INVALID;
    write_plain(state, &plain);
    error = cc_siv_seal(key->key, associated, 3, cc_slice((const char *)plain.bytes, plain.length),
                        sealed + 2, sealed + HEAD_BYTES);
    if (error)
        return error;
    text = cc_arena_alloc(arena, TEXT_MAX + 1);
    if (!text)
        return CC_NO_MEMORY;
    *out = cc_slice(
        text, cc_base64url_encode(cc_slice((const char *)sealed, HEAD_BYTES + plain.length), text));
    return CC_OK;
}

struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static const uint8_t *take(struct reader *reader, size_t bytes)
{
    const uint8_t *taken = reader->at;
    if (reader->failed || reader->left < bytes) {
        reader->failed = true;
        return NULL;
    }
    reader->at += bytes;
    reader->left -= bytes;
    return taken;
}

static uint64_t get(struct reader *reader, size_t bytes)
{
    const uint8_t *taken = take(reader, bytes);
    uint64_t value = 0;
    for (size_t i = 0; taken && i < bytes; i++)
        value = value << 8 | taken[i];
    return value;
}

/* Borrowed from the reader's bytes. */
static struct cc_slice get_text(struct reader *reader)
{
    size_t length = get(reader, 1);
    const uint8_t *text = take(reader, length);
    return text ? cc_slice((const char *)text, length) : cc_slice(NULL, 0);
}

static bool keep(struct cc_slice *text, struct cc_arena *arena)
{
    const char *copy = cc_arena_copy(arena, *text);
    *text = cc_slice(copy, text->length);
    return copy != NULL;
}

static enum cc_error read_plain(struct reader reader, uint8_t format, struct cc_arena *arena,
                                struct cell_call_state *out)
{
    out->flow_id = get_text(&reader);
    out->flow_version = (int64_t)get(&reader, 8);
    out->position.node = (uint16_t)get(&reader, 2);
    out->position.tries = (uint8_t)get(&reader, 1);
    out->started_at_us = (int64_t)get(&reader, 8);
    if (format != FORMAT_WITHOUT_TARGET)
        out->fallback_target = get_text(&reader);
    if (reader.failed || reader.left > 0 || out->flow_id.length < 1 ||
        out->flow_id.length > FLOW_ID_MAX || out->fallback_target.length > TARGET_MAX)
        return CC_INVALID;
    return keep(&out->flow_id, arena) && keep(&out->fallback_target, arena) ? CC_OK : CC_NO_MEMORY;
}

static bool is_expired(int64_t started_at_us, int64_t occurred_at_us)
{
    int64_t ends_at_us = 0;
    if (__builtin_add_overflow(started_at_us, CELL_STATE_LIFETIME_US, &ends_at_us))
        return false;
    return ends_at_us < occurred_at_us;
}

enum cc_error cell_state_open(struct cc_slice text, const struct cell_call_identity *call,
                              const struct cc_sealing_keyring *keyring, int64_t occurred_at_us,
                              struct cc_arena *arena, struct cell_call_state *out)
{
    const struct cc_slice associated[] = {call->country, call->tenant, call->call_id};
    const struct cc_sealing_key *key = NULL;
    uint8_t sealed[SEALED_MAX];
    uint8_t plain[PLAIN_MAX];
    size_t length = 0;
    enum cc_error error = CC_OK;
    *out = (struct cell_call_state){0};
    if (text.length > TEXT_MAX ||
        cc_base64url_decode(text, sealed, sizeof(sealed), &length) != CC_OK)
        return CC_INVALID;
    if (length <= HEAD_BYTES || sealed[0] < FORMAT_WITHOUT_TARGET || sealed[0] > FORMAT)
        return CC_INVALID;
    key = cc_sealing_keyring_find(keyring, sealed[1]);
    if (!key)
        return CC_SIGNATURE;
    length -= HEAD_BYTES;
    error = cc_siv_open(key->key, associated, 3, sealed + 2,
                        cc_slice((const char *)sealed + HEAD_BYTES, length), plain);
    if (!error)
        error = read_plain((struct reader){plain, length, false}, sealed[0], arena, out);
    if (error) {
        *out = (struct cell_call_state){0};
        return error;
    }
    return is_expired(out->started_at_us, occurred_at_us) ? CC_EXPIRED : CC_OK;
}
