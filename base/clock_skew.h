/*
 * How far our clock is from another program's that tells its own with its answers: the median of
 * the last few readings, so that one odd answer says nothing. Pure.
 *
 *   we ask ------- they tell the time ------- we hear
 *   |<------------- round trip -------------------->|
 *
 * When in the round trip they looked at their clock is unknown: the middle is taken, which is wrong
 * by half of the round trip at most. Answers that took long say nothing and are left out.
 */
#ifndef CC_CLOCK_SKEW_H
#define CC_CLOCK_SKEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CC_CLOCK_READINGS = 5,
    CC_CLOCK_ROUND_TRIP_MAX_US = 500 * 1000,
    CC_CLOCK_READING_AGE_MAX_US = 300 * 1000 * 1000
};

struct cc_clock_reading {
    int64_t asked_us, heard_us; /* monotonic */
    int64_t ours_us, theirs_us; /* wall clocks: ours when we heard, theirs as told */
};

/* Zeroed: nothing heard. */
struct cc_clock_skew {
    struct {
        int64_t heard_us, ahead_us;
    } _readings[CC_CLOCK_READINGS];
    size_t _entered;
};

/* Returns whether it counts: its round trip is possible, and short. */
bool cc_clock_skew_enter(struct cc_clock_skew *skew, const struct cc_clock_reading *reading);

/* Our clock minus theirs, of the readings that are not too old by now. now_us: monotonic. Returns
 * false, and leaves *ahead_us, when there is none. */
bool cc_clock_skew_at(const struct cc_clock_skew *skew, int64_t now_us, int64_t *ahead_us);

#endif
