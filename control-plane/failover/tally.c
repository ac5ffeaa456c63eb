#include "control-plane/failover/tally.h"

static int64_t value_before(const struct cp_tally *before, int port)
{
    for (size_t i = 0; i < before->count; i++) {
        if (before->counters[i].port == port)
            return before->counters[i].value;
    }
    return -1;
}

void cp_tally_say(const struct cp_tally *before, const struct cp_tally *after, const char *what,
                  const char *who, struct cc_buffer *out)
{
    int64_t sum = 0;
    size_t heard = 0;
    for (size_t i = 0; i < after->count; i++) {
        int64_t now = after->counters[i].value;
        int64_t then = value_before(before, after->counters[i].port);
        if (now < 0 || then < 0)
            continue;
        sum += now >= then ? now - then : now;
        heard++;
    }
    if (heard == 0)
        cc_buffer_printf(out, "%s: not known (no %s says)", what, who);
    else if (heard < after->count)
        cc_buffer_printf(out, "at least %lld %s (%zu of %zu %ss %s)", (long long)sum, what, heard,
                         after->count, who, heard == 1 ? "says" : "say");
    else
        cc_buffer_printf(out, "%lld %s", (long long)sum, what);
}
