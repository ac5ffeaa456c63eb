/*
 * What several programs counted between two moments, in words (pure). One that was not heard at
 * both moments adds nothing, and that is said: a number is a fact or says what it lacks.
 */
#ifndef CP_FAILOVER_TALLY_H
#define CP_FAILOVER_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { CP_TALLY_MAX = 512 };

struct cp_counter {
    int port;      /* whose */
    int64_t value; /* below 0: it did not answer */
};
struct cp_tally {
    struct cp_counter counters[CP_TALLY_MAX];
    size_t count;
};

/* "12 events shipped", "at least 12 events shipped (1 of 2 workers says)", "events shipped: not
 * known (no worker says)". A counter that fell began anew. what: "events shipped"; who: "worker".
 */
void cp_tally_say(const struct cp_tally *before, const struct cp_tally *after, const char *what,
                  const char *who, struct cc_buffer *out);

#endif
