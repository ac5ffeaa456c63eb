/*
 * Which country a command is about: the --country given, else what its other words leave.
 */
#ifndef CP_CLI_COUNTRY_H
#define CP_CLI_COUNTRY_H

#include "control-plane/cli/args.h"
#include "control-plane/context.h"

/* The --country given; else the only one that has a cell and in which the command's tenant, cell,
 * carrier key or number can be. CC_UNSUPPORTED (exit 2): there is no such country, or several are
 * possible: the message names them. CC_NOT_FOUND: there is none at all. */
enum cc_error cp_cli_country(struct cp_context *context, const struct cp_arguments *arguments,
                             const char **out) CC_MUST_CHECK;

/* The --country given, or "": all of them. */
enum cc_error cp_cli_some_country(struct cp_context *context, const struct cp_arguments *arguments,
                                  const char **out) CC_MUST_CHECK;

/* That the --tenant, when one is given, is the country's; else as unknown.h. */
enum cc_error cp_cli_tenant(struct cp_context *context, const struct cp_arguments *arguments,
                            const char *country) CC_MUST_CHECK;

#endif
