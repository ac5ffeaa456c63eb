/* The input as a state text, and as the plain text inside a validly sealed state: nothing but what
 * cell_state_seal could have written may open. */
#include "cell/calls/state.h"
#include "tests/fuzz/fuzz.h"

static const struct cell_call_identity call = {{"se", 2}, {"acme", 4}, {"c-1", 3}};

static struct cc_sealing_keyring *make_keyring(void)
{
    static const char payload[] =
        "{\"keys\":[{\"id\":1,\"key\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAA==\",\"active_from\":\"2026-01-01T00:00:00Z\"}]}";
    struct cc_publication publication = {.kind = CC_PUBLICATION_SEALING,
                                         .country = "se",
                                         .epoch = 1,
                                         .payload = CC_SLICE_LITERAL(payload)};
    struct cc_sealing_keyring *keyring = NULL;
    HOLDS(cc_sealing_keyring_parse(&publication, &keyring, NULL) == CC_OK);
    return keyring;
}

static void open_text(struct cc_slice text, const struct cc_sealing_keyring *keyring)
{
    struct cell_call_state state;
    struct cc_slice again;
    struct cc_arena arena;
    cc_arena_init(&arena, 0);
    if (cell_state_open(text, &call, keyring, 0, &arena, &state) == CC_OK) {
        HOLDS(cell_state_seal(&state, &call, cc_sealing_keyring_find(keyring, 1), &arena, &again) ==
              CC_OK);
        /* Format 1 comes back as format 2. */
        HOLDS(cc_slice_equal(again, text) || state.fallback_target.length == 0);
    }
    cc_arena_reset(&arena);
}

static void open_sealed(struct cc_slice plain, const struct cc_sealing_keyring *keyring)
{
    enum { PLAIN_MAX = 200 };
    const struct cc_slice associated[] = {call.country, call.tenant, call.call_id};
    uint8_t sealed[18 + PLAIN_MAX] = {2, 1};
    char text[2 * sizeof(sealed)];
    if (plain.length < 1 || plain.length > PLAIN_MAX)
        return;
    if (cc_siv_seal(cc_sealing_keyring_find(keyring, 1)->key, associated, 3, plain, sealed + 2,
                    sealed + 18))
        abort();
    open_text(cc_slice(text, cc_base64url_encode(cc_slice((const char *)sealed, 18 + plain.length),
                                                 text)),
              keyring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cc_sealing_keyring *keyring;
    if (!keyring)
        keyring = make_keyring();
    open_text(fuzz_input(data, size), keyring);
    open_sealed(fuzz_input(data, size), keyring);
    return 0;
}
