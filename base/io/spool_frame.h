/*
 * One record in a spool segment, as bytes. Little-endian:
 *   length of the payload (4) | CRC-32C of what follows (4) | appended at, wall clock us (8) |
 * payload Pure.
 */
#ifndef CC_IO_SPOOL_FRAME_H
#define CC_IO_SPOOL_FRAME_H

#include <stdint.h>

#include "base/slice.h"

enum { CC_SPOOL_FRAME_HEAD = 16 };

struct cc_spool_frame {
    int64_t appended_at_us;
    struct cc_slice payload;
    size_t bytes; /* head and payload */
};

/* The head for this payload. */
void cc_spool_frame_head(struct cc_slice payload, int64_t appended_at_us,
                         uint8_t head[CC_SPOOL_FRAME_HEAD]);

/* The frame at the front of bytes. false: there is no whole and undamaged one of at most
 * payload_max bytes. payload is borrowed from bytes. */
bool cc_spool_frame_read(struct cc_slice bytes, size_t payload_max, struct cc_spool_frame *out);

/* The time in a frame's head, unchecked. */
int64_t cc_spool_frame_time(const char head[CC_SPOOL_FRAME_HEAD]);

#endif
