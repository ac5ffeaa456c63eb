#include "cell/lease.h"
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

/* The signature is made here, so that the line is reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cc_ed25519 *key;
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    struct cell_lease lease = {0};
    struct cc_json_reason reason;
    struct cc_slice bytes = fuzz_input(data, size);
    if (!key)
        key = make_key();
    HOLDS(cc_ed25519_sign(key, bytes, signature) == CC_OK);
    const struct cc_ed25519 *const keys[] = {key};
    struct cc_slice signature_slice = cc_slice((const char *)signature, sizeof(signature));
    enum cc_error error =
        cell_lease_open(bytes, signature_slice, keys, 1, CC_SLICE_LITERAL("se-1"), &lease, &reason);
    HOLDS(error == CC_OK || lease.term == 0);
    if (error == CC_OK) {
        HOLDS(lease.term >= 1 && cc_name_is_resource(cc_slice_of(lease.site)));
        HOLDS(size <= CELL_LEASE_BYTES_MAX && data[size - 1] == '\n');
    }
    signature[0] ^= 1;
    HOLDS(cell_lease_open(bytes, signature_slice, keys, 1, CC_SLICE_LITERAL("se-1"), &lease,
                          &reason) == CC_SIGNATURE);
    return 0;
}
