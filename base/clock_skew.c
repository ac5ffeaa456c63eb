#include "base/clock_skew.h"

bool cc_clock_skew_enter(struct cc_clock_skew *skew, const struct cc_clock_reading *reading)
{
    int64_t round_trip_us = reading->heard_us - reading->asked_us;
    if (round_trip_us < 0 || round_trip_us > CC_CLOCK_ROUND_TRIP_MAX_US)
        return false;
    size_t at = skew->_entered++ % CC_CLOCK_READINGS;
    skew->_readings[at].heard_us = reading->heard_us;
    skew->_readings[at].ahead_us = reading->ours_us - round_trip_us / 2 - reading->theirs_us;
    return true;
}

bool cc_clock_skew_at(const struct cc_clock_skew *skew, int64_t now_us, int64_t *ahead_us)
{
    int64_t sorted[CC_CLOCK_READINGS];
    size_t count = 0;
    for (size_t i = 0; i < CC_CLOCK_READINGS && i < skew->_entered; i++) {
        int64_t value_us = skew->_readings[i].ahead_us;
        if (now_us - skew->_readings[i].heard_us > CC_CLOCK_READING_AGE_MAX_US)
            continue;
        size_t at = count++;
        for (; at > 0 && sorted[at - 1] > value_us; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = value_us;
    }
    if (count == 0)
        return false;
    *ahead_us = sorted[count / 2];
    return true;
}
