#include "cell/flows/node.h"

/* say and play: an announcement, then the next node. */
struct announcement {
    struct cc_prompt prompt;
    uint16_t next;
};

static enum cc_error compile(struct cell_compiler *compiler, struct cell_node *node, bool plays)
{
    struct announcement *data = cell_flow_alloc(compiler->flow, sizeof(*data));
    enum cc_error error = CC_OK;
    if (!data)
        return CC_NO_MEMORY;
    node->data = data;
    error =
        plays ? cell_read_play(compiler, &data->prompt) : cell_read_say(compiler, &data->prompt);
    if (!error)
        error = cell_read_reference(compiler, "next", true, &data->next);
    return error;
}

static enum cc_error compile_say(struct cell_compiler *compiler, struct cell_node *node)
{
    return compile(compiler, node, false);
}

static enum cc_error compile_play(struct cell_compiler *compiler, struct cell_node *node)
{
    return compile(compiler, node, true);
}

static enum cell_node_then enter(const struct cell_node *node, struct cell_step *step)
{
    const struct announcement *data = node->data;
    bool plays = data->prompt.play_url.length > 0;
    struct cc_action action = {.kind = plays ? CC_ACTION_PLAY : CC_ACTION_SAY,
                               .prompt = data->prompt};
    (void)cell_step_act(step, &action);
    step->next = data->next;
    return CELL_NODE_GO;
}

const struct cell_node_type cell_node_say = {
    .name = "say",
    .fields = (const char *const[]){"text", "language", "next", NULL},
    .acts = true,
    .compile = compile_say,
    .enter = enter,
};

const struct cell_node_type cell_node_play = {
    .name = "play",
    .fields = (const char *const[]){"url", "next", NULL},
    .acts = true,
    .compile = compile_play,
    .enter = enter,
};
