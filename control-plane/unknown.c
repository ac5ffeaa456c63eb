#include "control-plane/unknown.h"

enum cc_error cp_unknown(struct cp_context *context, const char *what, const char *name,
                         const char *look)
{
    return cp_fail(context, CC_UNSUPPORTED, "no %s \"%s\"; %s shows them", what, name, look);
}

enum cc_error cp_unknown_cell(struct cp_context *context, const char *cell)
{
    return cp_unknown(context, "cell", cell, "callcell cell list");
}

enum cc_error cp_unknown_tenant(struct cp_context *context, const char *tenant, const char *country)
{
    return cp_unknown(context, cp_format(context, "tenant of %s", country), tenant,
                      cp_format(context, "callcell tenant list --country %s", country));
}
