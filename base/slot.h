/*
 * Tenant to slot: CRC16/XMODEM (the Redis Cluster function) of the tenant's id modulo 16,384.
 */
#ifndef CC_SLOT_H
#define CC_SLOT_H

#include <stdint.h>

#include "base/slice.h"

enum { CC_SLOT_COUNT = 16384 };

uint16_t cc_slot_of(struct cc_slice tenant);

#endif
