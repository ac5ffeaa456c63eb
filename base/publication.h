/*
 * A publication: one immutable signed file of the control plane (docs/api/signed-files.md). The
 * first line is a JSON header, the rest the payload; a detached Ed25519 signature covers all exact
 * bytes.
 *
 *   {"format":"callcell-map-1","country":"se","epoch":7,"previous_sha256":"..","created_at":".."}\n
 *   payload
 */
#ifndef CC_PUBLICATION_H
#define CC_PUBLICATION_H

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/names.h"

#define CC_PUBLICATION_LIST(X)                                                                     \
    X(MAP, "map")           /* routing map: edges and workers */                                   \
    X(NUMBERS, "numbers")   /* number directory: edges */                                          \
    X(CARRIERS, "carriers") /* carrier secrets and cell tokens: edges only, secret */              \
    X(SEALING, "sealing")   /* state sealing keys: workers only, secret */

enum cc_publication_kind {
#define X(name, text) CC_PUBLICATION_##name,
    CC_PUBLICATION_LIST(X)
#undef X
        CC_PUBLICATION_KINDS
};

enum { CC_SHA256_TEXT = 64, CC_PUBLICATION_HEADER_MAX = 512 };

struct cc_publication {
    enum cc_publication_kind kind;
    char country[CC_COUNTRY_LENGTH + 1];
    int64_t epoch;                            /* from 1, growing by 1 per kind and country */
    char previous_sha256[CC_SHA256_TEXT + 1]; /* of the whole previous file; empty for the first */
    char sha256[CC_SHA256_TEXT + 1];          /* of this whole file */
    struct cc_slice payload;                  /* borrowed from the bytes given */
};

const char *cc_publication_kind_name(enum cc_publication_kind kind); /* "map" ... */
bool cc_publication_kind_parse(struct cc_slice text, enum cc_publication_kind *out);

/* Verifies the signature with any of the keys, then reads the header and checks that it is of this
 * kind and country. CC_SIGNATURE, CC_INVALID (header), CC_CONFLICT (other kind or country). */
enum cc_error cc_publication_open(struct cc_slice bytes, struct cc_slice signature,
                                  const struct cc_ed25519 *const *keys, size_t key_count,
                                  enum cc_publication_kind kind, struct cc_slice country,
                                  struct cc_publication *out) CC_MUST_CHECK;

/* Whether next may replace current (NULL: nothing held): CC_STALE when its epoch is not higher;
 * CC_CONFLICT when it is the direct successor but names another previous hash. */
enum cc_error cc_publication_follows(const struct cc_publication *current,
                                     const struct cc_publication *next) CC_MUST_CHECK;

/* Header line + payload into out, ready to be signed. previous_sha256 may be empty. */
void cc_publication_compose(enum cc_publication_kind kind, struct cc_slice country, int64_t epoch,
                            struct cc_slice previous_sha256, int64_t created_at_us,
                            struct cc_slice payload, struct cc_buffer *out);

#endif
