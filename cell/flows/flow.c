#include "cell/flows/node.h"

#include <stdlib.h>

static const struct cell_node_type *const types[] = {
    &cell_node_hours, &cell_node_say,     &cell_node_play,
    &cell_node_menu,  &cell_node_connect, &cell_node_hangup,
};
enum { TYPE_COUNT = sizeof(types) / sizeof(types[0]) };

const struct cell_node_type *cell_node_type_find(struct cc_slice name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (cc_slice_is(name, types[i]->name))
            return types[i];
    }
    return NULL;
}

bool cell_node_is_result(enum cc_call_event_type type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (types[i]->waits && types[i]->awaits == type)
            return true;
    }
    return false;
}

void *cell_flow_alloc(struct cell_flow *flow, size_t bytes)
{
    void *memory = cc_arena_alloc(&flow->region, bytes);
    if (memory)
        flow->bytes += bytes;
    return memory;
}

void cell_flow_free(struct cell_flow *flow)
{
    if (!flow)
        return;
    cc_arena_reset(&flow->region);
    free(flow);
}

size_t cell_flow_memory_bytes(const struct cell_flow *flow)
{
    return sizeof(*flow) + flow->bytes;
}

struct cc_slice cell_flow_node_id(const struct cell_flow *flow, uint16_t node)
{
    return node < flow->node_count ? flow->nodes[node].id : cc_slice(NULL, 0);
}

bool cell_step_act(struct cell_step *step, const struct cc_action *action)
{
    if (step->action_count == CC_ACTIONS_MAX)
        return false;
    step->actions[step->action_count++] = *action;
    return true;
}

static enum cell_flow_outcome hang_up(struct cell_step *step)
{
    struct cc_action action = cc_action_hangup();
    return cell_step_act(step, &action) ? CELL_FLOW_ENDED : CELL_FLOW_UNFIT;
}

/* From where the last node sent us until a node waits or ends the call. */
static enum cell_flow_outcome go_on(const struct cell_flow *flow, struct cell_step *step,
                                    struct cell_flow_position *next)
{
    for (int steps = 0; steps < CELL_FLOW_STEPS_MAX; steps++) {
        const struct cell_node *node = NULL;
        if (step->next == CELL_NODE_NONE)
            return hang_up(step);
        next->node = step->next;
        next->tries = 0;
        node = &flow->nodes[step->next];
        if (node->type->acts && step->action_count == CC_ACTIONS_MAX)
            return CELL_FLOW_UNFIT;
        switch (node->type->enter(node, step)) {
        case CELL_NODE_GO:
            break;
        case CELL_NODE_WAIT:
            return CELL_FLOW_WAITING;
        case CELL_NODE_END:
            return CELL_FLOW_ENDED;
        }
    }
    return CELL_FLOW_UNFIT;
}

static enum cell_flow_outcome resume(const struct cell_flow *flow, const struct cell_node *node,
                                     struct cell_step *step, struct cell_flow_position *next)
{
    switch (node->type->resume(node, step)) {
    case CELL_NODE_WAIT:
        next->tries = step->tries;
        return CELL_FLOW_WAITING;
    case CELL_NODE_END:
        return CELL_FLOW_ENDED;
    case CELL_NODE_GO:
        break;
    }
    return go_on(flow, step, next);
}

static enum cell_flow_outcome walk_from(const struct cell_flow *flow,
                                        const struct cell_flow_position *position,
                                        struct cell_step *step, struct cell_flow_position *next)
{
    const struct cell_node *node = NULL;
    enum cc_call_event_type type = step->event->type;
    if (!position) {
        step->next = flow->entry;
        return go_on(flow, step, next);
    }
    *next = *position;
    if (position->node >= flow->node_count || !flow->nodes[position->node].type->waits)
        return CELL_FLOW_UNFIT;
    if (type == CC_EVENT_CALL_COMPLETED)
        return CELL_FLOW_ENDED;
    node = &flow->nodes[position->node];
    step->tries = position->tries;
    if (type == node->type->awaits)
        return resume(flow, node, step, next);
    return cell_node_is_result(type) ? CELL_FLOW_UNFIT : CELL_FLOW_WAITING;
}

enum cell_flow_outcome cell_flow_walk(const struct cell_flow *flow,
                                      const struct cell_flow_position *position,
                                      const struct cc_call_event *event, struct cc_action *actions,
                                      size_t *action_count, struct cell_flow_position *next)
{
    struct cell_step step = {.event = event, .actions = actions, .next = CELL_NODE_NONE};
    enum cell_flow_outcome outcome = CELL_FLOW_UNFIT;
    *next = (struct cell_flow_position){0};
    outcome = walk_from(flow, position, &step, next);
    *action_count = outcome == CELL_FLOW_UNFIT ? 0 : step.action_count;
    return outcome;
}
