/*
 * A country as an edge holds it, made through base's own writers: map, numbers, carriers.
 */
#ifndef TESTS_EDGE_FIXTURE_H
#define TESTS_EDGE_FIXTURE_H

#include "base/call_event.h"
#include "edge/route.h"

/* Aborts the test on failure. se-1 has tenants but for globex, pinned to se-2. Emergency 112,
 * barred +4690. Numbers: +46101234567 acme pbx (fallback +46700000001), +46101234568 acme pbx
 * (none), +46701112233 acme mobile, +46701112244 globex mobile. */
struct cc_route_map *fixture_map(int64_t epoch);
struct cc_number_directory *fixture_numbers(void);
struct cc_carrier_keyring *fixture_keyring(const char *keys_json);

/* All of the above under "se"; the test calls edge_countries_deinit. */
struct edge_snapshot *fixture_country(struct edge_countries *countries);

/* A call event of this kind, direction, event, from, to. */
void fixture_event(struct cc_arena *arena, const char *kind, const char *direction,
                   const char *event, const char *from, const char *to, const char *state,
                   struct cc_call_event *out);

#endif
