#include "control-plane/fleet/drained.h"

#include "control-plane/files.h"
#include "control-plane/registry.h"

const char *cp_drained_note(struct cp_context *context, int worker)
{
    return cp_format(context, "# drained worker-%d", worker);
}

static void read_file(struct cp_context *context, const char *cell, struct cp_drained *out)
{
    struct cc_slice text;
    if (cp_file_read(context, cp_path(context, "discovery/%s.endpoints", cell), &text))
        return;
    for (int worker = 1; worker <= CP_WORKER_NUMBER_MAX; worker++) {
        const char *line = cp_format(context, "\n%s\n", cp_drained_note(context, worker));
        out->worker[worker] = strstr(text.data, line) != NULL;
    }
}

enum cc_error cp_drained_read(struct cp_context *context, const char *cell, struct cp_drained *out)
{
    PGresult *result;
    *out = (struct cp_drained){0};
    enum cc_error error =
        context->registry
            ? cp_sql_read(context, &result, "SELECT worker FROM drained_workers WHERE cell = $1",
                          CP_PARAMETERS(cell))
            : CC_OK;
    if (error || !context->registry) {
        read_file(context, cell, out);
        return error;
    }
    for (int row = 0; row < PQntuples(result); row++) {
        for (int worker = 1; worker <= CP_WORKER_NUMBER_MAX; worker++)
            out->worker[worker] |=
                strcmp(cp_sql_value(result, row, 0), cp_format(context, "worker-%d", worker)) == 0;
    }
    return CC_OK;
}
