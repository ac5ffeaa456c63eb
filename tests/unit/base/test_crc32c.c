#include "base/crc32c.h"

#include "tests/unit/base/suite.h"

/* The check value every list of these sums gives for CRC-32C. */
START_TEST(is_castagnolis)
{
    ck_assert_uint_eq(cc_crc32c(0, CC_SLICE_LITERAL("123456789")), 0xE3069283);
    ck_assert_uint_eq(cc_crc32c_portable(0, CC_SLICE_LITERAL("123456789")), 0xE3069283);
}
END_TEST

/* RFC 3720 appendix B.4: 32 bytes of zeros, of ones, ascending, descending. */
START_TEST(is_that_of_rfc_3720)
{
    static const uint32_t expected[4] = {0x8a9136aa, 0x62a8ab43, 0x46dd794e, 0x113fdb5c};
    char bytes[4][32];
    for (int i = 0; i < 32; i++) {
        bytes[0][i] = 0;
        bytes[1][i] = (char)0xff;
        bytes[2][i] = (char)i;
        bytes[3][i] = (char)(31 - i);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(cc_crc32c(0, cc_slice(bytes[i], sizeof(bytes[i]))), expected[i]);
}
END_TEST

/* Every length and every cut of it, so that whole words and single bytes meet in each way. */
START_TEST(both_ways_agree_wherever_they_are_cut)
{
    char bytes[40];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 151 + 7);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        uint32_t whole = cc_crc32c_portable(0, cc_slice(bytes, length));
        for (size_t cut = 0; cut <= length; cut++) {
            uint32_t front = cc_crc32c(0, cc_slice(bytes, cut));
            ck_assert_uint_eq(cc_crc32c(front, cc_slice(bytes + cut, length - cut)), whole);
        }
    }
}
END_TEST

SUITE_MAIN("crc32c", is_castagnolis, is_that_of_rfc_3720, both_ways_agree_wherever_they_are_cut)
