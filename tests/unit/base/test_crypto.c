#include "base/crypto.h"

#include <pthread.h>

#include "tests/unit/base/hex.h"

static void assert_hex(const uint8_t *bytes, size_t length, const char *expected)
{
    char text[512];
    ck_assert_uint_lt(length, sizeof(text) / 2);
    cc_hex_encode(cc_slice((const char *)bytes, length), text);
    ck_assert_str_eq(text, expected);
}

START_TEST(sha256_of_fips_180)
{
    uint8_t digest[CC_SHA256_BYTES];
    const struct cc_slice parts[] = {CC_SLICE_LITERAL("a"), cc_slice(NULL, 0),
                                     CC_SLICE_LITERAL("bc")};
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    ck_assert_int_eq(cc_sha256(CC_SLICE_LITERAL("abc"), digest), CC_OK);
    assert_hex(digest, sizeof(digest), abc);
    ck_assert_int_eq(cc_sha256_parts(parts, 3, digest), CC_OK);
    assert_hex(digest, sizeof(digest), abc);
    ck_assert_int_eq(cc_sha256(cc_slice(NULL, 0), digest), CC_OK);
    assert_hex(digest, sizeof(digest),
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

static void assert_hmac(struct cc_slice key, struct cc_slice data, const char *expected)
{
    uint8_t digest[CC_SHA256_BYTES];
    const struct cc_slice parts[] = {cc_slice(data.data, 3),
                                     cc_slice(data.data + 3, data.length - 3)};
    ck_assert_int_eq(cc_hmac_sha256(key, parts, 2, digest), CC_OK);
    assert_hex(digest, sizeof(digest), expected);
}

START_TEST(hmac_of_rfc_4231)
{
    char key[131];
    char data[50];
    memset(key, 0x0b, 20);
    assert_hmac(cc_slice(key, 20), CC_SLICE_LITERAL("Hi There"),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_hmac(CC_SLICE_LITERAL("Jefe"), CC_SLICE_LITERAL("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(data, 0xdd, sizeof(data));
    assert_hmac(cc_slice(key, 20), cc_slice(data, 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    assert_hmac(cc_slice(key, 131),
                CC_SLICE_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

START_TEST(equality_looks_at_length_and_content)
{
    ck_assert(cc_crypto_equal(CC_SLICE_LITERAL("abc"), CC_SLICE_LITERAL("abc")));
    ck_assert(!cc_crypto_equal(CC_SLICE_LITERAL("abc"), CC_SLICE_LITERAL("abd")));
    ck_assert(!cc_crypto_equal(CC_SLICE_LITERAL("abc"), CC_SLICE_LITERAL("ab")));
    ck_assert(cc_crypto_equal(cc_slice(NULL, 0), CC_SLICE_LITERAL("")));
}
END_TEST

/* PEM of raw key bytes behind their fixed DER prefix (RFC 8410). */
static void to_pem(const char *kind, const char *prefix_hex, const char *key_hex, char *out,
                   size_t capacity)
{
    uint8_t der[64];
    char base64[96];
    size_t prefix_length = from_hex(prefix_hex, der).length;
    size_t length = prefix_length + from_hex(key_hex, der + prefix_length).length;
    (void)cc_base64_encode(cc_slice((const char *)der, length), base64);
    (void)snprintf(out, capacity, "-----BEGIN %s KEY-----\n%s\n-----END %s KEY-----\n", kind,
                   base64, kind);
}

static void assert_ed25519(const char *seed, const char *public_key, const char *message,
                           const char *signature)
{
    char pem[256];
    uint8_t room[64];
    uint8_t made[CC_ED25519_SIGNATURE_BYTES];
    struct cc_ed25519 *signer = NULL;
    struct cc_ed25519 *verifier = NULL;
    to_pem("PRIVATE", "302e020100300506032b657004220420", seed, pem, sizeof(pem));
    ck_assert_int_eq(cc_ed25519_from_private_pem(cc_slice_of(pem), &signer), CC_OK);
    to_pem("PUBLIC", "302a300506032b6570032100", public_key, pem, sizeof(pem));
    ck_assert_int_eq(cc_ed25519_from_public_pem(cc_slice_of(pem), &verifier), CC_OK);
    struct cc_slice bytes = from_hex(message, room);
    struct cc_slice made_slice = cc_slice((const char *)made, sizeof(made));
    ck_assert_int_eq(cc_ed25519_sign(signer, bytes, made), CC_OK);
    assert_hex(made, sizeof(made), signature);
    ck_assert_int_eq(cc_ed25519_verify(verifier, bytes, made_slice), CC_OK);
    ck_assert_int_eq(cc_ed25519_verify(verifier, CC_SLICE_LITERAL("other"), made_slice),
                     CC_SIGNATURE);
    made[63] ^= 1;
    ck_assert_int_eq(cc_ed25519_verify(verifier, bytes, made_slice), CC_SIGNATURE);
    ck_assert_int_eq(cc_ed25519_verify(verifier, bytes, cc_slice((const char *)made, 63)),
                     CC_SIGNATURE);
    cc_ed25519_free(signer);
    cc_ed25519_free(verifier);
}

START_TEST(ed25519_of_rfc_8032)
{
    assert_ed25519(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
        "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
    assert_ed25519(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
        "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
}
END_TEST

START_TEST(generated_keys_work_and_other_pem_does_not)
{
    char *private_pem = NULL;
    char *public_pem = NULL;
    struct cc_ed25519 *key = NULL;
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    ck_assert_int_eq(cc_ed25519_generate(&private_pem, &public_pem), CC_OK);
    ck_assert_int_eq(cc_ed25519_from_private_pem(cc_slice_of(private_pem), &key), CC_OK);
    ck_assert_int_eq(cc_ed25519_sign(key, CC_SLICE_LITERAL("x"), signature), CC_OK);
    cc_ed25519_free(key);
    ck_assert_int_eq(cc_ed25519_from_public_pem(cc_slice_of(public_pem), &key), CC_OK);
    ck_assert_int_eq(cc_ed25519_verify(key, CC_SLICE_LITERAL("x"),
                                       cc_slice((const char *)signature, sizeof(signature))),
                     CC_OK);
    ck_assert_int_eq(cc_ed25519_sign(key, CC_SLICE_LITERAL("x"), signature), CC_CRYPTO);
    cc_ed25519_free(key);
    ck_assert_int_eq(cc_ed25519_from_private_pem(cc_slice_of(public_pem), &key), CC_INVALID);
    ck_assert_ptr_null(key);
    ck_assert_int_eq(cc_ed25519_from_public_pem(CC_SLICE_LITERAL("no pem"), &key), CC_INVALID);
    ck_assert_int_eq(cc_ed25519_from_public_pem(cc_slice(NULL, 0), &key), CC_INVALID);
    free(private_pem);
    free(public_pem);
}
END_TEST

/* RFC 5297 prints vectors for 256-bit keys only. These are from an implementation written after the
 * RFC (S2V over CMAC, then CTR) that was first checked against its vectors A.1 and A.2. */
static const char siv_key_hex[] =
    "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0"
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static void assert_siv(const struct cc_slice *associated, size_t count, struct cc_slice plain,
                       const char *tag_hex, const char *cipher_hex)
{
    uint8_t key[CC_SIV_KEY_BYTES];
    uint8_t tag[CC_SIV_TAG_BYTES];
    uint8_t cipher[128];
    uint8_t opened[128];
    struct cc_slice cipher_slice = cc_slice((const char *)cipher, plain.length);
    (void)from_hex(siv_key_hex, key);
    ck_assert_int_eq(cc_siv_seal(key, associated, count, plain, tag, cipher), CC_OK);
    assert_hex(tag, sizeof(tag), tag_hex);
    assert_hex(cipher, plain.length, cipher_hex);
    ck_assert_int_eq(cc_siv_open(key, associated, count, tag, cipher_slice, opened), CC_OK);
    ck_assert_mem_eq(opened, plain.data, plain.length);
    tag[0] ^= 1;
    ck_assert_int_eq(cc_siv_open(key, associated, count, tag, cipher_slice, opened), CC_SIGNATURE);
    for (size_t i = 0; i < plain.length; i++)
        ck_assert_uint_eq(opened[i], 0);
    tag[0] ^= 1;
    cipher[plain.length - 1] ^= 1;
    ck_assert_int_eq(cc_siv_open(key, associated, count, tag, cipher_slice, opened), CC_SIGNATURE);
}

START_TEST(aes_256_siv_vectors)
{
    uint8_t header[32];
    uint8_t plain[32];
    const struct cc_slice one[] = {
        from_hex("101112131415161718191a1b1c1d1e1f2021222324252627", header)};
    const struct cc_slice three[] = {CC_SLICE_LITERAL("se"), CC_SLICE_LITERAL("acme"),
                                     CC_SLICE_LITERAL("c-1")};
    assert_siv(one, 1, from_hex("112233445566778899aabbccddee", plain),
               "59e71a7723eaa441e91cb355cdeaba2b", "57968f2787812c575eebd0c649ee");
    assert_siv(
        three, 3, CC_SLICE_LITERAL("the plain text of a sealed state, longer than two blocks"),
        "84aab1daf5e539e92329cd99f2cff7dd",
        "6c1b8619c1c71a2cc9f37ff90efec4da3eaf802cb60dac87953de5986afa5db2d504c18bc27534b94f6d"
        "30ba9421622847237618105880bd");
    assert_siv(NULL, 0, CC_SLICE_LITERAL("x"), "98ad1b1d490bc654d176160acaaf05a6", "ae");
}
END_TEST

START_TEST(siv_keeps_components_apart)
{
    /* An empty component counts (CVE-2023-2975 is that it did not). */
    const struct cc_slice empty_first[] = {cc_slice(NULL, 0), CC_SLICE_LITERAL("ab")};
    const struct cc_slice split[] = {CC_SLICE_LITERAL("a"), CC_SLICE_LITERAL("b")};
    assert_siv(empty_first, 2, CC_SLICE_LITERAL("xxxxxxxxxxxxxxxx"),
               "07c68deea15087e312826b3a437007e9", "44bcd2824857b9874a05f8baff597a47");
    assert_siv(split, 2, CC_SLICE_LITERAL("xxxxxxxxxxxxxxxx"), "6019c5db0067a60290a552e81d3aa4eb",
               "b4412836c279ad62ab521aebd4b7f8af");
}
END_TEST

struct sealed {
    uint8_t tag[CC_SIV_TAG_BYTES];
    uint8_t cipher[4];
};

static void seal_text(const uint8_t key[CC_SIV_KEY_BYTES], struct sealed *out)
{
    const struct cc_slice associated[] = {CC_SLICE_LITERAL("se"), CC_SLICE_LITERAL("acme")};
    ck_assert_int_eq(
        cc_siv_seal(key, associated, 2, CC_SLICE_LITERAL("text"), out->tag, out->cipher), CC_OK);
}

static enum cc_error open_text(const uint8_t key[CC_SIV_KEY_BYTES], const struct sealed *sealed)
{
    const struct cc_slice associated[] = {CC_SLICE_LITERAL("se"), CC_SLICE_LITERAL("acme")};
    struct cc_slice cipher = cc_slice((const char *)sealed->cipher, sizeof(sealed->cipher));
    uint8_t plain[4];
    return cc_siv_open(key, associated, 2, sealed->tag, cipher, plain);
}

/* What an operation leaves behind in contexts that are used again changes nothing in the next. */
START_TEST(siv_under_two_keys_in_turn)
{
    enum { ROUNDS = 100 };
    uint8_t keys[2][CC_SIV_KEY_BYTES];
    struct sealed first[2];
    for (size_t i = 0; i < 2; i++) {
        memset(keys[i], (int)i + 1, CC_SIV_KEY_BYTES);
        seal_text(keys[i], &first[i]);
    }
    ck_assert_mem_ne(first[0].tag, first[1].tag, CC_SIV_TAG_BYTES);
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t at = i / 3 % 2;
        struct sealed again;
        ck_assert_int_eq(open_text(keys[at], &first[at]), CC_OK);
        ck_assert_int_eq(open_text(keys[at], &first[1 - at]), CC_SIGNATURE);
        seal_text(keys[at], &again);
        ck_assert_mem_eq(&again, &first[at], sizeof(again));
    }
}
END_TEST

static void *seal_elsewhere(void *out)
{
    static const uint8_t key[CC_SIV_KEY_BYTES] = {1};
    seal_text(key, out);
    return NULL;
}

START_TEST(a_thread_has_contexts_of_its_own)
{
    struct sealed here, there;
    pthread_t thread;
    (void)seal_elsewhere(&here);
    ck_assert_int_eq(pthread_create(&thread, NULL, seal_elsewhere, &there), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_mem_eq(&here, &there, sizeof(here));
}
END_TEST

START_TEST(siv_refuses_the_empty_text)
{
    uint8_t key[CC_SIV_KEY_BYTES] = {0};
    uint8_t tag[CC_SIV_TAG_BYTES] = {0};
    uint8_t room[1];
    ck_assert_int_eq(cc_siv_seal(key, NULL, 0, cc_slice(NULL, 0), tag, room), CC_INVALID);
    ck_assert_int_eq(cc_siv_open(key, NULL, 0, tag, cc_slice(NULL, 0), room), CC_INVALID);
}
END_TEST

START_TEST(base64_of_rfc_4648)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[16];
        uint8_t bytes[16];
        size_t length = 0;
        ck_assert_uint_eq(cc_base64_encode(cc_slice_of(pairs[i][0]), text), strlen(pairs[i][1]));
        ck_assert_str_eq(text, pairs[i][1]);
        ck_assert_int_eq(cc_base64_decode(cc_slice_of(pairs[i][1]), bytes, 16, &length), CC_OK);
        ASSERT_SLICE(cc_slice((const char *)bytes, length), pairs[i][0]);
        ck_assert_uint_eq(cc_base64url_encode(cc_slice_of(pairs[i][0]), text),
                          strcspn(pairs[i][1], "="));
    }
}
END_TEST

START_TEST(base64_is_strict)
{
    static const char *const bad[] = {"Zg",     "Zg=",   "Zh==",     "Zm9=", "Z===", "====",
                                      "Zm9v\n", "Zm 9v", "Zm9v====", "Zm-_", "=Zg=", "Zg==Zg=="};
    static const char *const bad_url[] = {"Zg==", "Zh", "Z", "Zm+/", "Zm9vZ", "Zm9"};
    uint8_t bytes[16];
    size_t length = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(cc_base64_decode(cc_slice_of(bad[i]), bytes, 16, &length) == CC_INVALID,
                      "accepted %s", bad[i]);
    for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
        ck_assert_msg(cc_base64url_decode(cc_slice_of(bad_url[i]), bytes, 16, &length) ==
                          CC_INVALID,
                      "accepted %s", bad_url[i]);
    ck_assert_int_eq(cc_base64_decode(CC_SLICE_LITERAL("Zm9v"), bytes, 2, &length), CC_TOO_LARGE);
    ck_assert_int_eq(cc_base64_decode(CC_SLICE_LITERAL("Zm9v"), bytes, 3, &length), CC_OK);
    ck_assert_int_eq(cc_base64url_decode(CC_SLICE_LITERAL("-_8"), bytes, 2, &length), CC_OK);
    ck_assert_uint_eq(bytes[0], 0xfb);
    ck_assert_uint_eq(bytes[1], 0xff);
}
END_TEST

START_TEST(random_bytes_differ)
{
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    ck_assert_int_eq(cc_random_bytes(a, sizeof(a)), CC_OK);
    ck_assert_int_eq(cc_random_bytes(b, sizeof(b)), CC_OK);
    ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

SUITE_MAIN("crypto", sha256_of_fips_180, hmac_of_rfc_4231, equality_looks_at_length_and_content,
           ed25519_of_rfc_8032, generated_keys_work_and_other_pem_does_not, aes_256_siv_vectors,
           siv_keeps_components_apart, siv_under_two_keys_in_turn, a_thread_has_contexts_of_its_own,
           siv_refuses_the_empty_text, base64_of_rfc_4648, base64_is_strict, random_bytes_differ)
