#include "base/publication.h"

#include "tests/unit/base/suite.h"

static struct cc_ed25519 *new_pair(struct cc_ed25519 **verifier)
{
    char *private_pem = NULL;
    char *public_pem = NULL;
    struct cc_ed25519 *signer = NULL;
    ck_assert_int_eq(cc_ed25519_generate(&private_pem, &public_pem), CC_OK);
    ck_assert_int_eq(cc_ed25519_from_private_pem(cc_slice_of(private_pem), &signer), CC_OK);
    ck_assert_int_eq(cc_ed25519_from_public_pem(cc_slice_of(public_pem), verifier), CC_OK);
    free(private_pem);
    free(public_pem);
    return signer;
}

/* Signs bytes and opens them as a map of se. */
static enum cc_error open_signed(struct cc_slice bytes, struct cc_publication *out)
{
    struct cc_ed25519 *verifiers[2] = {NULL, NULL};
    struct cc_ed25519 *other = new_pair(&verifiers[0]);
    struct cc_ed25519 *signer = new_pair(&verifiers[1]);
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    ck_assert_int_eq(cc_ed25519_sign(signer, bytes, signature), CC_OK);
    enum cc_error error =
        cc_publication_open(bytes, cc_slice((const char *)signature, sizeof(signature)),
                            (const struct cc_ed25519 *const *)verifiers, 2, CC_PUBLICATION_MAP,
                            CC_SLICE_LITERAL("se"), out);
    cc_ed25519_free(other);
    cc_ed25519_free(signer);
    cc_ed25519_free(verifiers[0]);
    cc_ed25519_free(verifiers[1]);
    return error;
}

static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

START_TEST(composed_and_opened)
{
    struct cc_buffer file;
    struct cc_publication publication;
    uint8_t digest[CC_SHA256_BYTES];
    char digest_text[CC_SHA256_TEXT + 1];
    cc_buffer_init(&file, 0);
    cc_publication_compose(CC_PUBLICATION_MAP, CC_SLICE_LITERAL("se"), 7, cc_slice_of(hash),
                           INT64_C(1795253400000000), CC_SLICE_LITERAL("line 1\nline 2\n"), &file);
    ck_assert_int_eq(open_signed(cc_buffer_slice(&file), &publication), CC_OK);
    ck_assert_int_eq(publication.kind, CC_PUBLICATION_MAP);
    ck_assert_str_eq(publication.country, "se");
    ck_assert_int_eq(publication.epoch, 7);
    ck_assert_str_eq(publication.previous_sha256, hash);
    ASSERT_SLICE(publication.payload, "line 1\nline 2\n");
    ck_assert_int_eq(cc_sha256(cc_buffer_slice(&file), digest), CC_OK);
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), digest_text);
    ck_assert_str_eq(publication.sha256, digest_text);
    cc_buffer_deinit(&file);
}
END_TEST

START_TEST(the_header_is_as_documented)
{
    struct cc_buffer file;
    cc_buffer_init(&file, 0);
    cc_publication_compose(CC_PUBLICATION_NUMBERS, CC_SLICE_LITERAL("se"), 1, cc_slice(NULL, 0), 0,
                           cc_slice(NULL, 0), &file);
    ASSERT_SLICE(cc_buffer_slice(&file),
                 "{\"format\":\"callcell-numbers-1\",\"country\":\"se\",\"epoch\":1,"
                 "\"previous_sha256\":\"\",\"created_at\":\"1970-01-01T00:00:00.000000Z\"}\n");
    cc_buffer_deinit(&file);
}
END_TEST

START_TEST(a_changed_byte_breaks_the_signature)
{
    struct cc_buffer file;
    struct cc_publication publication;
    struct cc_ed25519 *verifier = NULL;
    struct cc_ed25519 *signer = new_pair(&verifier);
    const struct cc_ed25519 *keys[] = {verifier};
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    struct cc_slice signature_slice = cc_slice((const char *)signature, sizeof(signature));
    cc_buffer_init(&file, 0);
    cc_publication_compose(CC_PUBLICATION_MAP, CC_SLICE_LITERAL("se"), 7, cc_slice(NULL, 0), 0,
                           CC_SLICE_LITERAL("payload"), &file);
    ck_assert_int_eq(cc_ed25519_sign(signer, cc_buffer_slice(&file), signature), CC_OK);
    for (size_t i = 0; i < file.length; i++) {
        file.data[i] ^= 1;
        ck_assert_int_eq(cc_publication_open(cc_buffer_slice(&file), signature_slice, keys, 1,
                                             CC_PUBLICATION_MAP, CC_SLICE_LITERAL("se"),
                                             &publication),
                         CC_SIGNATURE);
        file.data[i] ^= 1;
    }
    ck_assert_int_eq(cc_publication_open(cc_buffer_slice(&file), signature_slice, NULL, 0,
                                         CC_PUBLICATION_MAP, CC_SLICE_LITERAL("se"), &publication),
                     CC_SIGNATURE);
    ck_assert_int_eq(cc_publication_open(cc_buffer_slice(&file), cc_slice(NULL, 0), keys, 1,
                                         CC_PUBLICATION_MAP, CC_SLICE_LITERAL("se"), &publication),
                     CC_SIGNATURE);
    cc_buffer_deinit(&file);
    cc_ed25519_free(signer);
    cc_ed25519_free(verifier);
}
END_TEST

