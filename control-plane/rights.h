/*
 * What is left of root's rights when a command becomes the home's user: the one to put processes
 * before others (targets/priority.h), if root had it. Programs that the command starts have none.
 */
#ifndef CP_RIGHTS_H
#define CP_RIGHTS_H

#include <stdbool.h>

#include "base/err.h"

/* Before and after setuid. CC_FORBIDDEN: the command must end, since it may have too many. */
enum cc_error cp_rights_before_change(void) CC_MUST_CHECK;
enum cc_error cp_rights_after_change(void) CC_MUST_CHECK;

/* Whether this process may put others first, be it by what was left of root's rights or its own. */
bool cp_rights_include_priority(void);

#endif
