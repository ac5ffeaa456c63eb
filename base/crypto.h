/*
 * The few cryptographic operations of the platform, on OpenSSL 3. Pure but for cc_random_bytes.
 * All comparisons of secrets go through cc_crypto_equal.
 */
#ifndef CC_CRYPTO_H
#define CC_CRYPTO_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    CC_SHA256_BYTES = 32,
    CC_ED25519_KEY_BYTES = 32,
    CC_ED25519_SIGNATURE_BYTES = 64,
    CC_SIV_KEY_BYTES = 64,
    CC_SIV_TAG_BYTES = 16
};

enum cc_error cc_sha256(struct cc_slice bytes, uint8_t out[CC_SHA256_BYTES]) CC_MUST_CHECK;

/* SHA-256 over the parts, one after another, without separators. */
enum cc_error cc_sha256_parts(const struct cc_slice *parts, size_t count,
                              uint8_t out[CC_SHA256_BYTES]) CC_MUST_CHECK;

/* HMAC-SHA-256 (RFC 2104) over the parts, one after another. */
enum cc_error cc_hmac_sha256(struct cc_slice key, const struct cc_slice *parts, size_t count,
                             uint8_t out[CC_SHA256_BYTES]) CC_MUST_CHECK;

/* Constant time in the content; lengths are public. */
bool cc_crypto_equal(struct cc_slice a, struct cc_slice b);

/* PEM keys as `openssl genpkey -algorithm ed25519` writes them. Owner frees with cc_ed25519_free.
 */
struct cc_ed25519;
enum cc_error cc_ed25519_from_private_pem(struct cc_slice pem,
                                          struct cc_ed25519 **out) CC_MUST_CHECK;
enum cc_error cc_ed25519_from_public_pem(struct cc_slice pem,
                                         struct cc_ed25519 **out) CC_MUST_CHECK;
void cc_ed25519_free(struct cc_ed25519 *key);

/* A fresh key pair as two NUL-terminated PEM texts; the caller free()s both. */
enum cc_error cc_ed25519_generate(char **out_private_pem, char **out_public_pem) CC_MUST_CHECK;

/* Detached signature over the exact bytes (RFC 8032). */
enum cc_error cc_ed25519_sign(const struct cc_ed25519 *key, struct cc_slice bytes,
                              uint8_t out[CC_ED25519_SIGNATURE_BYTES]) CC_MUST_CHECK;
/* CC_SIGNATURE when it does not verify. */
enum cc_error cc_ed25519_verify(const struct cc_ed25519 *key, struct cc_slice bytes,
                                struct cc_slice signature) CC_MUST_CHECK;

/* AES-256-SIV (RFC 5297), deterministic; each associated-data component is kept apart.
 * cipher has room for plain.length bytes; tag for CC_SIV_TAG_BYTES. */
enum cc_error cc_siv_seal(const uint8_t key[CC_SIV_KEY_BYTES], const struct cc_slice *associated,
                          size_t associated_count, struct cc_slice plain, uint8_t *tag,
                          uint8_t *cipher) CC_MUST_CHECK;
/* CC_SIGNATURE when forged. plain has room for cipher.length bytes. */
enum cc_error cc_siv_open(const uint8_t key[CC_SIV_KEY_BYTES], const struct cc_slice *associated,
                          size_t associated_count, const uint8_t *tag, struct cc_slice cipher,
                          uint8_t *plain) CC_MUST_CHECK;

/* Base64 (RFC 4648 section 4, padded) and base64url (section 5, unpadded), both strict: no white
 * space, canonical trailing bits. Encoders write a NUL and return the length; out needs
 * 4 * ceil(n / 3) + 1 bytes. Decoders: CC_INVALID, or CC_TOO_LARGE beyond capacity. */
size_t cc_base64_encode(struct cc_slice bytes, char *out);
size_t cc_base64url_encode(struct cc_slice bytes, char *out);
enum cc_error cc_base64_decode(struct cc_slice text, uint8_t *out, size_t capacity,
                               size_t *out_length) CC_MUST_CHECK;
enum cc_error cc_base64url_decode(struct cc_slice text, uint8_t *out, size_t capacity,
                                  size_t *out_length) CC_MUST_CHECK;

/* Lower-case hex with NUL: out needs 2 n + 1 bytes. */
void cc_hex_encode(struct cc_slice bytes, char *out);

/* From the kernel's generator; CC_CRYPTO when it fails. */
enum cc_error cc_random_bytes(uint8_t *out, size_t length) CC_MUST_CHECK;

#endif
