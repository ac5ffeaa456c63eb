/* What the unit tests of cell share: flows and plans from JSON with ' for ", zones from tzdata. */
#ifndef TESTS_UNIT_CELL_FIXTURE_H
#define TESTS_UNIT_CELL_FIXTURE_H

#include <check.h>

#include "cell/calls/decide.h"

enum { FIXTURE_TEXT_MAX = 16 * 1024 };

/* Zones of /usr/share/zoneinfo; parsed once, kept until the end of the process. */
const struct cell_zones *fixture_zones(void);

/* A file's bytes; the caller free()s data. */
struct cc_slice fixture_file(const char *path);

/* A copy with ' turned into "; the caller free()s it. */
char *fixture_quote(const char *text);

/* "2026-03-29T01:00:00Z" in microseconds. */
int64_t fixture_time(const char *text);

struct cell_flow *fixture_flow(const char *quoted);
void fixture_flow_refused(const char *quoted, const char *reason);
struct cell_call_plan *fixture_plan(const char *quoted);
struct cc_sealing_keyring *fixture_keyring(const char *quoted);

/* Keys 1 (always), 2 (from 2026-06-01). */
extern const char *const fixture_two_keys;

/* One walk, its actions as JSON with ' for ". */
struct fixture_walk {
    enum cell_flow_outcome outcome;
    struct cell_flow_position position;
    char actions[FIXTURE_TEXT_MAX];
};
struct fixture_walk fixture_walk(const struct cell_flow *flow,
                                 const struct cell_flow_position *position,
                                 const struct cc_call_event *event);
struct fixture_walk fixture_start(const struct cell_flow *flow, const char *occurred_at);

/* Runs the tests as one suite, in TAP when asked; returns main's exit code. */
int fixture_run(const char *name, const TTest *const *tests, size_t count);

#endif
