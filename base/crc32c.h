/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4): what tells a record whose bytes were damaged or cut
 * off on a disk from a whole one. No protection against somebody who means it.
 */
#ifndef CC_CRC32C_H
#define CC_CRC32C_H

#include <stdint.h>

#include "base/slice.h"

/* Continued from a previous value; 0 to begin. By the processor's own instruction where it has one.
 */
uint32_t cc_crc32c(uint32_t crc, struct cc_slice bytes);

/* The same without that instruction. */
uint32_t cc_crc32c_portable(uint32_t crc, struct cc_slice bytes);

#endif
