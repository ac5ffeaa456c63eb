/*
 * Of the `serve` processes one leads, and does what only one needs to do: the list in duties.c.
 *
 * Who leads is a session lock in the registry (migrations/control/0005): gone the moment the
 * process or its connection is, so that another leads within a second. A frozen process keeps its
 * connection: one that has not renewed for CP_LEADER_PATIENCE_MS has its session ended by the
 * other. When it thaws it finds its renewal too old and does nothing until it has asked again.
 * Still two may believe for a moment that they lead (a lost answer): **a duty must be harmless when
 * it is done twice at once**.
 */
#ifndef CP_LEADER_H
#define CP_LEADER_H

#include "base/buffer.h"
#include "base/io/loop.h"
#include "control-plane/context.h"

enum { CP_LEADER_PATIENCE_MS = 10000, CP_LEADER_TRUST_MS = 8000 };

/* Runs on a pool thread, never twice at once in one process; may block, but with deadlines of its
 * own. context is the duty's: its memory lives for this run, its registry connection (open) for
 * longer. A failure is logged with context->message, when it is the first after a success. */
struct cp_duty {
    const char *name;
    int64_t interval_ms; /* from the end of one run to the begin of the next */
    enum cc_error (*run)(struct cp_context *context);
};
extern const struct cp_duty cp_duties[];
extern const size_t cp_duty_count;

struct cp_leader; /* opaque */

/* context: home, settings and the like of the process; borrowed. instance: "serve-1". conninfo: of
 * the registry, for the role that asks. */
enum cc_error cp_leader_create(struct cc_loop *loop, const struct cp_context *context,
                               const char *instance, const char *conninfo, const char *password,
                               struct cp_leader **out) CC_MUST_CHECK;
/* Gives the lead up and begins no more duties. */
void cp_leader_stop(struct cp_leader *leader);
/* After the loop is freed: a duty may have been under way until then. */
void cp_leader_free(struct cp_leader *leader);

bool cp_leader_leads(const struct cp_leader *leader);

/* Appends Prometheus text: callcell_control_leader, runs and failures of each duty. */
void cp_leader_expose(const struct cp_leader *leader, struct cc_buffer *out);

#endif
