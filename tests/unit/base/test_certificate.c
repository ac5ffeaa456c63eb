#include "base/certificate.h"
#include "tests/unit/base/suite.h"

#define FROM_US (INT64_C(1700000000) * 1000000)
#define UNTIL_US (INT64_C(1700086400) * 1000000)
#define NAME "urn:callcell:cell:se-1"

static struct cc_buffer certificate, key, identity;

static void begin(void)
{
    cc_buffer_init(&certificate, 0);
    cc_buffer_init(&key, 0);
    cc_buffer_init(&identity, 0);
    ck_assert_int_eq(cc_authority_create("callcell", FROM_US, UNTIL_US, &certificate, &key), CC_OK);
}

static void end(void)
{
    cc_buffer_deinit(&certificate);
    cc_buffer_deinit(&key);
    cc_buffer_deinit(&identity);
}

static enum cc_error issue(struct cc_slice authority_key, const char *name)
{
    struct cc_certificate_wish wish = {name, FROM_US, UNTIL_US};
    return cc_certificate_issue(cc_buffer_slice(&certificate), authority_key, &wish, &identity);
}

START_TEST(issued_says_who_and_until_when)
{
    struct cc_certificate_facts facts, again;
    begin();
    ck_assert_int_eq(issue(cc_buffer_slice(&key), NAME), CC_OK);
    ck_assert_int_eq(cc_certificate_read(cc_buffer_slice(&identity), &facts), CC_OK);
    ck_assert_str_eq(facts.identity, NAME);
    ck_assert_int_eq(facts.from_us, FROM_US);
    ck_assert_int_eq(facts.until_us, UNTIL_US);
    ck_assert_uint_eq(strlen(facts.serial), 32);
    ck_assert_ptr_nonnull(strstr(identity.data, "PRIVATE KEY"));
    cc_buffer_clear(&identity);
    ck_assert_int_eq(issue(cc_buffer_slice(&key), NAME), CC_OK);
    ck_assert_int_eq(cc_certificate_read(cc_buffer_slice(&identity), &again), CC_OK);
    ck_assert_str_ne(facts.serial, again.serial);
    end();
}
END_TEST

START_TEST(only_the_authoritys_key_signs)
{
    struct cc_buffer other, other_key;
    begin();
    cc_buffer_init(&other, 0);
    cc_buffer_init(&other_key, 0);
    ck_assert_int_eq(cc_authority_create("other", FROM_US, UNTIL_US, &other, &other_key), CC_OK);
    ck_assert_int_eq(issue(cc_buffer_slice(&other_key), NAME), CC_CRYPTO);
    ck_assert_int_eq(issue(CC_SLICE_LITERAL("no key"), NAME), CC_CRYPTO);
    ck_assert_uint_eq(identity.length, 0);
    cc_buffer_deinit(&other);
    cc_buffer_deinit(&other_key);
    end();
}
END_TEST

START_TEST(a_name_cannot_smuggle_another_extension)
{
    static const char *const names[] = {"", "urn:callcell:x,DNS:evil", "urn:callcell:x\nDNS:e",
                                        "URN:CALLCELL", "urn:callcell:a b"};
    char too_long[CC_IDENTITY_MAX + 2];
    begin();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_int_eq(issue(cc_buffer_slice(&key), names[i]), CC_INVALID);
    memset(too_long, 'a', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    ck_assert_int_eq(issue(cc_buffer_slice(&key), too_long), CC_INVALID);
    end();
}
END_TEST

START_TEST(what_is_no_certificate_is_not_read)
{
    struct cc_certificate_facts facts;
    begin();
    ck_assert_int_eq(cc_certificate_read(CC_SLICE_LITERAL(""), &facts), CC_INVALID);
    ck_assert_int_eq(cc_certificate_read(CC_SLICE_LITERAL("-----BEGIN"), &facts), CC_INVALID);
    ck_assert_int_eq(cc_certificate_read(cc_buffer_slice(&key), &facts), CC_INVALID);
    ck_assert_int_eq(cc_certificate_read(cc_buffer_slice(&certificate), &facts), CC_OK);
    ck_assert_str_eq(facts.identity, "");
    end();
}
END_TEST

START_TEST(roles_are_whole_names_or_prefixes)
{
    struct cc_slice name = CC_SLICE_LITERAL("urn:callcell:edge:edge-1");
    ck_assert(cc_identity_is(name, "urn:callcell:edge:"));
    ck_assert(cc_identity_is(name, "urn:callcell:edge:edge-1"));
    ck_assert(!cc_identity_is(name, "urn:callcell:edge:edge-10"));
    ck_assert(!cc_identity_is(name, "urn:callcell:edge"));
    ck_assert(!cc_identity_is(name, "urn:callcell:cell:"));
    ck_assert(!cc_identity_is(name, ""));
    ck_assert(!cc_identity_is(CC_SLICE_LITERAL("urn:callcell:edge:"), "urn:callcell:edge:"));
    ck_assert(!cc_identity_is(cc_slice(NULL, 0), "urn:callcell:edge:"));
}
END_TEST

SUITE_MAIN("certificate", issued_says_who_and_until_when, only_the_authoritys_key_signs,
           a_name_cannot_smuggle_another_extension, what_is_no_certificate_is_not_read,
           roles_are_whole_names_or_prefixes)
