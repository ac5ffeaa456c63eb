/*
 * Which workers of a cell are drained: taken out by somebody (`cell drain`), and out until somebody
 * takes them back (`cell undrain`). The registry keeps it; discovery/<cell>.endpoints notes it too,
 * in lines "# drained worker-1" that edges pass over, for when the registry does not answer.
 */
#ifndef CP_FLEET_DRAINED_H
#define CP_FLEET_DRAINED_H

#include "control-plane/context.h"

enum { CP_WORKER_NUMBER_MAX = 2 * CP_WORKERS_PER_CELL };

struct cp_drained {
    bool worker[CP_WORKER_NUMBER_MAX + 1]; /* by the worker's number, from 1 */
};

/* As the registry says; as the file notes when the context is not connected to it. When the
 * registry fails under it: its error with a message, and *out is as the file notes. */
enum cc_error cp_drained_read(struct cp_context *context, const char *cell,
                              struct cp_drained *out) CC_MUST_CHECK;

/* The line of the file. */
const char *cp_drained_note(struct cp_context *context, int worker);

#endif
