/*
 * Keeps a line that each call may cause from flooding the log in an outage: so many a second are
 * written, the others only counted; telemetry and the journal have them all. Pure.
 */
#ifndef EDGE_LOG_GATE_H
#define EDGE_LOG_GATE_H

#include <stdbool.h>
#include <stdint.h>

/* All zero is a gate that has let nothing through yet. */
struct edge_log_gate {
    int64_t second; /* of the monotonic clock */
    int64_t written, held_back;
};

/* Whether a line may be written now; then held_back is the number of those held back since the
 * last one written, to be said in this one. */
bool edge_log_gate_opens(struct edge_log_gate *gate, int64_t lines_per_second, int64_t now_us,
                         int64_t *held_back);

#endif
