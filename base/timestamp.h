/*
 * Times are int64_t microseconds since 1970-01-01T00:00:00Z, UTC; on the wire RFC 3339.
 */
#ifndef CC_TIMESTAMP_H
#define CC_TIMESTAMP_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { CC_TIMESTAMP_TEXT_MAX = 28 };
#define CC_SECOND_US INT64_C(1000000)
#define CC_DAY_US (INT64_C(86400) * CC_SECOND_US)

/* Strict RFC 3339 date-time with "Z" or a numeric offset, 0 to 9 fraction digits, year 0001-9999,
 * a leap second counts as the second before. CC_INVALID otherwise. */
enum cc_error cc_timestamp_parse(struct cc_slice text, int64_t *out_us) CC_MUST_CHECK;

/* "2026-11-21T09:30:00.000000Z"; out has room for CC_TIMESTAMP_TEXT_MAX bytes with NUL. */
void cc_timestamp_format(int64_t time_us, char *out);

/* Days since 1970-01-01 to a civil date and back (proleptic Gregorian; after Howard Hinnant's
 * "chrono-compatible low-level date algorithms"). month 1-12, day 1-31. */
void cc_civil_from_days(int64_t days, int *year, int *month, int *day);
int64_t cc_days_from_civil(int year, int month, int day);

#endif
