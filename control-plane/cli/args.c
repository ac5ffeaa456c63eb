#include "control-plane/cli/args.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORD_MAX = 48, NEAR = 3 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance of two short words. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], columns = strlen(b), rows = strlen(a);
    if (columns > WORD_MAX || rows > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t above = row[j];
            row[j] = smaller(smaller(above, row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[columns];
}

static size_t words_of(const struct cp_command *command)
{
    return strchr(command->name, ' ') ? 2 : 1;
}

static bool matches(const struct cp_command *command, int argc, char *const *argv)
{
    size_t words = words_of(command);
    if ((size_t)argc < words)
        return false;
    size_t first = strcspn(command->name, " ");
    if (strlen(argv[0]) != first || memcmp(argv[0], command->name, first) != 0)
        return false;
    return words == 1 || strcmp(argv[1], command->name + first + 1) == 0;
}

/* All subcommands of a group, when the first word is one. */
static bool explain_group(const struct cp_command *commands, size_t count, const char *group,
                          struct cp_arguments *out)
{
    size_t length = strlen(group), at = 0, found = 0;
    at += (size_t)snprintf(out->message, sizeof(out->message), "%s: needs one of:", group);
    for (size_t i = 0; i < count && at < sizeof(out->message); i++) {
        if (strncmp(commands[i].name, group, length) != 0 || commands[i].name[length] != ' ')
            continue;
        found++;
        at += (size_t)snprintf(out->message + at, sizeof(out->message) - at, " %s",
                               commands[i].name + length + 1);
    }
    return found > 0;
}

static enum cc_error unknown_command(const struct cp_command *commands, size_t count, int argc,
                                     char *const *argv, struct cp_arguments *out)
{
    char typed[2 * WORD_MAX];
    bool two = argc > 1 && argv[1][0] != '-';
    (void)snprintf(typed, sizeof(typed), "%s%s%s", argv[0], two ? " " : "", two ? argv[1] : "");
    if (!two && explain_group(commands, count, argv[0], out))
        return CC_INVALID;
    const char *nearest = NULL;
    size_t best = NEAR + 1;
    for (size_t i = 0; i < count; i++) {
        size_t far =
            smaller(distance(typed, commands[i].name), distance(argv[0], commands[i].name));
        if (far < best) {
            best = far;
            nearest = commands[i].name;
        }
    }
    if (nearest)
        (void)snprintf(out->message, sizeof(out->message),
                       "no command \"%s\"; did you mean: callcell %s", typed, nearest);
    else if (!explain_group(commands, count, argv[0], out))
        (void)snprintf(out->message, sizeof(out->message),
                       "no command \"%s\"; see: callcell --help", typed);
    return CC_INVALID;
}

static size_t option_index(const struct cp_command *command, const char *name, size_t length)
{
    size_t i = 0;
    while (i < CP_OPTIONS_MAX && command->options[i].name &&
           (strlen(command->options[i].name) != length ||
            memcmp(command->options[i].name, name, length) != 0))
        i++;
    return i < CP_OPTIONS_MAX && command->options[i].name ? i : CP_OPTIONS_MAX;
}

static enum cc_error unknown_option(const char *name, struct cp_arguments *out)
{
    const struct cp_command *command = out->command;
    const char *nearest = NULL;
    size_t best = NEAR + 1;
    for (size_t i = 0; i < CP_OPTIONS_MAX && command->options[i].name; i++) {
        size_t far = distance(name + 2, command->options[i].name);
        if (far < best) {
            best = far;
            nearest = command->options[i].name;
        }
    }
    (void)snprintf(out->message, sizeof(out->message),
                   "%s: no option %s%s%s; see: callcell %s --help", command->name, name,
                   nearest ? "; did you mean --" : "", nearest ? nearest : "", command->name);
    return CC_INVALID;
}

static enum cc_error needs_value(const char *name, struct cp_arguments *out)
{
    (void)snprintf(out->message, sizeof(out->message), "%s: %s needs a value", out->command->name,
                   name);
    return CC_INVALID;
}

static enum cc_error take_output(const char *value, struct cp_arguments *out)
{
    out->json = value && strcmp(value, "json") == 0;
    if (out->json || (value && strcmp(value, "text") == 0))
        return CC_OK;
    (void)snprintf(out->message, sizeof(out->message), "--output must be text or json");
    return CC_INVALID;
}

/* One "--option", "--option value" or "--option=value"; *at moves past a value. */
static enum cc_error take_option(int argc, char *const *argv, int *at, struct cp_arguments *out)
{
    const char *name = argv[*at];
    size_t length = strcspn(name + 2, "=");
    const char *value = name[2 + length] == '=' ? name + 3 + length : NULL;
    if (strcmp(name, "--help") == 0 || strcmp(name, "--dry-run") == 0) {
        *(name[2] == 'h' ? &out->help : &out->dry_run) = true;
        return CC_OK;
    }
    bool output = length == 6 && memcmp(name + 2, "output", 6) == 0;
    size_t index = output ? 0 : option_index(out->command, name + 2, length);
    if (index == CP_OPTIONS_MAX)
        return unknown_option(name, out);
    if (!output && !out->command->options[index].value) {
        out->values[index] = "";
        return CC_OK;
    }
    if (!value && *at + 1 < argc)
        value = argv[++*at];
    if (!value)
        return needs_value(name, out);
    if (output)
        return take_output(value, out);
    out->values[index] = value;
    return CC_OK;
}

static enum cc_error check_complete(size_t given, struct cp_arguments *out)
{
    const struct cp_command *command = out->command;
    for (size_t i = given; i < CP_POSITIONALS_MAX; i++) {
        if (!command->positionals[i])
            break;
        (void)snprintf(out->message, sizeof(out->message),
                       "%s: %s is missing; see: callcell %s --help", command->name,
                       command->positionals[i], command->name);
        return CC_INVALID;
    }
    for (size_t i = 0; i < CP_OPTIONS_MAX && command->options[i].name; i++) {
        if (!command->options[i].required || out->values[i])
            continue;
        (void)snprintf(out->message, sizeof(out->message), "%s: --%s %s is missing", command->name,
                       command->options[i].name, command->options[i].value);
        return CC_INVALID;
    }
    return CC_OK;
}

static enum cc_error take_rest(int argc, char *const *argv, struct cp_arguments *out)
{
    size_t given = 0;
    enum cc_error error = CC_OK;
    for (int at = 0; !error && at < argc; at++) {
        if (strncmp(argv[at], "--", 2) == 0) {
            error = take_option(argc, argv, &at, out);
        } else if (given < CP_POSITIONALS_MAX && out->command->positionals[given]) {
            out->positionals[given++] = argv[at];
        } else {
            (void)snprintf(out->message, sizeof(out->message),
                           "%s: \"%s\" is one argument too many; see: callcell %s --help",
                           out->command->name, argv[at], out->command->name);
            error = CC_INVALID;
        }
    }
    if (error || out->help)
        return error;
    return check_complete(given, out);
}

enum cc_error cp_arguments_parse(const struct cp_command *commands, size_t count, int argc,
                                 char *const *argv, struct cp_arguments *out)
{
    *out = (struct cp_arguments){0};
    if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        out->help = true;
        return CC_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (!matches(&commands[i], argc, argv))
            continue;
        out->command = &commands[i];
        int words = (int)words_of(&commands[i]);
        return take_rest(argc - words, argv + words, out);
    }
    return unknown_command(commands, count, argc, argv, out);
}

const char *cp_argument(const struct cp_arguments *arguments, const char *option)
{
    size_t index = option_index(arguments->command, option, strlen(option));
    return index < CP_OPTIONS_MAX ? arguments->values[index] : NULL;
}

static void append_usage(const struct cp_command *command, struct cc_buffer *out)
{
    cc_buffer_printf(out, "callcell %s", command->name);
    for (size_t i = 0; i < CP_POSITIONALS_MAX && command->positionals[i]; i++)
        cc_buffer_printf(out, " %s", command->positionals[i]);
    for (size_t i = 0; i < CP_OPTIONS_MAX && command->options[i].name; i++) {
        const struct cp_option *option = &command->options[i];
        cc_buffer_printf(out, option->required ? " --%s%s%s" : " [--%s%s%s]", option->name,
                         option->value ? " " : "", option->value ? option->value : "");
    }
}

void cp_help_all(const struct cp_command *commands, size_t count, struct cc_buffer *out)
{
    cc_buffer_text(out, "callcell: makes, changes and shows the platform.\n\n");
    for (size_t i = 0; i < count; i++)
        cc_buffer_printf(out, "  %-22s %s\n", commands[i].name, commands[i].summary);
    cc_buffer_text(out, "\nEverywhere: --help, --output text|json, --dry-run. The home is "
                        "$CALLCELL_HOME.\nExit status: 0 done, 1 failed, 2 wrong use.\n");
}

static const char *dry_run_help(enum cp_dry_run dry_run)
{
    switch (dry_run) {
    case CP_DRY_RUN_LOOKS:
        return "the same: it only looks";
    case CP_DRY_RUN_SHOWS:
        return "says what it would do, and changes nothing";
    case CP_DRY_RUN_NONE:
        break;
    }
    return "refused: it has no dry run";
}

void cp_help_one(const struct cp_command *command, struct cc_buffer *out)
{
    append_usage(command, out);
    cc_buffer_printf(out, "\n\n%s\n", command->summary);
    for (size_t i = 0; i < CP_OPTIONS_MAX && command->options[i].name; i++) {
        const struct cp_option *option = &command->options[i];
        char left[WORD_MAX];
        (void)snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value ? " " : "",
                       option->value ? option->value : "");
        cc_buffer_printf(out, "  %-28s %s\n", left, option->help);
    }
    cc_buffer_printf(out, "  %-28s %s\n", "--dry-run", dry_run_help(command->dry_run));
}

