#include "tests/unit/cell/fixture.h"

#define STARTED "2026-03-01T09:00:00Z"

static struct cc_arena arena;
static struct cc_sealing_keyring *keyring;

static const struct cell_call_identity call = {
    {"se", 2},
    {"acme", 4},
    {"c-1", 3},
};

static void set_up(void)
{
    cc_arena_init(&arena, 0);
    keyring = fixture_keyring(fixture_two_keys);
}

static void tear_down(void)
{
    cc_arena_reset(&arena);
    cc_sealing_keyring_free(keyring);
}

static struct cell_call_state sample(void)
{
    return (struct cell_call_state){.flow_id = CC_SLICE_LITERAL("main"),
                                    .flow_version = INT64_C(0x123456789abcdef),
                                    .position = {.node = 0xfedc, .tries = 9},
                                    .started_at_us = fixture_time(STARTED),
                                    .fallback_target = CC_SLICE_LITERAL("+46701234567")};
}

static struct cc_slice sealed_at(const struct cell_call_state *state, const char *time)
{
    struct cc_slice text;
    const struct cc_sealing_key *key = cc_sealing_keyring_for(keyring, fixture_time(time));
    ck_assert_int_eq(cell_state_seal(state, &call, key, &arena, &text), CC_OK);
    return text;
}

static enum cc_error open_at(struct cc_slice text, const struct cell_call_identity *identity,
                             const char *time, struct cell_call_state *out)
{
    return cell_state_open(text, identity, keyring, fixture_time(time), &arena, out);
}

START_TEST(what_is_sealed_opens)
{
    struct cell_call_state state = sample(), out;
    struct cc_slice text;
    set_up();
    text = sealed_at(&state, STARTED);
    ck_assert_uint_le(text.length, CC_STATE_TEXT_MAX);
    ck_assert_int_eq(open_at(text, &call, "2026-03-01T10:00:00Z", &out), CC_OK);
    ck_assert(cc_slice_is(out.flow_id, "main"));
    ck_assert_int_eq(out.flow_version, state.flow_version);
    ck_assert_uint_eq(out.position.node, 0xfedc);
    ck_assert_uint_eq(out.position.tries, 9);
    ck_assert_int_eq(out.started_at_us, state.started_at_us);
    ck_assert(cc_slice_is(out.fallback_target, "+46701234567"));
    tear_down();
}
END_TEST

START_TEST(equal_states_give_equal_text)
{
    struct cell_call_state state = sample();
    struct cc_slice first, other;
    set_up();
    first = sealed_at(&state, STARTED);
    ck_assert(cc_slice_equal(first, sealed_at(&state, STARTED)));
    state.position.tries++;
    other = sealed_at(&state, STARTED);
    ck_assert(!cc_slice_equal(first, other));
    tear_down();
}
END_TEST

START_TEST(flow_ids_are_bounded)
{
    static const char id[] = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd";
    struct cell_call_state state = sample(), out;
    struct cc_slice text;
    const struct cc_sealing_key *key = NULL;
    set_up();
    key = cc_sealing_keyring_find(keyring, 1);
    state.flow_id = cc_slice(id, 63);
    text = sealed_at(&state, STARTED);
    ck_assert_int_eq(open_at(text, &call, STARTED, &out), CC_OK);
    ck_assert(cc_slice_equal(out.flow_id, state.flow_id));
    state.flow_id = cc_slice(id, 64);
    ck_assert_int_eq(cell_state_seal(&state, &call, key, &arena, &text), CC_INVALID);
    state.flow_id = cc_slice(id, 0);
    ck_assert_int_eq(cell_state_seal(&state, &call, key, &arena, &text), CC_INVALID);
    tear_down();
}
END_TEST

