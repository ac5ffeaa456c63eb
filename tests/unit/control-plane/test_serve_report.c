#include "control-plane/serve_report.h"

#include <stdio.h>

#include "tests/unit/control-plane/suite.h"

static const struct cp_index_token edges = {.holder = "edges"};
static const struct cp_index_token cell = {.holder = "se-1", .country = "se"};

/* NULL when it is valid, or what is wrong with it. */
static const char *fault(const struct cp_index_token *token, const char *identity,
                         const char *reporter, const char *held, const char *refused)
{
    static struct cc_json_reason reason;
    char body[512];
    (void)snprintf(body, sizeof(body), "{\"reporter\":\"%s\",\"held\":%s,\"refused\":%s}", reporter,
                   held, refused);
    return cp_report_is_valid(cc_slice_of(body), sizeof(body), token, cc_slice_of(identity),
                              &reason)
               ? NULL
               : reason.text;
}

static const char *fault_of_name(const struct cp_index_token *token, const char *identity,
                                 const char *reporter)
{
    return fault(token, identity, reporter, "[]", "[]");
}

START_TEST(a_program_reports_under_the_name_in_its_certificate)
{
    static const char foreign[] = "reporter: not of this certificate";
    ck_assert_ptr_null(fault_of_name(&edges, "urn:callcell:edge:edge-1", "edge-1"));
    ck_assert_str_eq(fault_of_name(&edges, "urn:callcell:edge:edge-2", "edge-1"), foreign);
    ck_assert_str_eq(fault_of_name(&edges, "urn:callcell:edge:edge-11", "edge-1"), foreign);
    ck_assert_str_eq(fault_of_name(&edges, "urn:callcell:cell:se-1", "edge-1"), foreign);
    ck_assert_ptr_null(fault_of_name(&cell, "urn:callcell:cell:se-1", "se-1/worker-2"));
    ck_assert_str_eq(fault_of_name(&cell, "urn:callcell:cell:no-1", "se-1/worker-2"), foreign);
    ck_assert_str_eq(fault_of_name(&cell, "urn:callcell:cell:se-11", "se-1/worker-2"), foreign);
    ck_assert_str_eq(fault_of_name(&cell, "urn:callcell:edge:edge-1", "se-1/worker-2"), foreign);
    ck_assert_str_eq(fault_of_name(&cell, "urn:callcell:control", "se-1/worker-2"), foreign);
    ck_assert_ptr_null(fault_of_name(&cell, "urn:callcell:operator", "se-1/worker-2"));
    ck_assert_ptr_null(fault_of_name(&cell, "", "se-1/worker-2"));
    ck_assert_str_eq(fault_of_name(&cell, "urn:callcell:operator", "edge-1"),
                     "reporter: not of this token");
}
END_TEST

START_TEST(only_what_the_token_may_read_is_reported)
{
#define ROW(country, kind, epoch)                                                                  \
    "[{\"country\":\"" country "\",\"kind\":\"" kind "\",\"epoch\":" epoch "}]"
    static const char foreign[] = "held: not of this token";
    const char *name = "se-1/worker-1";
    ck_assert_ptr_null(fault(&cell, "", name, ROW("se", "map", "1"), "[]"));
    ck_assert_ptr_null(fault(&cell, "", name, "[]", ROW("se", "sealing", "7")));
    ck_assert_str_eq(fault(&cell, "", name, ROW("no", "map", "1"), "[]"), foreign);
    ck_assert_str_eq(fault(&cell, "", name, ROW("se", "carriers", "1"), "[]"), foreign);
    ck_assert_str_eq(fault(&edges, "", "edge-1", ROW("se", "sealing", "1"), "[]"), foreign);
    ck_assert_str_eq(fault(&cell, "", name, "[]", ROW("no", "map", "1")),
                     "refused: not of this token");
    ck_assert_ptr_null(fault(&edges, "", "edge-1", ROW("no", "carriers", "1"), "[]"));
}
END_TEST

START_TEST(rows_are_rows)
{
    const char *name = "edge-1";
    ck_assert_str_eq(fault(&edges, "", name, "{}", "[]"), "held: must be an array");
    ck_assert_str_eq(fault(&edges, "", name, "[]", "1"), "refused: must be an array");
    ck_assert_str_eq(fault(&edges, "", name, "[1]", "[]"), "held: no such publication");
    ck_assert_str_eq(fault(&edges, "", name, ROW("sweden", "map", "1"), "[]"),
                     "held: no such publication");
    ck_assert_str_eq(fault(&edges, "", name, ROW("se", "maps", "1"), "[]"),
                     "held: no such publication");
    ck_assert_str_eq(fault(&edges, "", name, ROW("se", "map", "\"1\""), "[]"),
                     "held: epoch must be a whole number");
    ck_assert_ptr_nonnull(fault(&edges, "", "edge-1\",", "[]", "[]"));
}
END_TEST

SUITE_MAIN("serve_report", a_program_reports_under_the_name_in_its_certificate,
           only_what_the_token_may_read_is_reported, rows_are_rows)
