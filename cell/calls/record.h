/*
 * Recording an answer: into the spool before it leaves, or into memory when the spool takes
 * nothing. When that is full too the call is answered all the same: counted, and logged at most
 * once a second. Rim: the spool.
 */
#ifndef CELL_CALLS_RECORD_H
#define CELL_CALLS_RECORD_H

#include "base/call_record.h"
#include "cell/worker.h"

void cell_record(struct cell_worker *worker, const struct cc_call_record *record);

#endif
