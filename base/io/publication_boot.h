/*
 * The publication client before its loop runs: what lies on disk.
 * Blocking. Not for others than publication_client.c.
 */
#ifndef CC_IO_PUBLICATION_BOOT_H
#define CC_IO_PUBLICATION_BOOT_H

#include "base/io/public_keys.h"
#include "base/io/publication_client.h"
#include "base/io/publication_ledger.h"

/* Per country and kind, newest first, until one is taken. Those refused are logged, counted and
 * noted in the ledger, the newest of them for reports. CC_NO_MEMORY. */
enum cc_error publication_boot(const struct cc_publication_client_options *options,
                               const struct cc_public_keys *keys,
                               struct publication_ledger *ledger) CC_MUST_CHECK;

void publication_log_refusal(const struct publication_item *item,
                             const struct publication_refusal *refusal);

#endif
