#include "base/keyring.h"
#include "tests/fuzz/fuzz.h"

static void try_carriers(const struct cc_publication *publication)
{
    struct cc_carrier_keyring *keyring = NULL;
    if (cc_carrier_keyring_parse(publication, &keyring, NULL))
        return;
    for (size_t i = 0; i < cc_carrier_keyring_count(keyring); i++) {
        const struct cc_carrier_key *key = cc_carrier_keyring_at(keyring, i);
        HOLDS(cc_carrier_keyring_find(keyring, key->id) == key);
        HOLDS(key->secret_count >= 1 && key->secrets[0].length >= 24);
        HOLDS(key->all_tenants || cc_carrier_key_serves(key, key->tenants[0]));
    }
    cc_carrier_keyring_free(keyring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cc_publication publication = {.epoch = 1, .payload = fuzz_input(data, size)};
    struct cc_sealing_keyring *keyring = NULL;
    try_carriers(&publication);
    if (cc_sealing_keyring_parse(&publication, &keyring, NULL) == CC_OK) {
        const struct cc_sealing_key *key = cc_sealing_keyring_for(keyring, INT64_MAX);
        HOLDS(cc_sealing_keyring_find(keyring, key->id) == key);
        HOLDS(cc_sealing_keyring_for(keyring, INT64_MIN) != NULL);
        cc_sealing_keyring_free(keyring);
    }
    return 0;
}
