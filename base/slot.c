#include "base/slot.h"

/* CRC16/XMODEM: polynomial 0x1021, initial value 0, not reflected; four bits at a time. */
static uint16_t crc16(struct cc_slice bytes)
{
    static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5,
                                       0x60C6, 0x70E7, 0x8108, 0x9129, 0xA14A, 0xB16B,
                                       0xC18C, 0xD1AD, 0xE1CE, 0xF1EF};
    uint16_t crc = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned byte = (unsigned char)bytes.data[i];
        crc = (uint16_t)(crc << 4) ^ table[(crc >> 12) ^ (byte >> 4)];
        crc = (uint16_t)(crc << 4) ^ table[(crc >> 12) ^ (byte & 0x0F)];
    }
    return crc;
}

uint16_t cc_slot_of(struct cc_slice tenant)
{
    return crc16(tenant) % CC_SLOT_COUNT;
}
