/* Every transition table is sound, and docs/transitions.md, docs/api/cli.md and
 * docs/templates.md are up to date. */
#include <stdio.h>

#include "base/transitions.h"
#include "control-plane/cli/commands.h"
#include "control-plane/tables.h"
#include "control-plane/templates/template.h"
#include "tests/unit/control-plane/suite.h"

enum { PAGE_MAX = 1 << 20 };

START_TEST(every_table_is_sound)
{
    for (size_t i = 0; i < cp_table_count; i++) {
        struct cc_buffer problem;
        cc_buffer_init(&problem, 0);
        ck_assert_msg(cc_transitions_check(cp_tables[i], &problem) == CC_OK, "%s: %.*s",
                      cp_tables[i]->name, (int)problem.length, problem.data);
        cc_buffer_deinit(&problem);
    }
}
END_TEST

START_TEST(every_row_does_or_checks_something)
{
    for (size_t i = 0; i < cp_table_count; i++) {
        for (size_t r = 0; r < cp_tables[i]->count; r++)
            ck_assert(cp_tables[i]->rows[r].act || cp_tables[i]->rows[r].verify);
    }
}
END_TEST

static void expect_page(const struct cc_buffer *page, const char *path, const char *command)
{
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    char *written = calloc(1, PAGE_MAX);
    size_t length = fread(written, 1, PAGE_MAX - 1, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_msg(cc_slice_equal(cc_slice(written, length), cc_buffer_slice(page)),
                  "%s is old; write it with: callcell %s", path, command);
    free(written);
}

START_TEST(pages_are_what_the_program_prints)
{
    struct cc_buffer page;
    cc_buffer_init(&page, 0);
    cp_tables_page(&page);
    expect_page(&page, DOCS "/transitions.md", "transitions diagram");
    cc_buffer_clear(&page);
    cp_help_markdown(cp_commands, cp_command_count, &page);
    expect_page(&page, DOCS "/api/cli.md", "help --markdown");
    cc_buffer_clear(&page);
    cp_template_page(&page);
    expect_page(&page, DOCS "/templates.md", "template keys");
    cc_buffer_deinit(&page);
}
END_TEST

START_TEST(every_command_has_a_handler_and_help)
{
    for (size_t i = 0; i < cp_command_count; i++) {
        ck_assert_ptr_nonnull(cp_commands[i].handle);
        ck_assert_uint_gt(strlen(cp_commands[i].summary), 0);
        for (size_t o = 0; o < CP_OPTIONS_MAX && cp_commands[i].options[o].name; o++)
            ck_assert_uint_gt(strlen(cp_commands[i].options[o].help), 0);
    }
}
END_TEST

SUITE_MAIN("tables", every_table_is_sound, every_row_does_or_checks_something,
           pages_are_what_the_program_prints, every_command_has_a_handler_and_help)
