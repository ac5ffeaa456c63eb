#include "base/names.h"

#include "tests/unit/base/suite.h"

struct name_case {
    const char *text;
    bool fits;
};

static void assert_all(bool (*check)(struct cc_slice), const struct name_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(check(cc_slice_of(cases[i].text)) == cases[i].fits, "\"%s\" should%s fit",
                      cases[i].text, cases[i].fits ? "" : " not");
    ck_assert(!check(cc_slice(NULL, 0)));
    ck_assert(!check(cc_slice("a\0b", 3)));
}
#define ASSERT_ALL(check, ...)                                                                     \
    do {                                                                                           \
        const struct name_case cases_[] = {__VA_ARGS__};                                           \
        assert_all(check, cases_, sizeof(cases_) / sizeof(cases_[0]));                             \
    } while (0)

START_TEST(tenants)
{
    ASSERT_ALL(cc_name_is_tenant, {"acme", true}, {"a1", true}, {"a-", true}, {"a", false},
               {"1a", false}, {"-a", false}, {"Acme", false}, {"a_b", false}, {"a.b", false},
               {"abcdefghijklmnopqrstuvwxyz01234", true},
               {"abcdefghijklmnopqrstuvwxyz012345", false});
}
END_TEST

START_TEST(countries_and_cells)
{
    ASSERT_ALL(cc_name_is_country, {"se", true}, {"SE", false}, {"s", false}, {"swe", false},
               {"s1", false});
    ASSERT_ALL(cc_name_is_cell, {"se-1", true}, {"se-10", true}, {"se-123456789012", true},
               {"se-1234567890123", false}, {"se-", false}, {"se-0", false}, {"se-01", false},
               {"se1", false}, {"SE-1", false}, {"se-1a", false}, {"swe-1", false});
}
END_TEST

START_TEST(numbers)
{
    ASSERT_ALL(cc_name_is_e164, {"+46701112233", true}, {"+12", true}, {"+1", false},
               {"+123456789012345", true}, {"+1234567890123456", false}, {"46701112233", false},
               {"+4670 111", false}, {"+46a", false}, {"++46", false});
    ASSERT_ALL(cc_name_is_dialled, {"112", true}, {"+46701112233", true}, {"*31#0701", true},
               {"urn:service:sos", true}, {"URN:SERVICE:SOS.fire", true}, {"urn:service:", false},
               {"urn:nena:sos", false}, {"urn:service:sos fire", false}, {"0701-11", false},
               {"1234567890123456789012345678901234567890123456789012345678901234", true},
               {"12345678901234567890123456789012345678901234567890123456789012345", false});
}
END_TEST

START_TEST(ids)
{
    char longest[130];
    memset(longest, 'x', sizeof(longest));
    ck_assert(cc_name_is_carrier_id(cc_slice(longest, 128)));
    ck_assert(!cc_name_is_carrier_id(cc_slice(longest, 129)));
    ASSERT_ALL(cc_name_is_carrier_id, {"e-1", true}, {"msg_2~!", true}, {"a b", false},
               {"a\"b", false}, {"a\\b", false}, {"\x7f", false}, {"\xC3\xA5", false},
               {"a\n", false});
    ASSERT_ALL(cc_name_is_resource, {"main", true}, {"a", true}, {"a_b-9", true}, {"9a", false},
               {"_a", false}, {"A", false});
    ASSERT_ALL(cc_name_is_uuid, {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", true},
               {"017F22E2-79b0-7cc3-98c4-dc0c0c07398f", false},
               {"017f22e2-79b0-7cc3-98c4-dc0c0c07398", false},
               {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", false},
               {"017f22e2079b0-7cc3-98c4-dc0c0c07398f", false},
               {"017f22e2-79b0-7cc3-98c4-dc0c0c07398g", false}, {"", false});
    ck_assert(cc_name_is_resource(cc_slice(longest, 63)));
    ck_assert(!cc_name_is_resource(cc_slice(longest, 64)));
}
END_TEST

START_TEST(uuid7_has_the_layout_of_rfc_9562)
{
    /* Appendix A.6: 2022-02-22T19:22:22Z, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F. */
    static const uint8_t random[10] = {0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F};
    char text[CC_UUID_TEXT + 1];
    cc_uuid7(INT64_C(1645557742000000), random, text);
    ck_assert_str_eq(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}
END_TEST

START_TEST(uuid7_sets_version_and_variant_over_any_random_bytes)
{
    uint8_t random[10];
    char text[CC_UUID_TEXT + 1];
    memset(random, 0xFF, sizeof(random));
    cc_uuid7(0, random, text);
    ck_assert_str_eq(text, "00000000-0000-7fff-bfff-ffffffffffff");
    memset(random, 0, sizeof(random));
    cc_uuid7(INT64_C(1000), random, text);
    ck_assert_str_eq(text, "00000000-0001-7000-8000-000000000000");
}
END_TEST

SUITE_MAIN("names", tenants, countries_and_cells, numbers, ids, uuid7_has_the_layout_of_rfc_9562,
           uuid7_sets_version_and_variant_over_any_random_bytes)
