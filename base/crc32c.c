#include "base/crc32c.h"

#include <string.h>

static const uint32_t nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

/* By half-bytes: a record has a few hundred, so a larger table would only evict warmer lines. */
uint32_t cc_crc32c_portable(uint32_t crc, struct cc_slice bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes.length; i++) {
        crc ^= (uint8_t)bytes.data[i];
        crc = (crc >> 4) ^ nibble[crc & 15];
        crc = (crc >> 4) ^ nibble[crc & 15];
    }
    return ~crc;
}

#ifdef __x86_64__

/* Eight bytes for each step of a few cycles; the table above needs some twelve for one byte. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_of_processor(uint32_t crc,
                                                                      struct cc_slice bytes)
{
    const char *data = bytes.data;
    size_t left = bytes.length;
    uint64_t sum = ~crc;
    for (; left >= sizeof(uint64_t); data += sizeof(uint64_t), left -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, data, sizeof(word));
        sum = __builtin_ia32_crc32di(sum, word);
    }
    uint32_t rest = (uint32_t)sum;
    for (; left > 0; data++, left--)
        rest = __builtin_ia32_crc32qi(rest, (uint8_t)*data);
    return ~rest;
}

uint32_t cc_crc32c(uint32_t crc, struct cc_slice bytes)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_of_processor(crc, bytes)
                                            : cc_crc32c_portable(crc, bytes);
}

#else

uint32_t cc_crc32c(uint32_t crc, struct cc_slice bytes)
{
    return cc_crc32c_portable(crc, bytes);
}

#endif
