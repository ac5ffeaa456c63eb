#include "control-plane/serve_index.h"

#include "tests/unit/control-plane/suite.h"

static struct cp_index_token edges = {.holder = "edges"};
static struct cp_index_token cell = {.holder = "se-1", .country = "se"};
static struct cp_index_file files[] = {
    {"se", CC_PUBLICATION_MAP, 3, 7, "aa"},
    {"se", CC_PUBLICATION_SEALING, 1, 5, "bb"},
    {"no", CC_PUBLICATION_MAP, 1, 9, "cc"},
    {"se", CC_PUBLICATION_CARRIERS, 2, 8, "dd"},
};

static void expect_list(const struct cp_index_token *token, int64_t after, const char *country,
                        size_t listed, const char *text)
{
    struct cp_index index = {.version = 9, .files = files, .file_count = 4};
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    ck_assert_uint_eq(cp_index_list(&index, token, after, cc_slice_of(country), &out), listed);
    if (text)
        ck_assert_msg(cc_slice_is(cc_buffer_slice(&out), text), "%.*s", (int)out.length, out.data);
    cc_buffer_deinit(&out);
}

START_TEST(edges_see_all_but_sealing_a_cell_its_own_map_and_sealing)
{
    expect_list(&edges, 0, "", 3, NULL);
    expect_list(&edges, 0, "se", 2, NULL);
    expect_list(&cell, 0, "", 2, NULL);
    expect_list(&cell, 0, "no", 0, NULL);
    ck_assert(!cp_index_may_read(&edges, CC_SLICE_LITERAL("se"), CC_PUBLICATION_SEALING));
    ck_assert(!cp_index_may_read(&cell, CC_SLICE_LITERAL("se"), CC_PUBLICATION_CARRIERS));
    ck_assert(!cp_index_may_read(&cell, CC_SLICE_LITERAL("se"), CC_PUBLICATION_NUMBERS));
    ck_assert(!cp_index_may_read(&cell, CC_SLICE_LITERAL("no"), CC_PUBLICATION_MAP));
}
END_TEST

START_TEST(only_what_is_newer_is_listed)
{
    expect_list(&edges, 8, "", 1,
                "{\"version\":9,\"publications\":[{\"country\":\"no\",\"kind\":\"map\",\"epoch\":1,"
                "\"sha256\":\"cc\"}]}");
    expect_list(&edges, 9, "", 0, "{\"version\":9,\"publications\":[]}");
    expect_list(&edges, 10, "", 3, NULL); /* the registry was restored: start over */
}
END_TEST

START_TEST(a_token_is_found_by_its_digest)
{
    /* SHA-256 of "secret" */
    struct cp_index_token tokens[] = {
        cell,
        {.holder = "edges",
         .sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}};
    struct cp_index index = {.tokens = tokens, .token_count = 2};
    ck_assert_ptr_eq(cp_index_authorise(&index, CC_SLICE_LITERAL("Bearer secret")), &tokens[1]);
    ck_assert_ptr_null(cp_index_authorise(&index, CC_SLICE_LITERAL("Bearer secreT")));
    ck_assert_ptr_null(cp_index_authorise(&index, CC_SLICE_LITERAL("secret")));
    ck_assert_ptr_null(cp_index_authorise(&index, CC_SLICE_LITERAL("Bearer ")));
    ck_assert_ptr_null(cp_index_authorise(&index, cc_slice(NULL, 0)));
}
END_TEST

START_TEST(nobody_reports_under_anothers_name)
{
    ck_assert(cp_index_may_report(&edges, CC_SLICE_LITERAL("edge-1")));
    ck_assert(!cp_index_may_report(&edges, CC_SLICE_LITERAL("se-1/worker-1")));
    ck_assert(cp_index_may_report(&cell, CC_SLICE_LITERAL("se-1/worker-1")));
    ck_assert(!cp_index_may_report(&cell, CC_SLICE_LITERAL("se-11/worker-1")));
    ck_assert(!cp_index_may_report(&cell, CC_SLICE_LITERAL("edge-1")));
    ck_assert(!cp_index_may_report(&cell, CC_SLICE_LITERAL("se-1/")));
    ck_assert(!cp_index_may_report(&cell, CC_SLICE_LITERAL("se-1/made-up")));
    ck_assert(!cp_index_may_report(&cell, CC_SLICE_LITERAL("se-1/worker-")));
    ck_assert(!cp_index_may_report(&cell, CC_SLICE_LITERAL("se-1/worker-123")));
    ck_assert(!cp_index_may_report(&cell, CC_SLICE_LITERAL("se-1/worker-1x")));
    ck_assert(!cp_index_may_report(&cell, cc_slice(NULL, 0)));
}
END_TEST

SUITE_MAIN("serve_index", edges_see_all_but_sealing_a_cell_its_own_map_and_sealing,
           only_what_is_newer_is_listed, a_token_is_found_by_its_digest,
           nobody_reports_under_anothers_name)