START_TEST(fallback_targets_are_bounded)
{
    static const char target[] = "+1234567890123456";
    struct cell_call_state state = sample(), out;
    const struct cc_sealing_key *key = NULL;
    struct cc_slice text;
    set_up();
    key = cc_sealing_keyring_find(keyring, 1);
    for (size_t length = 0; length <= 16; length += 16) {
        state.fallback_target = cc_slice(target, length);
        text = sealed_at(&state, STARTED);
        ck_assert_int_eq(open_at(text, &call, STARTED, &out), CC_OK);
        ck_assert(cc_slice_equal(out.fallback_target, state.fallback_target));
    }
    state.fallback_target = cc_slice(target, 17);
    ck_assert_int_eq(cell_state_seal(&state, &call, key, &arena, &text), CC_INVALID);
    tear_down();
}
END_TEST

/* As it was sealed before states carried the fallback target. */
START_TEST(a_state_without_a_fallback_target_opens)
{
    static const char plain[] = "\4main\0\0\0\0\0\0\0\3\0\2\1\0\6\x44\x59\x41\x62\x40\0";
    const struct cc_slice associated[] = {call.country, call.tenant, call.call_id};
    uint8_t sealed[2 + CC_SIV_TAG_BYTES + sizeof(plain)] = {1, 1};
    char text[2 * sizeof(sealed)];
    struct cell_call_state out;
    size_t length = sizeof(plain) - 1;
    set_up();
    ck_assert_int_eq(cc_siv_seal(cc_sealing_keyring_find(keyring, 1)->key, associated, 3,
                                 cc_slice(plain, length), sealed + 2,
                                 sealed + 2 + CC_SIV_TAG_BYTES),
                     CC_OK);
    length =
        cc_base64url_encode(cc_slice((const char *)sealed, 2 + CC_SIV_TAG_BYTES + length), text);
    ck_assert_int_eq(open_at(cc_slice(text, length), &call, "2024-01-01T00:00:00Z", &out), CC_OK);
    ck_assert(cc_slice_is(out.flow_id, "main"));
    ck_assert_int_eq(out.flow_version, 3);
    ck_assert_uint_eq(out.position.tries, 1);
    ck_assert_uint_eq(out.fallback_target.length, 0);
    tear_down();
}
END_TEST

START_TEST(a_state_of_another_call_is_forged)
{
    static const struct cell_call_identity others[] = {
        {{"no", 2}, {"acme", 4}, {"c-1", 3}},
        {{"se", 2}, {"acne", 4}, {"c-1", 3}},
        {{"se", 2}, {"acme", 4}, {"c-2", 3}},
        {{"se", 2}, {"acmec", 5}, {"-1", 2}}, /* the same bytes, divided otherwise */
        {{"seacme", 6}, {"", 0}, {"c-1", 3}},
    };
    struct cell_call_state state = sample(), out;
    struct cc_slice text;
    set_up();
    text = sealed_at(&state, STARTED);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_int_eq(open_at(text, &others[i], STARTED, &out), CC_SIGNATURE);
    tear_down();
}
END_TEST

START_TEST(any_changed_byte_is_noticed)
{
    struct cell_call_state state = sample(), out;
    uint8_t sealed[CC_STATE_TEXT_MAX];
    char text[CC_STATE_TEXT_MAX + 8];
    struct cc_slice sound;
    size_t length = 0;
    set_up();
    sound = sealed_at(&state, STARTED);
    ck_assert_int_eq(cc_base64url_decode(sound, sealed, sizeof(sealed), &length), CC_OK);
    for (size_t i = 0; i < length; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct cc_slice changed;
            enum cc_error error = CC_OK;
            sealed[i] ^= (uint8_t)(1 << bit);
            changed =
                cc_slice(text, cc_base64url_encode(cc_slice((const char *)sealed, length), text));
            error = open_at(changed, &call, STARTED, &out);
            ck_assert_int_eq(error, i == 0 ? CC_INVALID : CC_SIGNATURE);
            sealed[i] ^= (uint8_t)(1 << bit);
        }
    }
    tear_down();
}
END_TEST

