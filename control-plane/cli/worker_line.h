/*
 * One line of `callcell status` for a worker: what a tired reader must see, what is wrong in
 * capitals.
 */
#ifndef CP_CLI_WORKER_LINE_H
#define CP_CLI_WORKER_LINE_H

#include <jansson.h>

#include "base/buffer.h"

/* Appends the line, without its end, for one worker of `callcell status --output json`. now_us:
 * wall clock, for the age of what the spool holds. */
void cp_worker_line(const json_t *worker, int64_t now_us, struct cc_buffer *out);

#endif