void cp_help_markdown(const struct cp_command *commands, size_t count, struct cc_buffer *out)
{
    cc_buffer_text(
        out, "# The command line\n\n"
             "Everywhere: `--help`, `--output text|json`, `--dry-run`. Exit status: 0 done, 1 "
             "failed, 2 wrong use (one line says what is meant); so "
             "is naming what is not there: `no cell \"se-9\"; callcell cell list shows them`.\n\n"
             "With `--dry-run` nothing is changed, whatever the command. One that changes things "
             "says what it would do (`would run 1/5 ...`: the rows of its table), or `nothing "
             "would change` (`{\"changed\":false}` with `--output json`); the registry is then "
             "asked in transactions that can only read. One that has no dry run refuses, with "
             "exit status 2, and does nothing.\n\n"
             "Every `create` can be repeated: the same arguments change nothing; a command that "
             "was killed goes on where it was when it is given again.\n\n"
             "`--country` may be left out where one country alone is possible: only one has a "
             "cell, or the command's tenant, cell, carrier key or number (by its country code) "
             "tells. Where several are possible the command names them and does nothing.\n\n"
             "A statement of the registry is given up after `registry_answer_s` (60 s, in "
             "`etc/control.yaml`). A command that then says \"may be done or not\" (also when the "
             "registry's primary died under it, or committed without its replica) does not know "
             "whether its last step was done: give it again, as after a kill. \"Another command "
             "is at\" means that what it left behind still hangs: it ends with the Postgres "
             "that froze.\n\n"
             "For tests: `CALLCELL_KILL_AT=<table>:<state>:<act|record>` in the environment ends "
             "the command as `kill -9` does, in the row that leaves this state: after its act and "
             "before it is recorded, or once it is recorded. `callcell transitions tables` lists "
             "tables and states.\n\n"
             "This page is the output of `callcell help --markdown`.\n");
    for (size_t i = 0; i < count; i++) {
        cc_buffer_printf(out, "\n## %s\n\n```\n", commands[i].name);
        cp_help_one(&commands[i], out);
        cc_buffer_text(out, "```\n");
    }
}
