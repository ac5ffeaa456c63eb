/*
 * The two secret publications of a country.
 * Carriers (for edges): {"keys":[{"id":"telia-1","carrier":"telia","tenants":["*"],
 *   "mode":"enforce" or "report-only","secrets":["whsec_<base64>", ...]}],"cells":{"se-1":"<edge
 * token>"}} Sealing (for workers): {"keys":[{"id":1,"key":"<base64 of 64
 * bytes>","active_from":"<RFC 3339>"}]} Secrets are zeroed when freed.
 */
#ifndef CC_KEYRING_H
#define CC_KEYRING_H

#include "base/publication.h"

enum {
    CC_CARRIER_KEYS_MAX = 1024,
    CC_CARRIER_SECRETS_MAX = 2,
    CC_CARRIER_SECRET_BYTES_MAX = 64,
    CC_SEALING_KEYS_MAX = 64
};

struct cc_carrier_key {
    struct cc_slice id;
    struct cc_slice carrier;
    bool all_tenants;
    const struct cc_slice *tenants;
    size_t tenant_count;
    bool report_only; /* a bad signature is counted and let through (upgrades) */
    struct cc_slice secrets[CC_CARRIER_SECRETS_MAX]; /* raw bytes */
    size_t secret_count;
};

struct cc_carrier_keyring; /* opaque, immutable */
enum cc_error cc_carrier_keyring_parse(const struct cc_publication *publication,
                                       struct cc_carrier_keyring **out,
                                       struct cc_json_reason *reason) CC_MUST_CHECK;
void cc_carrier_keyring_free(struct cc_carrier_keyring *keyring);
size_t cc_carrier_keyring_count(const struct cc_carrier_keyring *keyring);
const struct cc_carrier_key *cc_carrier_keyring_at(const struct cc_carrier_keyring *keyring,
                                                   size_t i);
/* NULL when unknown. */
const struct cc_carrier_key *cc_carrier_keyring_find(const struct cc_carrier_keyring *keyring,
                                                     struct cc_slice id);
bool cc_carrier_key_serves(const struct cc_carrier_key *key, struct cc_slice tenant);
/* The token an edge shows to a cell; empty when unknown. */
struct cc_slice cc_carrier_keyring_cell_token(const struct cc_carrier_keyring *keyring,
                                              struct cc_slice cell);

struct cc_sealing_key {
    uint8_t id; /* 1 to 255, stands in the sealed state */
    uint8_t key[CC_SIV_KEY_BYTES];
    int64_t active_from_us;
};

struct cc_sealing_keyring; /* opaque, immutable */
enum cc_error cc_sealing_keyring_parse(const struct cc_publication *publication,
                                       struct cc_sealing_keyring **out,
                                       struct cc_json_reason *reason) CC_MUST_CHECK;
void cc_sealing_keyring_free(struct cc_sealing_keyring *keyring);
/* The newest key whose active_from <= occurred_at; the oldest of all when none is. Never NULL. */
const struct cc_sealing_key *cc_sealing_keyring_for(const struct cc_sealing_keyring *keyring,
                                                    int64_t occurred_at_us);
const struct cc_sealing_key *cc_sealing_keyring_find(const struct cc_sealing_keyring *keyring,
                                                     uint8_t id);

#endif
