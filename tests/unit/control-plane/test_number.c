#include "control-plane/provision/number.h"

#include "tests/unit/control-plane/suite.h"

static struct cc_json_reason reason;

static void check_document(const struct cp_number_options *options, const char *expected)
{
    json_t *document = NULL;
    ck_assert_int_eq(cp_number_document("+46701234567", options, &document, &reason), CC_OK);
    char *text = cc_json_canonical(document);
    ck_assert_str_eq(text, expected);
    free(text);
    json_decref(document);
}

static void check_refused(const struct cp_number_options *options, const char *what)
{
    json_t *document = NULL;
    ck_assert_int_eq(cp_number_document("+46701234567", options, &document, &reason), CC_INVALID);
    ck_assert_ptr_null(document);
    ck_assert_msg(strstr(reason.text, what) != NULL, "%s", reason.text);
}

START_TEST(a_mobile_number_has_all_its_fields)
{
    check_document(&(struct cp_number_options){.kind = "mobile"},
                   "{\"barring\":[],\"caller_id\":{\"number\":null,\"presentation\":\"allowed\"},"
                   "\"forward_always\":null,\"kind\":\"mobile\",\"number\":\"+46701234567\"}");
    check_document(&(struct cp_number_options){.kind = "mobile",
                                               .forward_always = "+46700000001",
                                               .barring = "outgoing,premium",
                                               .caller_id = "+46700000002",
                                               .hide_caller_id = true},
                   "{\"barring\":[\"outgoing\",\"premium\"],\"caller_id\":{\"number\":"
                   "\"+46700000002\",\"presentation\":\"restricted\"},\"forward_always\":"
                   "\"+46700000001\",\"kind\":\"mobile\",\"number\":\"+46701234567\"}");
}
END_TEST

START_TEST(a_pbx_number_has_a_flow)
{
    check_document(&(struct cp_number_options){.kind = "pbx", .flow = "main", .fallback = "+4670"},
                   "{\"fallback_target\":\"+4670\",\"flow\":\"main\",\"kind\":\"pbx\","
                   "\"number\":\"+46701234567\"}");
    check_refused(&(struct cp_number_options){.kind = "pbx"}, "flow");
    check_refused(&(struct cp_number_options){.kind = "pbx", .flow = "Main"}, "flow");
    check_refused(&(struct cp_number_options){.kind = "pbx", .flow = "main", .fallback = "0701"},
                  "fallback_target");
}
END_TEST

START_TEST(options_of_the_other_kind_are_refused)
{
    check_refused(&(struct cp_number_options){.kind = "mobile", .flow = "main"}, "--kind mobile");
    check_refused(&(struct cp_number_options){.kind = "pbx", .flow = "main", .barring = "all"},
                  "--kind pbx");
    check_refused(&(struct cp_number_options){.kind = "fax"}, "kind");
    check_refused(&(struct cp_number_options){.kind = "mobile", .barring = "everything"},
                  "barring");
    check_refused(&(struct cp_number_options){.kind = "mobile", .forward_always = "112"},
                  "forward_always");
}
END_TEST

START_TEST(unknown_fields_of_an_import_are_refused)
{
    json_t *document =
        json_loads("{\"number\":\"+4670\",\"kind\":\"pbx\",\"flow\":\"a\",\"x\":1}", 0, NULL);
    ck_assert_int_eq(cp_number_check(document, &reason), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(reason.text, "x: unknown"));
    json_decref(document);
}
END_TEST

START_TEST(a_number_is_one_of_its_country)
{
    const struct cc_call_policy sweden = {.country_code = CC_SLICE_LITERAL("46"),
                                          .national_prefix = CC_SLICE_LITERAL("0")};
    const struct cc_call_policy norway = {.country_code = CC_SLICE_LITERAL("47")};
    ck_assert_int_eq(cp_number_check_country("+46701", "se", &sweden, &reason), CC_OK);
    ck_assert_int_eq(cp_number_check_country("+4712", "se", &sweden, &reason), CC_INVALID);
    ck_assert_str_eq(reason.text,
                     "+4712 is no number of se: +46, and behind it the number as from abroad");
    ck_assert_int_eq(cp_number_check_country("+4701", "no", &norway, &reason), CC_OK);
    ck_assert_int_eq(cp_number_check_country("+46701", "no", &norway, &reason), CC_INVALID);
}
END_TEST

SUITE_MAIN("number", a_mobile_number_has_all_its_fields, a_pbx_number_has_a_flow,
           options_of_the_other_kind_are_refused, unknown_fields_of_an_import_are_refused,
           a_number_is_one_of_its_country)
