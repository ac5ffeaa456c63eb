#include "base/keyring.h"

#include "base/timestamp.h"
#include "tests/unit/base/suite.h"

static struct cc_json_reason reason;

static enum cc_error parse_carriers(const char *payload, struct cc_carrier_keyring **out)
{
    const struct cc_publication publication = {.kind = CC_PUBLICATION_CARRIERS,
                                               .payload = cc_slice_of(payload)};
    return cc_carrier_keyring_parse(&publication, out, &reason);
}

#define SECRET "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\""
#define KEY(id, tenants, mode, secrets)                                                            \
    "{\"id\":\"" id "\",\"carrier\":\"telia\",\"tenants\":" tenants ",\"mode\":\"" mode            \
    "\",\"secrets\":" secrets "}"

START_TEST(carriers_in_full)
{
    struct cc_carrier_keyring *keyring = NULL;
    ck_assert_int_eq(
        parse_carriers("{\"keys\":[" KEY("z-1", "[\"*\"]", "enforce", "[" SECRET "]") "," KEY(
                           "a-1", "[\"acme\",\"beta\"]", "report-only",
                           "[" SECRET "," SECRET "]") "],\"cells\":{\"se-1\":"
                                                      "\"tok-1\",\"se-2\":\"tok-2\"}}",
                       &keyring),
        CC_OK);
    ck_assert_uint_eq(cc_carrier_keyring_count(keyring), 2);
    const struct cc_carrier_key *z = cc_carrier_keyring_find(keyring, CC_SLICE_LITERAL("z-1"));
    const struct cc_carrier_key *a = cc_carrier_keyring_find(keyring, CC_SLICE_LITERAL("a-1"));
    ck_assert_ptr_nonnull(z);
    ck_assert_ptr_nonnull(a);
    ASSERT_SLICE(z->carrier, "telia");
    ck_assert(z->all_tenants && !z->report_only && z->secret_count == 1);
    ck_assert(!a->all_tenants && a->report_only && a->secret_count == 2);
    ck_assert_uint_eq(z->secrets[0].length, 24);
    ck_assert_uint_eq((uint8_t)z->secrets[0].data[0], 0x31);
    ck_assert(cc_carrier_key_serves(z, CC_SLICE_LITERAL("whoever")));
    ck_assert(cc_carrier_key_serves(a, CC_SLICE_LITERAL("beta")));
    ck_assert(!cc_carrier_key_serves(a, CC_SLICE_LITERAL("bet")));
    ck_assert_ptr_null(cc_carrier_keyring_find(keyring, CC_SLICE_LITERAL("a-2")));
    ck_assert_ptr_nonnull(cc_carrier_keyring_at(keyring, 1));
    ck_assert_ptr_null(cc_carrier_keyring_at(keyring, 2));
    ASSERT_SLICE(cc_carrier_keyring_cell_token(keyring, CC_SLICE_LITERAL("se-2")), "tok-2");
    ASSERT_SLICE(cc_carrier_keyring_cell_token(keyring, CC_SLICE_LITERAL("se-3")), "");
    cc_carrier_keyring_free(keyring);
}
END_TEST

START_TEST(no_keys_is_a_keyring)
{
    struct cc_carrier_keyring *keyring = NULL;
    ck_assert_int_eq(parse_carriers("{\"keys\":[]}", &keyring), CC_OK);
    ck_assert_uint_eq(cc_carrier_keyring_count(keyring), 0);
    ck_assert_ptr_null(cc_carrier_keyring_find(keyring, CC_SLICE_LITERAL("a")));
    cc_carrier_keyring_free(keyring);
}
END_TEST

