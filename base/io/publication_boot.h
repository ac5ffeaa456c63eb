/*
 * The publication client before its loop runs: the keys to verify with, and what lies on disk.
 * Blocking. Not for others than publication_client.c.
 */
#ifndef CC_IO_PUBLICATION_BOOT_H
#define CC_IO_PUBLICATION_BOOT_H

#include "base/io/publication_client.h"
#include "base/io/publication_ledger.h"

enum { PUBLICATION_KEYS_MAX = 2 };

struct publication_keys {
    struct cc_ed25519 *keys[PUBLICATION_KEYS_MAX];
    size_t count;
};

/* One or two PEM public keys. CC_IO, CC_INVALID (none, more, or one that is no Ed25519 key). */
enum cc_error publication_keys_read(const char *path, struct publication_keys *out) CC_MUST_CHECK;
void publication_keys_deinit(struct publication_keys *keys);

/* Per country and kind, newest first, until one is taken. Those refused are logged, counted and
 * noted in the ledger, the newest of them for reports. CC_NO_MEMORY. */
enum cc_error publication_boot(const struct cc_publication_client_options *options,
                               const struct publication_keys *keys,
                               struct publication_ledger *ledger) CC_MUST_CHECK;

void publication_log_refusal(const struct publication_item *item,
                             const struct publication_refusal *refusal);

#endif
