#include "cell/readiness.h"

#include <stddef.h>

static bool can_know_numbers(const struct cell_readiness *readiness,
                             const struct cell_readiness_facts *facts)
{
    if (readiness->was_ready || !facts->answers_calls || facts->redis_up || facts->replica_up ||
        facts->primary_up)
        return true;
    return facts->has_disk &&
           (facts->stores_failed || facts->now_us - readiness->started_us >= CELL_READY_STORES_US);
}

const char *cell_readiness_missing(struct cell_readiness *readiness,
                                   const struct cell_readiness_facts *facts)
{
    if (facts->stopping)
        return "stopping";
    if (!facts->has_map)
        return "no routing map yet";
    if (!facts->has_keys)
        return "no sealing keys yet";
    if (!facts->has_zones)
        return "no time zones: zoneinfo_directory holds no UTC";
    if (!can_know_numbers(readiness, facts))
        return facts->has_disk ? "no store is connected yet"
                               : "no store is connected, and no call plans are on disk";
    readiness->was_ready = true;
    return NULL;
}

const char *cell_readiness_without(const struct cell_readiness_facts *facts)
{
    static const char *const words[] = {"[]",
                                        "[\"redis\"]",
                                        "[\"replica\"]",
                                        "[\"redis\",\"replica\"]",
                                        "[\"primary\"]",
                                        "[\"redis\",\"primary\"]",
                                        "[\"replica\",\"primary\"]",
                                        "[\"redis\",\"replica\",\"primary\"]"};
    return words[!facts->redis_up + 2 * !facts->replica_up + 4 * !facts->primary_up];
}
