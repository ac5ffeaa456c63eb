#include "base/io/spool_frame.h"

static const uint32_t nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

/* By half-bytes: a record has a few hundred, so a larger table would only evict warmer lines. */
uint32_t cc_crc32c(uint32_t crc, struct cc_slice bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes.length; i++) {
        crc ^= (uint8_t)bytes.data[i];
        crc = (crc >> 4) ^ nibble[crc & 15];
        crc = (crc >> 4) ^ nibble[crc & 15];
    }
    return ~crc;
}

static void put(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const char *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(uint8_t)from[i] << (8 * i);
    return value;
}

void cc_spool_frame_head(struct cc_slice payload, int64_t appended_at_us,
                         uint8_t head[CC_SPOOL_FRAME_HEAD])
{
    put(head, payload.length, 4);
    put(head + 8, (uint64_t)appended_at_us, 8);
    uint32_t crc = cc_crc32c(0, cc_slice((const char *)head + 8, 8));
    put(head + 4, cc_crc32c(crc, payload), 4);
}

int64_t cc_spool_frame_time(const char head[CC_SPOOL_FRAME_HEAD])
{
    return (int64_t)get(head + 8, 8);
}

bool cc_spool_frame_read(struct cc_slice bytes, size_t payload_max, struct cc_spool_frame *out)
{
    if (bytes.length < CC_SPOOL_FRAME_HEAD)
        return false;
    size_t length = (size_t)get(bytes.data, 4);
    if (length > payload_max || length > bytes.length - CC_SPOOL_FRAME_HEAD)
        return false;
    if (cc_crc32c(0, cc_slice(bytes.data + 8, length + 8)) != (uint32_t)get(bytes.data + 4, 4))
        return false;
    out->appended_at_us = cc_spool_frame_time(bytes.data);
    out->payload = cc_slice(bytes.data + CC_SPOOL_FRAME_HEAD, length);
    out->bytes = CC_SPOOL_FRAME_HEAD + length;
    return true;
}
