/*
 * Reading a command line against a table of commands (pure). Misuse gives one helpful line; a
 * mistyped command or option is answered with the nearest one.
 */
#ifndef CP_CLI_ARGS_H
#define CP_CLI_ARGS_H

#include "base/buffer.h"
#include "base/err.h"

enum { CP_OPTIONS_MAX = 12, CP_POSITIONALS_MAX = 2, CP_ARGS_MESSAGE_MAX = 256 };

struct cp_option {
    const char *name;  /* "tenant": written --tenant */
    const char *value; /* placeholder, "TENANT"; NULL: a flag */
    const char *help;
    bool required;
};

/* What a command does with --dry-run; cp_cli_run holds it to that. */
enum cp_dry_run {
    CP_DRY_RUN_NONE,  /* refused: it knows no other way than to act */
    CP_DRY_RUN_LOOKS, /* the same as without: it changes nothing */
    CP_DRY_RUN_SHOWS, /* says what it would do (cp_would) and changes nothing */
};

struct cp_arguments;
struct cp_context;
struct cp_command {
    const char *name;                            /* "number create" */
    const char *positionals[CP_POSITIONALS_MAX]; /* "NUMBER" */
    const char *summary;
    struct cp_option options[CP_OPTIONS_MAX]; /* up to the first without a name */
    enum cc_error (*handle)(struct cp_context *context, const struct cp_arguments *arguments);
    bool without_registry; /* runs without a home that is up */
    enum cp_dry_run dry_run;
};

struct cp_arguments {
    const struct cp_command *command;
    const char *positionals[CP_POSITIONALS_MAX];
    const char *values[CP_OPTIONS_MAX]; /* as the command's options; a flag that is set: "" */
    bool help, json, dry_run;
    char message[CP_ARGS_MESSAGE_MAX]; /* of CC_INVALID */
};

/* argv without the program's name. --help, --output text|json and --dry-run are known everywhere.
 * command NULL with CC_OK: bare help is asked for. Values are borrowed from argv. */
enum cc_error cp_arguments_parse(const struct cp_command *commands, size_t count, int argc,
                                 char *const *argv, struct cp_arguments *out) CC_MUST_CHECK;

/* Value of an option, NULL when not given. */
const char *cp_argument(const struct cp_arguments *arguments, const char *option);

/* Help of all commands or of one; markdown: a page of all, for docs/api/cli.md. */
void cp_help_all(const struct cp_command *commands, size_t count, struct cc_buffer *out);
void cp_help_one(const struct cp_command *command, struct cc_buffer *out);
void cp_help_markdown(const struct cp_command *commands, size_t count, struct cc_buffer *out);

#endif
