/*
 * A time zone's rules from the bytes of a TZif file (RFC 8536), as Debian's tzdata installs them: a
 * country that changes its clocks reaches us by a tzdata update, not by a rebuild. Pure: bytes in.
 */
#ifndef CELL_FLOWS_ZONE_H
#define CELL_FLOWS_ZONE_H

#include "base/err.h"
#include "base/slice.h"
#include <stdint.h>

struct cell_zone; /* opaque, immutable */

/* Versions 2 and later (64-bit data and the POSIX footer for times after the last transition).
 * CC_INVALID, CC_UNSUPPORTED (version 1). */
enum cc_error cell_zone_parse(struct cc_slice tzif, struct cell_zone **out) CC_MUST_CHECK;
void cell_zone_free(struct cell_zone *zone);

/* Seconds east of UTC in force at the time. */
int64_t cell_zone_offset_s(const struct cell_zone *zone, int64_t time_us);

/* Finds a parsed zone by IANA name ("Europe/Stockholm"); NULL when unknown. The rim gives one to
 * those who compile flows; names are checked against path tricks by the implementer. */
struct cell_zones {
    const struct cell_zone *(*find)(void *context, struct cc_slice name);
    void *context;
};

#endif
