/*
 * Segments of a path (RFC 3986). Pure.
 */
#ifndef EDGE_SEGMENT_H
#define EDGE_SEGMENT_H

#include "base/slice.h"

/* Whether a segment, percent-decoded, is this text. */
bool edge_segment_is(struct cc_slice segment, struct cc_slice text);

/* Whether the text may stand in a path as it is: unreserved characters, not beginning with a dot.
 */
bool edge_segment_is_plain(struct cc_slice text);

#endif
