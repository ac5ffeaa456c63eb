#include "edge/log_gate.h"

#include "base/timestamp.h"

bool edge_log_gate_opens(struct edge_log_gate *gate, int64_t lines_per_second, int64_t now_us,
                         int64_t *held_back)
{
    int64_t second = now_us / CC_SECOND_US;
    if (second != gate->second) {
        gate->second = second;
        gate->written = 0;
    }
    if (gate->written >= lines_per_second) {
        gate->held_back++;
        return false;
    }
    gate->written++;
    *held_back = gate->held_back;
    gate->held_back = 0;
    return true;
}
