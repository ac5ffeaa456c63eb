#include "base/slot.h"

#include "tests/unit/base/suite.h"

START_TEST(the_redis_cluster_vector)
{
    /* CRC16("123456789") is 0x31C3 by the Redis Cluster specification; its slot is that below
     * 16,384. */
    ck_assert_uint_eq(cc_slot_of(CC_SLICE_LITERAL("123456789")), 0x31C3);
}
END_TEST

START_TEST(slots_as_redis_gives_them)
{
    /* CLUSTER KEYSLOT foo / bar / hello */
    ck_assert_uint_eq(cc_slot_of(CC_SLICE_LITERAL("foo")), 12182);
    ck_assert_uint_eq(cc_slot_of(CC_SLICE_LITERAL("bar")), 5061);
    ck_assert_uint_eq(cc_slot_of(CC_SLICE_LITERAL("hello")), 866);
    ck_assert_uint_eq(cc_slot_of(cc_slice(NULL, 0)), 0);
}
END_TEST

static uint16_t crc16_bit_by_bit(struct cc_slice bytes)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        crc = (uint16_t)(crc ^ ((unsigned char)bytes.data[i] << 8));
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

START_TEST(agrees_with_the_definition_for_all_bytes)
{
    char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(unsigned char)(i * 7);
    for (size_t length = 0; length <= sizeof(bytes); length++)
        ck_assert_uint_eq(cc_slot_of(cc_slice(bytes, length)),
                          crc16_bit_by_bit(cc_slice(bytes, length)) % CC_SLOT_COUNT);
}
END_TEST

SUITE_MAIN("slot", the_redis_cluster_vector, slots_as_redis_gives_them,
           agrees_with_the_definition_for_all_bytes)
