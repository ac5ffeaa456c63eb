#include "control-plane/cli/args.h"
#include "tests/unit/control-plane/suite.h"

static const struct cp_command commands[] = {
    {"status", {0}, "Shows all", {{0}}, NULL, false, CP_DRY_RUN_LOOKS},
    {"number create",
     {"NUMBER"},
     "Makes a number",
     {{"tenant", "TENANT", "whose", true}, {"hide", NULL, "a flag", false}},
     NULL,
     false,
     CP_DRY_RUN_SHOWS},
    {"number list",
     {0},
     "Lists numbers",
     {{"limit", "N", "how many", false}},
     NULL,
     false,
     CP_DRY_RUN_LOOKS},
};
enum { COUNT = sizeof(commands) / sizeof(commands[0]) };

static struct cp_arguments parsed;

static enum cc_error parse(int argc, const char *const *argv)
{
    return cp_arguments_parse(commands, COUNT, argc, (char *const *)(uintptr_t)argv, &parsed);
}
#define PARSE(...)                                                                                 \
    parse((int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)),                      \
          (const char *const[]){__VA_ARGS__})

START_TEST(a_command_takes_its_argument_and_options_in_any_order)
{
    ck_assert_int_eq(PARSE("number", "create", "--tenant", "acme", "+4670", "--hide"), CC_OK);
    ck_assert_str_eq(parsed.command->name, "number create");
    ck_assert_str_eq(parsed.positionals[0], "+4670");
    ck_assert_str_eq(cp_argument(&parsed, "tenant"), "acme");
    ck_assert_ptr_nonnull(cp_argument(&parsed, "hide"));
    ck_assert_int_eq(PARSE("number", "create", "+4670", "--tenant=acme"), CC_OK);
    ck_assert_str_eq(cp_argument(&parsed, "tenant"), "acme");
    ck_assert_ptr_null(cp_argument(&parsed, "hide"));
}
END_TEST

START_TEST(output_and_dry_run_are_known_everywhere)
{
    ck_assert_int_eq(PARSE("status", "--output", "json", "--dry-run"), CC_OK);
    ck_assert(parsed.json && parsed.dry_run);
    ck_assert_int_eq(PARSE("status", "--output", "yaml"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "text or json"));
}
END_TEST

START_TEST(a_mistyped_command_names_the_nearest)
{
    ck_assert_int_eq(PARSE("nubmer", "create"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "did you mean: callcell number create"));
    ck_assert_int_eq(PARSE("statsu"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "callcell status"));
    ck_assert_int_eq(PARSE("xyzzy-plugh"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "callcell --help"));
}
END_TEST

START_TEST(a_group_alone_lists_its_commands)
{
    ck_assert_int_eq(PARSE("number"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "create"));
    ck_assert_ptr_nonnull(strstr(parsed.message, "list"));
}
END_TEST

START_TEST(a_mistyped_option_names_the_nearest)
{
    ck_assert_int_eq(PARSE("number", "create", "+4670", "--tenat", "acme"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "did you mean --tenant"));
}
END_TEST

START_TEST(what_is_missing_is_named)
{
    ck_assert_int_eq(PARSE("number", "create", "--tenant", "acme"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "NUMBER is missing"));
    ck_assert_int_eq(PARSE("number", "create", "+4670"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "--tenant TENANT is missing"));
    ck_assert_int_eq(PARSE("number", "create", "+4670", "--tenant"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "needs a value"));
    ck_assert_int_eq(PARSE("status", "now"), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(parsed.message, "one argument too many"));
}
END_TEST

START_TEST(help_needs_nothing_else)
{
    ck_assert_int_eq(PARSE("number", "create", "--help"), CC_OK);
    ck_assert(parsed.help);
    ck_assert_int_eq(parse(0, NULL), CC_OK);
    ck_assert(parsed.help);
    ck_assert_ptr_null(parsed.command);
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    cp_help_all(commands, COUNT, &text);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_ptr_nonnull(
            memmem(text.data, text.length, commands[i].name, strlen(commands[i].name)));
    cc_buffer_deinit(&text);
}
END_TEST

SUITE_MAIN("args", a_command_takes_its_argument_and_options_in_any_order,
           output_and_dry_run_are_known_everywhere, a_mistyped_command_names_the_nearest,
           a_group_alone_lists_its_commands, a_mistyped_option_names_the_nearest,
           what_is_missing_is_named, help_needs_nothing_else)