#define HEADER(format, country, epoch, previous, at)                                               \
    "{\"format\":" format ",\"country\":" country ",\"epoch\":" epoch                              \
    ",\"previous_sha256\":" previous ",\"created_at\":" at "}\n"
#define AT "\"2026-11-21T09:30:00Z\""

START_TEST(signed_nonsense_is_refused)
{
    static const struct {
        const char *bytes;
        enum cc_error expected;
    } files[] = {{"", CC_INVALID},
                 {"{}", CC_INVALID},
                 {"{}\n", CC_INVALID},
                 {"no json\npayload", CC_INVALID},
                 {HEADER("\"callcell-map-1\"", "\"se\"", "7", "\"\"", AT), CC_OK},
                 {HEADER("\"callcell-map-2\"", "\"se\"", "7", "\"\"", AT), CC_CONFLICT},
                 {HEADER("\"callcell-numbers-1\"", "\"se\"", "7", "\"\"", AT), CC_CONFLICT},
                 {HEADER("\"callcell-map-1\"", "\"no\"", "7", "\"\"", AT), CC_CONFLICT},
                 {HEADER("\"callcell-map-1\"", "\"SE\"", "7", "\"\"", AT), CC_INVALID},
                 {HEADER("\"callcell-map-1\"", "\"se\"", "0", "\"\"", AT), CC_INVALID},
                 {HEADER("\"callcell-map-1\"", "\"se\"", "\"7\"", "\"\"", AT), CC_INVALID},
                 {HEADER("\"callcell-map-1\"", "\"se\"", "7", "\"abc\"", AT), CC_INVALID},
                 {HEADER("\"callcell-map-1\"", "\"se\"", "7", "null", AT), CC_INVALID},
                 {HEADER("\"callcell-map-1\"", "\"se\"", "7", "\"\"", "\"today\""), CC_INVALID}};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct cc_publication publication;
        ck_assert_msg(open_signed(cc_slice_of(files[i].bytes), &publication) == files[i].expected,
                      "file %zu", i);
        ck_assert_int_eq(publication.epoch, files[i].expected ? 0 : 7);
    }
}
END_TEST

START_TEST(a_header_beyond_its_bound_is_refused)
{
    static char bytes[2048];
    struct cc_publication publication;
    memset(bytes, ' ', sizeof(bytes));
    bytes[CC_PUBLICATION_HEADER_MAX] = '\n';
    ck_assert_int_eq(open_signed(cc_slice(bytes, sizeof(bytes)), &publication), CC_INVALID);
}
END_TEST

START_TEST(what_may_follow)
{
    struct cc_publication current = {.kind = CC_PUBLICATION_MAP, .country = "se", .epoch = 7};
    struct cc_publication next = {.kind = CC_PUBLICATION_MAP, .country = "se", .epoch = 8};
    memcpy(current.sha256, hash, sizeof(hash));
    ck_assert_int_eq(cc_publication_follows(NULL, &next), CC_OK);
    ck_assert_int_eq(cc_publication_follows(&current, &next), CC_CONFLICT);
    memcpy(next.previous_sha256, hash, sizeof(hash));
    ck_assert_int_eq(cc_publication_follows(&current, &next), CC_OK);
    next.previous_sha256[0] = 'f';
    next.epoch = 9;
    ck_assert_int_eq(cc_publication_follows(&current, &next), CC_OK);
    next.epoch = 7;
    ck_assert_int_eq(cc_publication_follows(&current, &next), CC_STALE);
    next.epoch = 6;
    ck_assert_int_eq(cc_publication_follows(&current, &next), CC_STALE);
    next.epoch = 9;
    next.kind = CC_PUBLICATION_SEALING;
    ck_assert_int_eq(cc_publication_follows(&current, &next), CC_CONFLICT);
}
END_TEST

START_TEST(kinds_have_names)
{
    for (int i = 0; i < CC_PUBLICATION_KINDS; i++) {
        enum cc_publication_kind kind = CC_PUBLICATION_KINDS;
        const char *name = cc_publication_kind_name((enum cc_publication_kind)i);
        ck_assert(cc_publication_kind_parse(cc_slice_of(name), &kind));
        ck_assert_int_eq((int)kind, i);
    }
    enum cc_publication_kind kind = CC_PUBLICATION_MAP;
    ck_assert(!cc_publication_kind_parse(CC_SLICE_LITERAL("maps"), &kind));
}
END_TEST

SUITE_MAIN("publication", composed_and_opened, the_header_is_as_documented,
           a_changed_byte_breaks_the_signature, signed_nonsense_is_refused,
           a_header_beyond_its_bound_is_refused, what_may_follow, kinds_have_names)
