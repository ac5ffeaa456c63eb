/*
 * A flow: a tenant's PBX programme as an immutable table of nodes, and the interpreter that walks
 * it (docs/api/flows.md). Pure.
 *
 * Webhook in, actions out: from the entry (a new call) or from the waiting node (a result) the walk
 * goes on, gathering actions, until a node waits (menu, connect) or ends the call (hangup). To add
 * a node type: one file node_<type>.c and one row of the table in flow.c.
 */
#ifndef CELL_FLOWS_FLOW_H
#define CELL_FLOWS_FLOW_H

#include "base/answer.h"
#include "base/json.h"
#include "cell/flows/zone.h"

enum {
    CELL_FLOW_NODES_MAX = 1000,
    CELL_FLOW_STEPS_MAX = 100, /* nodes walked for one webhook */
    CELL_FLOW_BYTES_MAX = 1024 * 1024
};

struct cell_flow; /* opaque, immutable, one allocation region; slices in answers borrow from it */

/* Compiles a checked document {version, entry, nodes}. On CC_INVALID reason names node and field:
 * "nodes.menu.branches.1: no node \"sales\"". What is refused: unknown or missing fields and types,
 * dangling references, unreachable nodes, cycles in which nobody is asked, unknown zones, bounds.
 */
enum cc_error cell_flow_compile(const json_t *document, const struct cell_zones *zones,
                                struct cell_flow **out,
                                struct cc_json_reason *reason) CC_MUST_CHECK;
void cell_flow_free(struct cell_flow *flow); /* NULL is fine */

/* What the flow takes of memory. */
size_t cell_flow_memory_bytes(const struct cell_flow *flow);

/* Where a dialogue stands. Sealed into the call's state between webhooks. */
struct cell_flow_position {
    uint16_t node; /* waiting node: index in the byte order of node ids */
    uint8_t tries; /* menu: failed tries so far */
};

enum cell_flow_outcome {
    CELL_FLOW_WAITING, /* position tells where */
    CELL_FLOW_ENDED,   /* the call was told to end */
    CELL_FLOW_UNFIT    /* the event does not fit the waiting node, or the step budget ran out: the
                          caller answers with the safest action */
};

/* position NULL: start at the entry. Actions are written into the arena-backed array given
 * (CC_ACTIONS_MAX). */
enum cell_flow_outcome cell_flow_walk(const struct cell_flow *flow,
                                      const struct cell_flow_position *position,
                                      const struct cc_call_event *event, struct cc_action *actions,
                                      size_t *action_count, struct cell_flow_position *next);

/* Id of a node for logs and explanations; empty when out of range. */
struct cc_slice cell_flow_node_id(const struct cell_flow *flow, uint16_t node);

#endif
