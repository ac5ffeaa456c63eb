/*
 * Holds two digests (digest.h) against each other (pure).
 */
#ifndef CP_BACKUP_DIGEST_COMPARE_H
#define CP_BACKUP_DIGEST_COMPARE_H

#include "base/slice.h"

/* Whether they are equal, line by line; difference (size bytes) names the first that is not. */
bool cp_digest_equal(struct cc_slice expected, struct cc_slice found, char *difference,
                     size_t size);

#endif