START_TEST(carriers_that_are_refused)
{
    static const char *const bad[] = {
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[1]}",
        "{\"keys\":[" KEY("a b", "[\"*\"]", "enforce", "[" SECRET "]") "]}",
        "{\"keys\":[" KEY("a", "[\"*\"]", "lenient", "[" SECRET "]") "]}",
        "{\"keys\":[" KEY("a", "[]", "enforce", "[" SECRET "]") "]}",
        "{\"keys\":[" KEY("a", "[\"*\",\"acme\"]", "enforce", "[" SECRET "]") "]}",
        "{\"keys\":[" KEY("a", "[\"Acme\"]", "enforce", "[" SECRET "]") "]}",
        "{\"keys\":[" KEY("a", "[\"*\"]", "enforce", "[]") "]}",
        "{\"keys\":[" KEY("a", "[\"*\"]", "enforce", "[\"\"]") "]}",
        "{\"keys\":[" KEY("a", "[\"*\"]", "enforce", "[7]") "]}",
        "{\"keys\":[" KEY("a", "[\"*\"]", "enforce", "[\"whsec_AAAA\"]") "]}",
        "{\"keys\":[" KEY("a", "[\"*\"]", "enforce", "[" SECRET "," SECRET "," SECRET "]") "]}",
        "{\"keys\":[" KEY("a", "[\"*\"]", "enforce",
                          "[" SECRET "]") "," KEY("a", "[\"*\"]", "enforce", "[" SECRET "]") "]}",
        "{\"keys\":[],\"cells\":[]}",
        "{\"keys\":[],\"cells\":{\"se1\":\"t\"}}",
        "{\"keys\":[],\"cells\":{\"se-1\":\"\"}}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cc_carrier_keyring *keyring = NULL;
        reason.text[0] = '\0';
        ck_assert_msg(parse_carriers(bad[i], &keyring) == CC_INVALID, "accepted %s", bad[i]);
        ck_assert_ptr_null(keyring);
        ck_assert_uint_gt(strlen(reason.text), 0);
        ck_assert_ptr_null(strstr(reason.text, "whsec_MfKQ"));
    }
}
END_TEST

static enum cc_error parse_sealing(const char *payload, struct cc_sealing_keyring **out)
{
    const struct cc_publication publication = {.kind = CC_PUBLICATION_SEALING,
                                               .payload = cc_slice_of(payload)};
    return cc_sealing_keyring_parse(&publication, out, &reason);
}

/* 64 bytes of 0x11 and 64 zero bytes. */
#define ONES                                                                                       \
    "\"EREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREQ==\""
#define ZEROS                                                                                      \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\""
#define SEAL(id, key, from) "{\"id\":" id ",\"key\":" key ",\"active_from\":\"" from "\"}"

static int64_t at(const char *text)
{
    int64_t time_us = 0;
    ck_assert_int_eq(cc_timestamp_parse(cc_slice_of(text), &time_us), CC_OK);
    return time_us;
}

START_TEST(the_newest_active_key_seals)
{
    struct cc_sealing_keyring *keyring = NULL;
    ck_assert_int_eq(
        parse_sealing("{\"keys\":[" SEAL("3", ZEROS, "2026-12-01T00:00:00Z") "," SEAL(
                          "255", ONES,
                          "2026-10-01T00:00:00Z") "," SEAL("2", ZEROS, "2026-11-01T00:00:00Z") "]}",
                      &keyring),
        CC_OK);
    ck_assert_uint_eq(cc_sealing_keyring_for(keyring, at("2026-11-21T00:00:00Z"))->id, 2);
    ck_assert_uint_eq(cc_sealing_keyring_for(keyring, at("2026-11-30T23:59:59.999999Z"))->id, 2);
    ck_assert_uint_eq(cc_sealing_keyring_for(keyring, at("2026-12-01T00:00:00Z"))->id, 3);
    ck_assert_uint_eq(cc_sealing_keyring_for(keyring, at("2026-10-15T00:00:00Z"))->id, 255);
    ck_assert_uint_eq(cc_sealing_keyring_for(keyring, 0)->id, 255);
    ck_assert_uint_eq(cc_sealing_keyring_find(keyring, 255)->key[63], 0x11);
    ck_assert_ptr_null(cc_sealing_keyring_find(keyring, 4));
    cc_sealing_keyring_free(keyring);
}
END_TEST

START_TEST(sealing_keys_that_are_refused)
{
    static const char *const bad[] = {
        "{}",
        "{\"keys\":[]}",
        "{\"keys\":[" SEAL("0", ZEROS, "2026-12-01T00:00:00Z") "]}",
        "{\"keys\":[" SEAL("256", ZEROS, "2026-12-01T00:00:00Z") "]}",
        "{\"keys\":[" SEAL("1", "\"AAAA\"", "2026-12-01T00:00:00Z") "]}",
        "{\"keys\":[" SEAL("1", ZEROS, "soon") "]}",
        "{\"keys\":[" SEAL("1", ZEROS, "2026-12-01T00:00:00Z") "," SEAL(
            "1", ONES, "2026-12-02T00:00:00Z") "]}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cc_sealing_keyring *keyring = NULL;
        ck_assert_msg(parse_sealing(bad[i], &keyring) == CC_INVALID, "accepted %s", bad[i]);
        ck_assert_ptr_null(keyring);
    }
}
END_TEST

SUITE_MAIN("keyring", carriers_in_full, no_keys_is_a_keyring, carriers_that_are_refused,
           the_newest_active_key_seals, sealing_keys_that_are_refused)
