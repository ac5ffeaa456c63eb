/*
 * W3C Trace Context: the traceparent that the edge sends on. Pure; randomness is a parameter.
 */
#ifndef EDGE_TRACE_H
#define EDGE_TRACE_H

#include <stdint.h>

#include "base/slice.h"

enum { EDGE_TRACEPARENT_TEXT = 55, EDGE_TRACE_RANDOM_BYTES = 24 };

/* Keeps trace id and flags of a valid header of the carrier; else begins a sampled trace. The
 * parent id is new. out has room for EDGE_TRACEPARENT_TEXT + 1 bytes. */
void edge_trace_continue(struct cc_slice header, const uint8_t random[EDGE_TRACE_RANDOM_BYTES],
                         char *out);

#endif