START_TEST(cut_and_foreign_texts_do_not_open)
{
    static const char *const foreign[] = {"", "x", "not base64url!", "AQE", "AQEAAAAAAAAA"};
    struct cell_call_state state = sample(), out;
    struct cc_slice sound;
    char longer[CC_STATE_TEXT_MAX + 1];
    set_up();
    sound = sealed_at(&state, STARTED);
    for (size_t length = 0; length < sound.length; length++)
        ck_assert_int_ne(open_at(cc_slice(sound.data, length), &call, STARTED, &out), CC_OK);
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        ck_assert_int_eq(open_at(cc_slice_of(foreign[i]), &call, STARTED, &out), CC_INVALID);
    memset(longer, 'A', sizeof(longer));
    ck_assert_int_eq(open_at(cc_slice(longer, sizeof(longer)), &call, STARTED, &out), CC_INVALID);
    tear_down();
}
END_TEST

START_TEST(sealed_nonsense_is_refused)
{
    static const struct cc_slice plains[] = {
        {"\0", 1},
        {"\4main", 5},
        {"\xff"
         "0123456789012345678",
         20},
        {"\0"
         "0123456789012345678",
         20},
        {"\1x"
         "0123456789012345678+",
         22}, /* one byte too many */
    };
    const struct cc_slice associated[] = {call.country, call.tenant, call.call_id};
    const struct cc_sealing_key *key = NULL;
    set_up();
    key = cc_sealing_keyring_find(keyring, 1);
    for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
        uint8_t sealed[64] = {1, 1};
        char text[128];
        struct cell_call_state out;
        ck_assert_int_eq(cc_siv_seal(key->key, associated, 3, plains[i], sealed + 2, sealed + 18),
                         CC_OK);
        (void)cc_base64url_encode(cc_slice((const char *)sealed, 18 + plains[i].length), text);
        ck_assert_int_eq(open_at(cc_slice_of(text), &call, STARTED, &out), CC_INVALID);
    }
    tear_down();
}
END_TEST

START_TEST(a_state_lives_24_hours)
{
    struct cell_call_state state = sample(), out;
    struct cc_slice text;
    set_up();
    text = sealed_at(&state, STARTED);
    ck_assert_int_eq(open_at(text, &call, "2026-03-02T09:00:00Z", &out), CC_OK);
    ck_assert_int_eq(open_at(text, &call, "2026-03-02T09:00:00.000001Z", &out), CC_EXPIRED);
    ck_assert_int_eq(open_at(text, &call, "2026-02-01T00:00:00Z", &out), CC_OK);
    state.started_at_us = INT64_MAX;
    text = sealed_at(&state, STARTED);
    ck_assert_int_eq(open_at(text, &call, STARTED, &out), CC_OK);
    tear_down();
}
END_TEST

START_TEST(keys_rotate_by_occurred_at)
{
    struct cell_call_state state = sample(), out;
    struct cc_slice before, after;
    set_up();
    state.started_at_us = fixture_time("2026-05-31T23:00:00Z");
    before = sealed_at(&state, "2026-05-31T23:59:59.999999Z");
    after = sealed_at(&state, "2026-06-01T00:00:00Z");
    ck_assert(!cc_slice_equal(before, after));
    ck_assert(cc_slice_equal(before, sealed_at(&state, "2026-01-02T00:00:00Z")));
    ck_assert_int_eq(open_at(before, &call, "2026-06-01T12:00:00Z", &out), CC_OK);
    ck_assert_int_eq(open_at(after, &call, "2026-05-31T23:00:00Z", &out), CC_OK);
    tear_down();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_sealed_opens,
        equal_states_give_equal_text,
        flow_ids_are_bounded,
        fallback_targets_are_bounded,
        a_state_without_a_fallback_target_opens,
        a_state_of_another_call_is_forged,
        any_changed_byte_is_noticed,
        cut_and_foreign_texts_do_not_open,
        sealed_nonsense_is_refused,
        a_state_lives_24_hours,
        keys_rotate_by_occurred_at,
    };
    return fixture_run("state", tests, sizeof(tests) / sizeof(tests[0]));
}
