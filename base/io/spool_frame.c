#include "base/io/spool_frame.h"

#include "base/crc32c.h"

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
