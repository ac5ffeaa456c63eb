/*
 * What a person is told whose command names what is not there, the same for everything that has a
 * name: what, which one they typed, where to look. `no cell "se-9"; callcell cell list shows them`
 */
#ifndef CP_UNKNOWN_H
#define CP_UNKNOWN_H

#include "control-plane/context.h"

/* what: "cell", also "cell that is ready"; look: what shows those that are, "callcell cell list".
 * Returns CC_UNSUPPORTED, as all that is wrong in the command itself (exit 2). */
enum cc_error cp_unknown(struct cp_context *context, const char *what, const char *name,
                         const char *look);

enum cc_error cp_unknown_cell(struct cp_context *context, const char *cell);
enum cc_error cp_unknown_tenant(struct cp_context *context, const char *tenant,
                                const char *country);

#endif
