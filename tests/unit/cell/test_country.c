#include "tests/unit/cell/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "cell/country.h"

#define POLICY                                                                                     \
    "'policy':{'country_code':'46','national_prefix':'0','emergency':['112'],"                     \
    "'barred_prefixes':[]},'self_test':[{'tenant':'acme','slot':11304,'cell':'se-2'}],'pins':{},'" \
    "slots_changed':0"
#define TWO_CELLS                                                                                  \
    "{'cells':[{'id':'se-1','sites':[{'name':'a','endpoints':['127.0.0.1:1']}]},"                  \
    "{'id':'se-2','sites':[{'name':'a','endpoints':['127.0.0.1:2']}]}],"                           \
    "'slots':[[0,8191,'se-1'],[8192,16383,'se-2']]," POLICY "}"
#define SEALING                                                                                    \
    "{'keys':[{'id':1,'active_from':'2026-01-01T00:00:00Z','key':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=='}]}"

static struct cell_country country;

static enum cc_error take(enum cc_publication_kind kind, int64_t epoch, const char *quoted)
{
    struct cc_json_reason reason = {{0}};
    char *payload = fixture_quote(quoted);
    struct cc_publication publication = {
        .kind = kind, .country = "se", .epoch = epoch, .payload = cc_slice_of(payload)};
    snprintf(publication.sha256, sizeof(publication.sha256), "%064d", (int)epoch);
    snprintf(publication.previous_sha256, sizeof(publication.previous_sha256), "%064d",
             (int)epoch - 1);
    enum cc_error error = cell_country_take(&country, &publication, &reason);
    if (error)
        printf("# %s %s\n", cc_error_name(error), reason.text);
    free(payload);
    return error;
}

START_TEST(map_and_keyring_make_it_known)
{
    ck_assert(!cell_country_is_known(&country));
    ck_assert_int_eq(cell_country_epoch(&country), 0);
    ck_assert(cell_country_is_home(&country, cc_slice_of("acme"), cc_slice_of("se-9")));
    ck_assert_int_eq(take(CC_PUBLICATION_MAP, 3, TWO_CELLS), CC_OK);
    ck_assert(!cell_country_is_known(&country));
    ck_assert_int_eq(take(CC_PUBLICATION_SEALING, 1, SEALING), CC_OK);
    ck_assert(cell_country_is_known(&country));
    ck_assert_int_eq(cell_country_epoch(&country), 3);
    cell_country_deinit(&country);
}
END_TEST

START_TEST(the_map_says_whose_a_tenant_is)
{
    ck_assert_int_eq(take(CC_PUBLICATION_MAP, 3, TWO_CELLS), CC_OK);
    bool low = cc_slot_of(cc_slice_of("acme")) <= 8191;
    ck_assert_int_eq(cell_country_is_home(&country, cc_slice_of("acme"), cc_slice_of("se-1")), low);
    ck_assert_int_eq(cell_country_is_home(&country, cc_slice_of("acme"), cc_slice_of("se-2")),
                     !low);
    cell_country_deinit(&country);
}
END_TEST

START_TEST(what_is_older_or_damaged_is_refused_and_the_old_one_stays)
{
    ck_assert_int_eq(take(CC_PUBLICATION_MAP, 3, TWO_CELLS), CC_OK);
    ck_assert_int_eq(take(CC_PUBLICATION_SEALING, 5, SEALING), CC_OK);
    ck_assert_int_eq(take(CC_PUBLICATION_MAP, 3, TWO_CELLS), CC_STALE);
    ck_assert_int_eq(take(CC_PUBLICATION_MAP, 4, "{}"), CC_INVALID);
    ck_assert_int_eq(take(CC_PUBLICATION_SEALING, 4, SEALING), CC_STALE);
    ck_assert_int_eq(take(CC_PUBLICATION_SEALING, 6, "{}"), CC_INVALID);
    ck_assert_int_eq(take(CC_PUBLICATION_NUMBERS, 9, ""), CC_UNSUPPORTED);
    ck_assert_int_eq(cell_country_epoch(&country), 3);
    ck_assert_int_eq(country.keyring_publication.epoch, 5);
    ck_assert_int_eq(take(CC_PUBLICATION_MAP, 4, TWO_CELLS), CC_OK);
    ck_assert_int_eq(take(CC_PUBLICATION_SEALING, 6, SEALING), CC_OK);
    ck_assert_int_eq(cell_country_epoch(&country), 4);
    cell_country_deinit(&country);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        map_and_keyring_make_it_known,
        the_map_says_whose_a_tenant_is,
        what_is_older_or_damaged_is_refused_and_the_old_one_stays,
    };
    return fixture_run("country", tests, sizeof(tests) / sizeof(tests[0]));
}
