#include "base/publication.h"
#include "tests/fuzz/fuzz.h"

static struct cc_ed25519 *make_key(void)
{
    char *private_pem = NULL;
    char *public_pem = NULL;
    struct cc_ed25519 *key = NULL;
    HOLDS(cc_ed25519_generate(&private_pem, &public_pem) == CC_OK);
    HOLDS(cc_ed25519_from_private_pem(cc_slice_of(private_pem), &key) == CC_OK);
    free(private_pem);
    free(public_pem);
    return key;
}

/* The signature is made here, so that the header is reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cc_ed25519 *key;
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    struct cc_publication publication;
    struct cc_slice bytes = fuzz_input(data, size);
    if (!key)
        key = make_key();
    HOLDS(cc_ed25519_sign(key, bytes, signature) == CC_OK);
    const struct cc_ed25519 *const keys[] = {key};
    struct cc_slice signature_slice = cc_slice((const char *)signature, sizeof(signature));
    if (cc_publication_open(bytes, signature_slice, keys, 1, CC_PUBLICATION_MAP,
                            CC_SLICE_LITERAL("se"), &publication) == CC_OK) {
        HOLDS(publication.epoch >= 1 && strlen(publication.sha256) == CC_SHA256_TEXT);
        HOLDS(publication.payload.data + publication.payload.length == bytes.data + size);
        HOLDS(cc_publication_follows(&publication, &publication) == CC_STALE);
    }
    signature[0] ^= 1;
    HOLDS(cc_publication_open(bytes, signature_slice, keys, 1, CC_PUBLICATION_MAP,
                              CC_SLICE_LITERAL("se"), &publication) == CC_SIGNATURE);
    return 0;
}
