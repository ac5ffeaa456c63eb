/*
 * Well-formed UTF-8 (RFC 3629).
 */
#ifndef CC_UTF8_H
#define CC_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the well-formed sequence at the start of left (> 0) bytes, 0 if there is none. */
size_t cc_utf8_length(const unsigned char *p, size_t left);

#endif
