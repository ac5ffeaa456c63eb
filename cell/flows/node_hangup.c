#include "cell/flows/node.h"

static enum cc_error compile(struct cell_compiler *compiler, struct cell_node *node)
{
    (void)compiler;
    (void)node;
    return CC_OK;
}

static enum cell_node_then enter(const struct cell_node *node, struct cell_step *step)
{
    struct cc_action action = cc_action_hangup();
    (void)node;
    (void)cell_step_act(step, &action);
    return CELL_NODE_END;
}

const struct cell_node_type cell_node_hangup = {
    .name = "hangup",
    .fields = (const char *const[]){NULL},
    .acts = true,
    .compile = compile,
    .enter = enter,
};
