#include "tests/unit/cell/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "cell/lease.h"

#define LEASE(cell, term, site, at, by)                                                            \
    "{'cell':" cell ",'term':" term ",'site':" site ",'issued_at':" at ",'issued_by':" by "}\n"
#define AT "'2026-11-21T09:30:00Z'"
#define GOOD LEASE("'se-1'", "3", "'b'", AT, "'break-glass'")

static struct cell_lease lease;
static struct cc_json_reason reason;

/* Signed with the second of two keys; damage flips a bit of the signature. */
static enum cc_error open_signed(const char *quoted, bool damage)
{
    static struct cc_ed25519 *keys[2];
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    for (size_t i = 0; i < 2 && !keys[i]; i++) {
        char *private_pem, *public_pem;
        ck_assert_int_eq(cc_ed25519_generate(&private_pem, &public_pem), CC_OK);
        ck_assert_int_eq(cc_ed25519_from_private_pem(cc_slice_of(private_pem), &keys[i]), CC_OK);
        free(private_pem);
        free(public_pem);
    }
    char *text = fixture_quote(quoted);
    ck_assert_int_eq(cc_ed25519_sign(keys[1], cc_slice_of(text), signature), CC_OK);
    signature[0] ^= damage;
    lease = (struct cell_lease){0};
    enum cc_error error = cell_lease_open(
        cc_slice_of(text), cc_slice((const char *)signature, sizeof(signature)),
        (const struct cc_ed25519 *const *)keys, 2, CC_SLICE_LITERAL("se-1"), &lease, &reason);
    free(text);
    return error;
}

static void refused(const char *quoted, enum cc_error error, const char *why)
{
    ck_assert_msg(open_signed(quoted, false) == error, "%s", quoted);
    ck_assert_msg(strstr(reason.text, why) != NULL, "%s: %s", quoted, reason.text);
    ck_assert_int_eq(lease.term, 0);
}

START_TEST(a_signed_lease_is_read)
{
    ck_assert_int_eq(open_signed(GOOD, false), CC_OK);
    ck_assert_int_eq(lease.term, 3);
    ck_assert_str_eq(lease.site, "b");
    ck_assert(lease.break_glass);
    ck_assert_int_eq(lease.issued_at_us, fixture_time("2026-11-21T09:30:00Z"));
    ck_assert_int_eq(open_signed(LEASE("'se-1'", "1", "'a'", AT, "'control-plane'"), false), CC_OK);
    ck_assert(!lease.break_glass);
}
END_TEST

START_TEST(what_does_not_verify_is_not_read)
{
    ck_assert_int_eq(open_signed(GOOD, true), CC_SIGNATURE);
    ck_assert_int_eq(lease.term, 0);
}
END_TEST

START_TEST(what_is_not_exactly_a_lease_is_refused)
{
    refused(LEASE("'se-2'", "3", "'b'", AT, "'break-glass'"), CC_CONFLICT, "cell");
    refused(LEASE("'se-1'", "0", "'b'", AT, "'break-glass'"), CC_INVALID, "term");
    refused(LEASE("'se-1'", "-1", "'b'", AT, "'break-glass'"), CC_INVALID, "term");
    refused(LEASE("'se-1'", "3.0", "'b'", AT, "'break-glass'"), CC_INVALID, "term");
    refused(LEASE("'se-1'", "'3'", "'b'", AT, "'break-glass'"), CC_INVALID, "term");
    refused(LEASE("'se-1'", "3", "'../b'", AT, "'break-glass'"), CC_INVALID, "site");
    refused(LEASE("'se-1'", "3", "'a-site-with-a-long-name'", AT, "'break-glass'"), CC_INVALID,
            "site");
    refused(LEASE("'se-1'", "3", "'b'", "'yesterday'", "'break-glass'"), CC_INVALID, "issued_at");
    refused(LEASE("'se-1'", "3", "'b'", AT, "'somebody'"), CC_INVALID, "issued_by");
    refused("{'cell':'se-1','term':3}\n", CC_INVALID, "object of");
    refused("{'cell':'se-1','term':3,'site':'b','issued_at':" AT ",'issued_by':'break-glass',"
            "'more':1}\n",
            CC_INVALID, "object of");
    refused("{'cell':'se-1','term':3,'term':4,'site':'b','issued_at':" AT
            ",'issued_by':'break-glass'}\n",
            CC_INVALID, "");
    refused("{}", CC_INVALID, "one line");
    refused("", CC_INVALID, "one line");
    refused(GOOD "\n", CC_INVALID, "one line");
    refused("[]\n", CC_INVALID, "object of");
}
END_TEST

START_TEST(terms_never_go_down)
{
    const struct cell_lease none = {0}, two = {.term = 2}, three = {.term = 3};
    ck_assert_int_eq(cell_lease_follows(&none, &two), CC_OK);
    ck_assert_int_eq(cell_lease_follows(&two, &three), CC_OK);
    ck_assert_int_eq(cell_lease_follows(&three, &three), CC_OK);
    ck_assert_int_eq(cell_lease_follows(&three, &two), CC_STALE);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_signed_lease_is_read, what_does_not_verify_is_not_read,
                                  what_is_not_exactly_a_lease_is_refused, terms_never_go_down};
    return fixture_run("lease", tests, sizeof(tests) / sizeof(tests[0]));
}
