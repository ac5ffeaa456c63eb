#include "cell/flows/node.h"

#include <stdlib.h>

/* Longest way from a node until somebody is asked or the call ends, the node itself included. */
struct reach {
    bool begun; /* on the way now, when not done: meeting it again is a circle */
    bool done;
    bool reached; /* from the entry */
    size_t first_edge;
    unsigned steps;
    unsigned actions;
};

struct check {
    struct cell_compiler *compiler;
    struct reach *nodes;
};

static enum cc_error refuse_node(const struct check *check, size_t node, const char *words)
{
    struct cell_compiler *compiler = check->compiler;
    return cell_refuse(compiler, NULL, "nodes.%s: %s", compiler->flow->nodes[node].id.data, words);
}

/* Edges stand in the order of their nodes. */
static const struct cell_edge *edges_of(const struct check *check, size_t node, size_t *count)
{
    const struct cell_compiler *compiler = check->compiler;
    size_t first = check->nodes[node].first_edge;
    size_t end = first;
    while (end < compiler->edge_count && compiler->edges[end].from == node)
        end++;
    *count = end - first;
    return end > first ? compiler->edges + first : NULL;
}

static void index_edges(struct check *check)
{
    const struct cell_compiler *compiler = check->compiler;
    for (size_t i = compiler->edge_count; i-- > 0;)
        check->nodes[compiler->edges[i].from].first_edge = i;
}

static void mark_reached(struct check *check, size_t node)
{
    size_t count = 0;
    const struct cell_edge *edges = edges_of(check, node, &count);
    check->nodes[node].reached = true;
    for (size_t i = 0; i < count; i++) {
        if (!check->nodes[edges[i].to].reached)
            mark_reached(check, edges[i].to);
    }
}

static enum cc_error measure(struct check *check, size_t node);

static enum cc_error measure_next(struct check *check, struct reach *reach, size_t next)
{
    const struct reach *ahead = &check->nodes[next];
    enum cc_error error = CC_OK;
    if (ahead->begun && !ahead->done)
        return refuse_node(check, next, "stands in a circle in which the caller is never asked");
    error = measure(check, next);
    if (error)
        return error;
    if (ahead->steps > reach->steps)
        reach->steps = ahead->steps;
    if (ahead->actions > reach->actions)
        reach->actions = ahead->actions;
    return CC_OK;
}

/* At most CELL_FLOW_NODES_MAX deep. Only waiting nodes have optional branches, so nothing hangs up
 * on the way. */
static enum cc_error measure(struct check *check, size_t node)
{
    const struct cell_node_type *type = check->compiler->flow->nodes[node].type;
    struct reach *reach = &check->nodes[node];
    size_t count = 0;
    const struct cell_edge *edges = edges_of(check, node, &count);
    if (reach->done)
        return CC_OK;
    reach->begun = true;
    for (size_t i = 0; i < count && !type->waits; i++) {
        enum cc_error error = measure_next(check, reach, edges[i].to);
        if (error)
            return error;
    }
    reach->steps += 1;
    reach->actions += type->acts;
    reach->done = true;
    if (reach->actions > CC_ACTIONS_MAX)
        return refuse_node(check, node, "more than 16 actions would follow in one answer");
    if (reach->steps > CELL_FLOW_STEPS_MAX)
        return refuse_node(check, node, "more than 100 nodes would be walked for one answer");
    return CC_OK;
}

static enum cc_error check_all(struct check *check)
{
    size_t count = check->compiler->flow->node_count;
    index_edges(check);
    mark_reached(check, check->compiler->flow->entry);
    for (size_t i = 0; i < count; i++) {
        if (!check->nodes[i].reached)
            return refuse_node(check, i, "cannot be reached from entry");
    }
    for (size_t i = 0; i < count; i++) {
        enum cc_error error = measure(check, i);
        if (error)
            return error;
    }
    return CC_OK;
}

enum cc_error cell_flow_check(struct cell_compiler *compiler)
{
    enum cc_error error = CC_OK;
    struct check check = {.compiler = compiler};
    check.nodes = calloc(compiler->flow->node_count, sizeof(*check.nodes));
    if (!check.nodes)
        return CC_NO_MEMORY;
    error = check_all(&check);
    free(check.nodes);
    return error;
}
