/*
 * The public keys that signed files are verified by: one PEM file with a few of them (two signing
 * keys while one replaces the other, and the break-glass key). Blocking.
 */
#ifndef CC_IO_PUBLIC_KEYS_H
#define CC_IO_PUBLIC_KEYS_H

#include "base/crypto.h"

enum { CC_PUBLIC_KEYS_MAX = 4 };

struct cc_public_keys {
    struct cc_ed25519 *keys[CC_PUBLIC_KEYS_MAX];
    size_t count;
};

/* CC_IO, CC_INVALID (none, too many, or one that is no Ed25519 key). */
enum cc_error cc_public_keys_read(const char *path, struct cc_public_keys *out) CC_MUST_CHECK;
void cc_public_keys_deinit(struct cc_public_keys *keys);

#endif
